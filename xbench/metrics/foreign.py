"""Metrics of Hugging Face's `evaluate` as metrics of a task: `evaluate:WHERE[?OPTION=VALUE&…][#KEY[/100]]`.

WHERE is a folder or script on disk, or an id on the Hub. Either is Python code, and is executed. A path runs because it
is named; code from the Hub runs only with XBENCH_TRUST_REMOTE_CODE=1 in the environment, as `evaluate` itself does not
ask. No counts add up to such a score: its interval comes from resampled predictions.
"""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from xbench.errors import BadOption, BrokenPlugin, ScoringError, UnknownName
from xbench.metrics.metric import Metric
from xbench.task import Bitext, Choice, Pair, Span, Tagged

PREFIX = "evaluate:"
TRUST = "XBENCH_TRUST_REMOTE_CODE"
INSTALL = 'pip install "evaluate>=0.4.3"'

Inputs = tuple[list[Any], list[Any]]
"""Predictions and references, as a module's features want them."""


@dataclass(frozen=True, slots=True)
class Spec:
    """What a name that begins with `evaluate:` asks for."""

    where: str
    options: tuple[tuple[str, Any], ...]
    """Arguments of the module's `compute`, such as average=macro."""
    key: str
    """Key of the result that is the score; empty = the only one."""
    scale: float
    """What the result is divided by: 1, or 100 for a percentage."""


def spec_of(name: str) -> Spec:
    """Take a name apart. Raises BadOption where it is not of the form."""
    left, hashed, right = name.removeprefix(PREFIX).partition("#")
    where, _, options = left.partition("?")
    key, slash, scale = right.partition("/")
    wrong = bool(slash) and scale != "100"
    if not where or wrong or (hashed and not key) or "|" in name or not name.isprintable():
        raise BadOption(f"metric {name!r} does not read evaluate:PATH_OR_ID[?OPTION=VALUE][#KEY[/100]]")
    pairs = tuple((option, _value(text)) for option, text in parse_qsl(options, keep_blank_values=True))
    return Spec(where, pairs, key, 100.0 if slash else 1.0)


def of_evaluate(name: str) -> Metric:
    """The metric that a name asks for; its module is loaded, which executes it.

    Raises BadOption (form of the name, `evaluate` not installed, code from the Hub not allowed), UnknownName (nothing
    there), BrokenPlugin (it cannot be loaded, or wants inputs that no shape of example gives).
    """
    spec = spec_of(name)
    module = _loaded(spec.where, name)
    fits = _fits(module, name)

    def for_labels(labels: tuple[str, ...]) -> Metric:
        def whole(predictions: Sequence[Any], examples: Sequence[Any], language: str) -> float:
            del language
            return _score(name, spec, module, fits, (predictions, examples, labels))

        return Metric(name=name, title=title, whole=whole, example=shapes, detail=detail, cite="")

    shapes = tuple(fits)
    title = f"{module.name} of evaluate"
    detail = f"evaluate's module {module.name}, SHA-256 of its code {module._hash[:16]}; no counts"
    return Metric(name=name, title=title, per_label=for_labels, example=shapes, detail=detail)


def _score(
    name: str, spec: Spec, module: Any, fits: dict[type, "Fit"], asked: tuple[Sequence[Any], Sequence[Any], Any]
) -> float:
    """What the module gives, divided by the scale. Raises ScoringError, BrokenPlugin."""
    predictions, examples, labels = asked
    if not examples:
        return 0.0
    given, wanted = fits[type(examples[0])](predictions, examples, labels)
    try:
        found = module.compute(predictions=given, references=wanted, **dict(spec.options))
    except Exception as cause:
        raise BrokenPlugin(f"metric {name!r} cannot score: {type(cause).__name__}: {cause}") from cause
    keys = ", ".join(map(str, found)) if isinstance(found, dict) else ""
    if not keys or (not spec.key and len(found) != 1) or (spec.key and spec.key not in found):
        raise ScoringError(f"metric {name!r}: write #KEY with a key of its result; there are: {keys or 'none'}")
    try:
        value = float(found[spec.key or next(iter(found))]) / spec.scale
    except (TypeError, ValueError):
        raise ScoringError(f"metric {name!r} gives {found!r}, where one number was due; #KEY names one") from None
    if not -1e-9 <= value <= 1 + 1e-9:
        raise ScoringError(
            f"metric {name!r} gives {value:g}, but a score lies in 0..1. For percent write #KEY/100; a range "
            "such as -1..1 asks for a module of your own that maps it."
        )
    return value


@cache
def _loaded(where: str, name: str) -> Any:
    """The module at a path or under an id. Raises BadOption, UnknownName, BrokenPlugin."""
    path = Path(where).expanduser()
    local = path.exists()
    if not local and (where.startswith((".", "/", "~")) or where.endswith(".py") or where.count("/") > 1):
        raise UnknownName("metric", name, [], hint=f"No file or folder at {path}.")
    if not local and os.environ.get(TRUST) != "1":
        raise BadOption(
            f"metric {name!r}: no folder {where!r} here, and under an id of the Hub lies code that would be executed. "
            f"Read it there, then set {TRUST}=1; or name a folder on disk."
        )
    try:
        import evaluate
    except ImportError as cause:
        raise BadOption(f"metric {name!r} needs the package evaluate: {INSTALL}") from cause
    try:
        # In memory: the default keeps predictions in a file under the user's cache, behind a lock.
        return evaluate.load(str(path.resolve()) if local else where, keep_in_memory=True)
    except Exception as cause:
        what = "" if local else " It is asked for on the Hub, which needs a network unless it was loaded before."
        raise BrokenPlugin(f"metric {name!r} cannot be loaded: {type(cause).__name__}: {cause}{what}") from cause


