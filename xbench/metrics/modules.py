"""Metrics as modules of Hugging Face's `evaluate`: `load("span_f1").compute(predictions=…, references=…)`.

Needs no network and writes no file: what is added stays in memory, so any number of modules run side by side.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import datasets
import evaluate
import numpy as np
from numpy.typing import NDArray

from xbench.errors import ScoringError
from xbench.metrics.counting import count
from xbench.metrics.metric import Metric, checked, close, for_labels, rows_of
from xbench.metrics.named import metric as by_name
from xbench.resample import interval, interval_of_draws
from xbench.task import Bitext, Choice, Label, Mined, Option, Pair, Retrieved, Span, Tagged

Both = tuple[Any, Any]
"""A prediction, and a gold example."""


@dataclass(frozen=True, slots=True)
class Convention:
    """How `evaluate` writes predictions and references of one shape of examples."""

    read: Callable[[Any, Any, int], Both]
    """(prediction or None, reference, its place) -> both as a metric counts them. Raises ScoringError."""
    features: tuple[tuple[Any, Any], ...]
    """What predictions and references may be, the plainest first."""
    told: str
    """The same in words."""


class Module(evaluate.Metric):  # type: ignore[misc]
    """One metric of xbench, in the shape that `evaluate` knows."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric
        self._convention = _convention(metric)
        self._kept: list[tuple[Any, Any]] = []
        super().__init__(keep_in_memory=True, seed=0)
        self.info.module_name = metric.name

    def _info(self) -> evaluate.MetricInfo:
        allowed = self._convention.features if self._convention else ()
        several = [datasets.Features({"predictions": a, "references": b}) for a, b in allowed or _ANY]
        told = self._convention.told if self._convention else "; ".join(one.told for one in CONVENTIONS.values())
        return evaluate.MetricInfo(
            description=f"{self._metric.title}. {self._metric.detail}".strip(),
            citation=self._metric.cite,
            inputs_description=f"\n\nInputs: {told}\nOptions of compute: {_OPTIONS}\nGives: {_GIVES}\n",
            features=several[0] if len(several) == 1 else several,
        )

    def _build_data_dir(self) -> str:
        """No folder is made: nothing is ever written."""
        return ""

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, *, prediction: Any = None, reference: Any = None, **unknown: Any) -> None:
        """Add one prediction, None where none came, and its reference. Raises ScoringError."""
        self.add_batch(predictions=[prediction], references=[reference], **unknown)

    def add_batch(self, *, predictions: Any = None, references: Any = None, **unknown: Any) -> None:
        """Add predictions and as many references. Raises ScoringError; nothing is added then."""
        if unknown:
            raise ScoringError(
                f"{self.name} takes predictions and references, not {', '.join(sorted(unknown))}; options go to compute"
            )
        given, wanted = _listed(predictions, "predictions"), _listed(references, "references")
        if len(given) != len(wanted):
            raise ScoringError(f"{self.name}: {len(given)} predictions for {len(wanted)} references")
        for place, reference in enumerate(wanted, len(self._kept)):
            if reference is None:
                raise ScoringError(f"{self.name}: reference {place} is None")
        self._kept += zip(given, wanted, strict=True)

    def compute(self, *, predictions: Any = None, references: Any = None, **options: Any) -> dict[str, float]:
        """Score what was added, and what is given here; then forget it. Raises ScoringError."""
        strange = sorted(set(options) - {"language", "labels"})
        if strange:
            raise ScoringError(f"{self.name} has no option {', '.join(strange)}; there are language and labels")
        try:
            if predictions is not None or references is not None:
                self.add_batch(predictions=predictions, references=references)
            kept = list(self._kept)
        finally:
            self._kept.clear()
        return self._compute(predictions=[a for a, _ in kept], references=[b for _, b in kept], **options)

    def _compute(
        self, *, predictions: Sequence[Any], references: Sequence[Any], language: str = "en",
        labels: Sequence[str | int] | None = None,
    ) -> dict[str, float]:  # fmt: skip
        """Score, number of examples, and both ends of the 95 % interval over them."""
        if not references:
            raise ScoringError(f"{self.name}: there is nothing to score")
        convention = self._convention or CONVENTIONS[_guessed(references[0])]
        pairs = zip(predictions, references, strict=True)
        read = [_told(self.name, place, convention, a, b) for place, (a, b) in enumerate(pairs)]
        given, gold = [a for a, _ in read], [b for _, b in read]
        metric = for_labels(self._metric, _names(labels) if labels is not None else _seen(given, gold))
        n = len(gold)
        if n < metric.least:
            raise ScoringError(f"{self.name} needs {metric.least} examples, there are {n}")
        value, low, high = _scored(metric, given, gold, language)
        return {self.name: value, "n": n, "low": min(low, value), "high": max(high, value)}


