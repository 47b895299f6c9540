"""What epochs shuffle and batches count: one feature each, or all of an example's where the kind is grouped."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np
from numpy.typing import NDArray

from xbench.columns import Columns
from xbench.kinds import Feature


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """Items of training, by number, and the features that they are made of."""

    columns: Columns
    bounds: NDArray[np.int64]
    """(items + 1,): the first feature of each, and behind the last one; the features of an item stand together."""
    grouped: bool

    @classmethod
    def of(cls, features: Sequence[Feature], *, grouped: bool) -> "Items":
        """With `grouped`, features of one example that stand together are one item."""
        columns = Columns.of(features)
        begins = np.append(True, columns.examples[1:] != columns.examples[:-1]) if grouped else np.ones(len(features))
        return cls(columns=columns, bounds=np.append(np.flatnonzero(begins), len(features)), grouped=grouped)

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def features(self, items: NDArray[np.int64]) -> NDArray[np.int64]:
        """Numbers of the features of these items, item by item."""
        if not self.grouped:
            return items
        return np.concatenate([np.arange(self.bounds[item], self.bounds[item + 1]) for item in items])

    def batches(self, size: int, seed: int) -> Iterator[tuple[NDArray[np.int64], bool]]:
        """Batches without end, and whether each is the last of its epoch. Every epoch reads all in a new order."""
        for epoch in count():
            order = self._order(seed, epoch)
            for start in range(0, len(order), size):
                yield order[start : start + size], start + size >= len(order)

    def tokens(self, size: int, seed: int, batches: int) -> int:
        """Tokens of the first so many batches."""
        of_each = np.add.reduceat(self.columns.lengths, self.bounds[:-1])
        epochs, more = divmod(batches, -(-len(self) // size))
        return epochs * int(of_each.sum()) + int(of_each[self._order(seed, epochs)[: more * size]].sum())

    def _order(self, seed: int, epoch: int) -> NDArray[np.int64]:
        """In which order an epoch, counted from 0, reads them."""
        return np.random.default_rng((seed, epoch)).permutation(len(self))
