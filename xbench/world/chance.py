"""Seeded draws that stay the same on every version of Python and numpy: all rest on `random.Random.random`."""

import math
from bisect import bisect
from collections.abc import Sequence
from itertools import accumulate
from random import Random
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """Draws under a key; equal keys give equal draws, and one use cannot disturb another's."""

    def __init__(self, *key: object) -> None:
        """Seed with everything in `key`, by its text."""
        # Only random() itself is promised to give the same numbers in every release; choice() and shuffle() are not.
        self._draw = Random("/".join(map(str, key))).random  # noqa: S311 nothing here is secret

    def under(self, probability: float) -> bool:
        """True with this probability."""
        return self._draw() < probability

    def index(self, count: int) -> int:
        """A whole number in 0..count-1, all equally likely."""
        return int(self._draw() * count)

    def pick(self, items: Sequence[T]) -> T:
        """One of the items, all equally likely."""
        return items[int(self._draw() * len(items))]

    def other(self, count: int, than: int) -> int:
        """A whole number in 0..count-1 that is not `than`."""
        drawn = int(self._draw() * (count - 1))
        return drawn + (drawn >= than)

    def weighted(self, cumulative: Sequence[float]) -> int:
        """An index, likely as its weight; `cumulative` holds the running sums of the weights."""
        return min(bisect(cumulative, self._draw() * cumulative[-1]), len(cumulative) - 1)

    def half_gamma(self) -> float:
        """A draw of Gamma(shape 1/2, scale 1): half the square of a standard normal one, by Box and Muller 1958."""
        return -math.log(1.0 - self._draw()) * math.cos(2.0 * math.pi * self._draw()) ** 2

    def sample(self, items: Sequence[T], count: int) -> list[T]:
        """`count` of the items without repetition, in the order drawn (Fisher and Yates)."""
        left = list(items)
        for place in range(count):
            chosen = place + self.index(len(left) - place)
            left[place], left[chosen] = left[chosen], left[place]
        return left[:count]


def running(weights: Sequence[float]) -> tuple[float, ...]:
    """Running sums of the weights, as `Dice.weighted` takes them."""
    return tuple(accumulate(weights))


def zipf(count: int, exponent: float) -> tuple[float, ...]:
    """Running sums of 1 / rank ** exponent for ranks 1..count (Zipf 1949)."""
    return running([1.0 / rank**exponent for rank in range(1, count + 1)])