def load(name: str) -> Module:
    """The module of a metric: any name that a task may give. Raises what `xbench.catalogue.metric` raises."""
    return Module(by_name(name))


def _scored(metric: Metric, given: list[Any], gold: list[Any], language: str) -> tuple[float, float, float]:
    """Score, low and high, as a run has them."""
    n, whole = len(gold), metric.whole
    if whole:

        def again(places: NDArray[np.intp]) -> float:
            return checked(
                metric, whole([given[place] for place in places], [gold[place] for place in places], language)
            )

        return again(np.arange(n)), *interval_of_draws(again, n)
    table = count(gold, given, [language] * n, [str(place) for place in range(n)], [metric])
    rows = rows_of(table, metric)
    return close(metric, rows), *interval(rows, metric.close)


def _told(name: str, place: int, convention: Convention, prediction: Any, reference: Any) -> Both:
    """Read one pair; an error says where, and what was due."""
    try:
        return convention.read(prediction, reference, place)
    except (ScoringError, KeyError, TypeError, ValueError, AttributeError) as cause:
        said = str(cause) if isinstance(cause, ScoringError) else f"{type(cause).__name__}: {cause}"
        raise ScoringError(f"{name}, example {place}: {said}. Due are {convention.told}") from cause


def _listed(values: Any, what: str) -> list[Any]:
    """A list of a list, tuple, array, tensor or column. Raises ScoringError."""
    if hasattr(values, "tolist"):
        values = values.tolist()
    if isinstance(values, str | Mapping) or not hasattr(values, "__iter__"):
        raise ScoringError(f"{what} must be a sequence, one for each example, not {values!r}")
    return list(values)


def _names(labels: Sequence[str | int]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_name(label) for label in labels))


def _seen(given: Sequence[Any], gold: Sequence[Any]) -> tuple[str, ...]:
    """Every label and tag of the references and predictions, sorted."""
    found: set[str] = set()
    for prediction, example in zip(given, gold, strict=True):
        if isinstance(example, Pair):
            found |= {example.label, *([] if prediction is None else [str(prediction)])}
        elif isinstance(example, Tagged):
            found |= {*example.tags, *(prediction or ())}
    return tuple(sorted(found))


# ---- The conventions


def _name(label: Any) -> str:
    """A label by its name; a class id is a name too."""
    if isinstance(label, bool) or not isinstance(label, str | int | np.integer):
        raise ScoringError(f"{label!r} is neither a name of a label nor a class id")
    return str(label)


def _pair(prediction: Any, reference: Any, place: int) -> Both:
    del place
    gold = Pair("", None, _name(reference))
    if isinstance(prediction, Mapping):
        return Label(_name(prediction["label"]), float(prediction["probability"])), gold
    if prediction is None:
        return None, gold
    return Label(_name(prediction), getattr(prediction, "probability", float("nan"))), gold


def _choice(prediction: Any, reference: Any, place: int) -> Both:
    del place
    gold = Choice("", (), int(reference))
    if isinstance(prediction, Mapping):
        return Option(int(prediction["label"]), float(prediction["probability"])), gold
    return None if prediction is None else Option(int(prediction)), gold


def _tagged(prediction: Any, reference: Any, place: int) -> Both:
    del place
    tags = tuple(_listed(reference, "the tags of a reference"))
    if not all(isinstance(tag, str) for tag in tags):
        raise ScoringError(f"{tags!r} are not names of tags")
    return None if prediction is None else _listed(prediction, "the tags of a prediction"), Tagged(
        ("",) * len(tags), tags
    )