# ---- From our shapes to a module's features

Fit = Callable[[Sequence[Any], Sequence[Any], tuple[str, ...]], Inputs]


def _fits(module: Any, name: str) -> dict[type, Fit]:
    """Shape of example -> how it is given to the module. Raises BrokenPlugin where none is."""
    offered = module.features if isinstance(module.features, list) else [module.features]
    found: dict[type, Fit] = {}
    for features in offered:
        if set(features) == {"predictions", "references"}:
            asked = (_form(features["predictions"]), _form(features["references"]))
            found = {shape: fit for shape, forms, fit in _TABLE if asked == forms} | found
    if not found:
        raise BrokenPlugin(
            f"metric {name!r} wants {module.features}; what xbench can give it are labels (text or integers), tags "
            "(sequences of text), answers (text, or as evaluate's squad) and places (integers)"
        )
    return found


def _form(feature: Any) -> str:
    """A feature in one word: text, int, texts, ints, answer, answers; anything else as it writes itself."""
    if isinstance(feature, dict):
        return {"prediction_text": "answer", "answers": "answers"}.get(next((k for k in feature if k != "id"), ""), "?")
    inner = getattr(feature, "feature", None)
    if inner is not None and getattr(feature, "length", -1) == -1:
        return {"text": "texts"}.get(_form(inner), "?")
    dtype = str(getattr(feature, "dtype", ""))
    if dtype in ("string", "large_string"):
        return "text"
    return "int" if dtype.startswith(("int", "uint")) else "?"


def _numbers(predictions: Sequence[Any], examples: Sequence[Any], labels: tuple[str, ...]) -> Inputs:
    """Labels as their places in the task's list."""
    given, wanted = _names(predictions, examples, labels)
    places = {label: place for place, label in enumerate(labels)}
    if strange := sorted({one for one in (*given, *wanted) if one not in places}):
        raise ScoringError(f"no label of the task: {', '.join(map(repr, strange))}; there are {', '.join(labels)}")
    return [places[one] for one in given], [places[one] for one in wanted]


def _names(predictions: Sequence[Any], examples: Sequence[Any], labels: tuple[str, ...]) -> Inputs:
    """Labels by name. What lacks a prediction gets the label after the gold one: wrong, and known to the module."""
    wanted = [str(example.label) for example in examples]
    after = dict(zip(labels, (*labels[1:], *labels[:1]), strict=True)) if len(labels) > 1 else {}
    return [after.get(gold, "") if p is None else str(p) for p, gold in zip(predictions, wanted, strict=True)], wanted


def _options(predictions: Sequence[Any], examples: Sequence[Any], labels: tuple[str, ...]) -> Inputs:
    """Indices of options. What lacks a prediction gets the next option after the gold one."""
    del labels
    return [
        (example.label + 1) % len(example.options) if one is None else int(one)
        for one, example in zip(predictions, examples, strict=True)
    ], [example.label for example in examples]


def _tags(predictions: Sequence[Any], examples: Sequence[Any], labels: tuple[str, ...]) -> Inputs:
    """Tags of each sentence; all O where no prediction came."""
    del labels
    wanted = [list(example.tags) for example in examples]
    given = [["O"] * len(gold) if p is None else list(p) for p, gold in zip(predictions, wanted, strict=True)]
    for one, gold in zip(given, wanted, strict=True):
        if len(one) != len(gold):
            raise ScoringError(f"{len(one)} tags predicted for {len(gold)} words")
    return given, wanted


def _squad(predictions: Sequence[Any], examples: Sequence[Any], labels: tuple[str, ...]) -> Inputs:
    """As evaluate's squad has them. Ids are places, since a resampled example may come twice."""
    del labels
    return [{"id": str(i), "prediction_text": one or ""} for i, one in enumerate(predictions)], [
        {"id": str(i), "answers": {"text": list(one.answers), "answer_start": list(one.starts)}}
        for i, one in enumerate(examples)
    ]


def _answers(predictions: Sequence[Any], examples: Sequence[Any], labels: tuple[str, ...]) -> Inputs:
    """Texts, each with the list of those that count as right."""
    del labels
    return [one or "" for one in predictions], [list(one.answers) for one in examples]


def _answer(predictions: Sequence[Any], examples: Sequence[Any], labels: tuple[str, ...]) -> Inputs:
    """Texts, each with the one that counts as right. Raises ScoringError where there are several."""
    given, wanted = _answers(predictions, examples, labels)
    if any(len(set(several)) != 1 for several in wanted):
        raise ScoringError("some questions have several gold answers, but this module compares with one")
    return given, [several[0] for several in wanted]


def _places(predictions: Sequence[Any], examples: Sequence[Any], labels: tuple[str, ...]) -> Inputs:
    """Place of the source sentence that was found, and the one where it should be; -1 where no prediction came."""
    del examples, labels
    return [-1 if one is None else one.to_source for one in predictions], [
        0 if one is None else one.item for one in predictions
    ]


_TABLE: tuple[tuple[type, tuple[str, str], Fit], ...] = (
    (Pair, ("int", "int"), _numbers),
    (Pair, ("text", "text"), _names),
    (Choice, ("int", "int"), _options),
    (Tagged, ("texts", "texts"), _tags),
    (Span, ("answer", "answers"), _squad),
    (Span, ("text", "texts"), _answers),
    (Span, ("text", "text"), _answer),
    (Bitext, ("int", "int"), _places),
)


def _value(text: str) -> Any:
    """An option's value: JSON where it is, else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text
