"""What an encoder reads of many languages: all tokenized first, then read in one stream that is sorted by length.

Sequences of one length then stand together whatever their language: few batches are half empty, and the device does
not wait at the end of every language.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from xbench.data import Rows
from xbench.kinds import Feature
from xbench.runner.bench import Bench
from xbench.runner.watch import Watch

AT_ONCE = 8_000_000
"""Most tokens of one stream; further languages make another. One language is never cut, however large.

Ids and scores of a stream are held until its languages are done: up to 2 GiB of vectors (1,024 numbers for a sentence
of 16 tokens), 0.6 GiB of tags (17 numbers a token), 64 MB of an answer's ends. A stream of a tenth of it would lose
next to nothing: it is a hundred batches of a GPU."""


@dataclass(frozen=True, slots=True)
class Tokenized:
    """A language as the encoder is given it."""

    language: str
    features: Sequence[Feature]
    tokens: int

    @classmethod
    def of(cls, bench: Bench, language: str, examples: Sequence[Any]) -> "Tokenized":
        """Tokenize its examples."""
        features = bench.encode(examples)
        return cls(language, features, sum(len(feature.ids) for feature in features))


class Read(NamedTuple):
    """A language as the encoder has read it."""

    text: Tokenized
    scores: Sequence[NDArray[np.float32]]
    """One for each of its features."""


def read(bench: Bench, rows: Mapping[str, Rows], watch: Watch, what: str) -> Iterator[Read]:
    """Every language, in the order of the rows; `what` is scored.

    What a language took is let go as languages are asked for; vectors and other scores of whole sequences stay until
    the end of their stream. The watch hears how many examples are tokenized, how many tokens read, and which language
    is then being worked on. Raises what `encode` and `predict` raise.
    """
    for stream in _streams(bench, rows, watch, what):
        total = sum(one.tokens for one in stream)
        watch.begin(f"scoring {what}", total)
        scores = bench.scores(
            [feature for one in stream for feature in one.features], lambda done, _: watch.advance(done, "tokens")
        )
        while stream:
            text = stream.popleft()
            own, scores = scores[: len(text.features)], scores[len(text.features) :]
            watch.advance(total, f"tokens, {text.language}")
            yield Read(text, own)
        watch.end()


def _streams(bench: Bench, rows: Mapping[str, Rows], watch: Watch, what: str) -> Iterator[deque[Tokenized]]:
    """The languages in streams of up to AT_ONCE tokens, or of one language. A stream is the caller's to empty."""
    told = f"tokenizing {what}", sum(len(found.ids) for found in rows.values())
    stream: deque[Tokenized] = deque()
    done = 0
    watch.begin(*told)
    for language, found in rows.items():
        text = Tokenized.of(bench, language, found.examples)
        if stream and sum(one.tokens for one in stream) + text.tokens > AT_ONCE:
            watch.end()
            yield stream
            stream = deque()
            watch.begin(*told)
        stream.append(text)
        done += len(found.ids)
        watch.advance(done, language)
    watch.end()
    if stream:
        yield stream