def _span(prediction: Any, reference: Any, place: int) -> Both:
    name, answers = str(place), reference
    if isinstance(reference, Mapping):
        name, answers = str(reference.get("id", place)), reference["answers"]["text"]
    if isinstance(prediction, Mapping):
        if str(prediction.get("id", name)) != name:
            raise ScoringError(f"prediction of id {prediction['id']!r} stands beside the reference of id {name!r}")
        prediction = prediction["prediction_text"]
    texts = (answers,) if isinstance(answers, str) else tuple(_listed(answers, "answers"))
    if not all(isinstance(text, str) for text in texts):
        raise ScoringError(f"{texts!r} are not texts")
    return prediction, Span(name, "", texts, (-1,) * len(texts))


def _bitext(prediction: Any, reference: Any, place: int) -> Both:
    texts = reference if isinstance(reference, Mapping) else {}
    item = texts.get("place", place) if isinstance(reference, Mapping) else int(reference)
    gold = Bitext(str(texts.get("foreign", "")), str(texts.get("source", "")) if item >= 0 else None)
    if prediction is None:
        return None, gold
    if isinstance(prediction, Mapping) and "source" in prediction:
        return Mined(item, int(prediction["source"])), gold
    if not isinstance(prediction, Mapping):
        found = int(prediction)
        return Retrieved(item, found, found), gold
    return Retrieved(item, **{key: int(value) for key, value in prediction.items()}), gold


_text, _whole_number = datasets.Value("string"), datasets.Value("int64")
_texts = datasets.Sequence(_text)
_probable = {"label": _text, "probability": datasets.Value("float64")}
_found = dict.fromkeys(("to_source", "from_source", "ahead_to_source", "ahead_from_source"), _whole_number)
_proposed = {"source": _whole_number}
_asked = {"id": _text, "answers": datasets.Sequence({"text": _text, "answer_start": datasets.Value("int32")})}
_sentences = {"place": _whole_number, "foreign": _text, "source": _text}

_ANY = ((_text, _text), (_whole_number, _whole_number), (_texts, _texts))
_OPTIONS = 'language, a code, "en" unless told; labels, all that exist, those seen unless told'
_GIVES = "the score under the metric's name, 0..1; n; low and high, the ends of its 95 % interval over examples"

CONVENTIONS: dict[type, Convention] = {
    Pair: Convention(
        _pair, ((_text, _text), (_whole_number, _whole_number), (_probable, _text)),
        "labels, by name or class id; a prediction may be a dict of label and probability (0..1)",
    ),
    Choice: Convention(
        _choice, ((_whole_number, _whole_number), ({**_probable, "label": _whole_number}, _whole_number)),
        "indices of options; a prediction may be a dict of label and probability (0..1)",
    ),
    Tagged: Convention(_tagged, ((_texts, _texts),), "sequences of tags, one for each word, as evaluate's seqeval"),
    Span: Convention(
        _span, ((_text, _texts), ({"id": _text, "prediction_text": _text}, _asked), (_text, _text)),
        "texts, each with the list of right answers, or dicts as evaluate's squad",
    ),
    Bitext: Convention(
        _bitext,
        ((_whole_number, _whole_number), (_found, _whole_number), (_found, _sentences), (_proposed, _whole_number)),
        "the place found and the place where it should be, from 0; a prediction may be a dict of to_source, "
        "from_source and, where it is known, how many are nearer, ahead_to_source and ahead_from_source; "
        "a reference may be a dict of place, foreign and source, where a metric reads the sentences; for mining a "
        "dict of source, the place proposed, beside the place of the translation, both -1 where there is none",
    ),
}  # fmt: skip


def _convention(metric: Metric) -> Convention | None:
    """That of the shape a metric counts, the first where it counts several; None where it does not tell."""
    shapes = metric.example if isinstance(metric.example, tuple) else (metric.example,)
    return next((CONVENTIONS[shape] for shape in shapes if shape in CONVENTIONS), None)


def _guessed(reference: Any) -> type:
    """The shape of examples that a reference is meant for."""
    if isinstance(reference, Mapping):
        return Span if "answers" in reference else Bitext
    return Pair if isinstance(reference, str | int | np.integer) else Tagged
