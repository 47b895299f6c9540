"""Every number that changes what pre-training learns, and what it refuses."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

from xbench.errors import BadOption, DataError, near

Words: TypeAlias = Literal["word", "bpe", "unigram"]
"""How text is cut: `word` keeps every word of the corpus whole and spells the others; the rest are subword models."""

ARCHITECTURES = ("xlm-roberta", "modernbert", "bert")
"""Shapes that can be built from nothing; any masked language model of transformers can be trained onwards."""


class BadCorpus(DataError, ValueError):
    """Texts that cannot be had or cannot be used: an unknown repository, config, split or column, or no text at all."""


class BadSettings(BadOption, ValueError):
    """Settings that make no sense, alone or together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pretraining:
    """Masked language modelling over many languages (MMLM), with translation pairs in a share of the sequences (TLM).

    MMLM is Devlin et al. 2019 and Conneau et al. 2020 (XLM-R); TLM is Conneau and Lample 2019 (XLM). The defaults are
    those of the mini suite.
    """

    architecture: str = "xlm-roberta"
    """One of `ARCHITECTURES`."""
    layers: int = 3
    width: int = 128
    """Size of the hidden states."""
    heads: int = 4
    feed_forward: int = 256
    dropout: float = 0.0
    """In pre-training; it also becomes the checkpoint's own, which fine-tuning then uses."""
    words: Words = "word"
    vocabulary: int = 4000
    """Most tokens in the vocabulary, special ones included."""
    rare: int = 3
    """Words in fewer texts than this are spelled by letters (`word` only)."""
    length: int = 64
    """Most tokens of a sequence, special tokens included; what is longer is cut."""
    positions: int = 512
    """Most tokens that the model can be given later."""
    steps: int = 3000
    """Optimizer steps; 0 = an untrained control with the same shape and vocabulary."""
    batch: int = 64
    """Sequences in a step."""
    rate: float = 2e-3
    """Peak learning rate of AdamW."""
    warmup: int = 100
    """Steps of linear warm-up before the linear decay to 0."""
    decay: float = 0.01
    """Weight decay, not applied to biases and layer norms."""
    betas: tuple[float, float] = (0.9, 0.98)
    clip: float = 1.0
    """Largest gradient norm."""
    masked: float = 0.25
    """Share of tokens that are predicted; of these 80 % are masked, 10 % replaced, 10 % kept (Devlin et al. 2019)."""
    translated: float = 0.15
    """Share of sequences that are translation pairs; without effect where the corpus has none."""
    cut: float = 0.0
    """Share of texts that are cut in two at a random token and given as a pair of segments."""
    exponent: float = 0.5
    """Languages are drawn with probability proportional to (number of texts) ** exponent."""
    mean_pooling: bool = True
    """Whether classification heads pool the mean of all tokens, if the architecture leaves the choice (modernbert)."""
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse settings that make no sense, all of them at once."""
        wrong = [
            *(f"{name} must be at least {low}, not {value}" for name, low, value in self._bounds() if value < low),
            *(f"{name} must lie in 0..1, not {value}" for name, value in self._shares() if not 0 <= value <= 1),
        ]
        if self.heads > 0 and self.width % self.heads:
            wrong.append(f"width {self.width} is no multiple of {self.heads} heads")
        if self.architecture not in ARCHITECTURES:
            wrong.append(f"no architecture {self.architecture!r}; there are {', '.join(ARCHITECTURES)}")
        if self.words not in ("word", "bpe", "unigram"):
            wrong.append(f"no way {self.words!r} to cut text; there are word, bpe, unigram")
        if self.positions < self.length:
            wrong.append(f"positions ({self.positions}) must be no fewer than length ({self.length})")
        if wrong:
            raise BadSettings("; ".join(wrong))

    def _bounds(self) -> tuple[tuple[str, float, float], ...]:
        """(name, least value, value) of the numbers that have a least value."""
        whole = ("layers", "width", "heads", "feed_forward", "batch", "rare")
        least = [(name, 1.0, float(getattr(self, name))) for name in whole]
        return (*least, ("vocabulary", 16, self.vocabulary), ("length", 8, self.length), ("steps", 0, self.steps),
                ("warmup", 0, self.warmup), ("rate", 0, self.rate), ("decay", 0, self.decay))  # fmt: skip

    def _shares(self) -> tuple[tuple[str, float], ...]:
        return tuple((name, getattr(self, name)) for name in ("masked", "translated", "cut", "dropout"))


def with_settings(base: Mapping[str, Any], given: Sequence[str]) -> Pretraining:
    """The defaults with the values of `base`, and over these the texts `NAME=VALUE`; pairs of numbers are `0.9,0.98`.

    BadSettings, saying everything that is wrong at once, where a name is unknown or a value is not of its kind.
    """
    defaults, values, wrong = asdict(Pretraining()), dict(base), list[str]()
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            wrong.append(f"{text!r} does not read NAME=VALUE")
        elif name not in defaults:
            wrong.append(f"unknown setting {name!r}{near(name, defaults)}")
        else:
            try:
                values[name] = _parsed(value, defaults[name])
            except ValueError:
                wrong.append(f"{name} is {_kind(defaults[name])}, not {value!r}")
    if wrong:
        raise BadSettings("; ".join(wrong))
    return Pretraining(**values)


def _parsed(text: str, default: object) -> object:
    """The text as a value of the default's kind."""
    match default:
        case bool():
            return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}[_known(text)]
        case int():
            return int(text)
        case float():
            return float(text)
        case tuple():
            first, second = map(float, text.split(","))
            return first, second
        case _:
            return text


def _known(text: str) -> str:
    """A word for true or false, in small letters."""
    if (low := text.lower()) in ("true", "1", "yes", "false", "0", "no"):
        return low
    raise ValueError(text)


def _kind(default: object) -> str:
    names = {bool: "true or false", int: "a whole number", float: "a number", tuple: "two numbers with a comma between"}
    return names.get(type(default), "a name")
