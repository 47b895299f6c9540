"""What rows must be before they are trained on or scored. Each check says what failed, where, and in which rows."""

from collections.abc import Iterable, Sequence

from xbench.errors import NoGold, UnknownLabel, WrongColumns
from xbench.task import Bitext, Choice, Example, Pair, Span, Tagged, Task

SHAPES: dict[str, type] = {
    "pairs": Pair, "tags": Tagged, "spans": Span, "choices": Choice, "retrieval": Bitext, "mining": Bitext,
}  # fmt: skip
"""Kind -> the shape its examples have; a plugin's own kind may take any of them."""
PLACEHOLDER_ROWS = 50
"""A whole split of as many rows with one and the same label is a filled-in column, not gold."""


def shape(task: Task, example: object) -> str:
    """Say what is wrong with the form of an example; empty where nothing is."""
    wanted = SHAPES.get(task.kind, (Pair, Tagged, Span, Choice, Bitext))
    if not isinstance(example, wanted):
        name = wanted.__name__ if isinstance(wanted, type) else "an example"
        return f"the task's read gave {type(example).__name__} and not {name}"
    match example:
        case Pair(first, second, label):
            good = _texts(first, label) and (second is None or _texts(second))
        case Tagged(words, tags):
            good = _many(words) and _many(tags)
            if good and len(words) != len(tags):
                return f"{len(words)} words and {len(tags)} tags"
        case Span(question, context, answers, starts):
            good = _texts(question, context) and _many(answers) and isinstance(starts, tuple)
            good = good and all(isinstance(start, int) for start in starts)
            if good and len(answers) != len(starts):
                return f"{len(answers)} answers and {len(starts)} starts"
        case Choice(premise, options, label):
            good = _texts(premise) and _many(options) and isinstance(label, int)
        case Bitext(foreign, source):
            there = [side for side in (foreign, source) if side is not None]
            good = bool(there) and _texts(*there)
            if good and (wrong := _sides(task, there)):
                return wrong
        case _:
            good = False
    return "" if good else f"a field of {type(example).__name__} has the wrong type: {example!r:.200}"


def empty(example: Example) -> bool:
    """Whether a text of the example holds nothing but white space."""
    match example:
        case Pair(first, second, _):
            return not first.strip() or (second is not None and not second.strip())
        case Tagged(words, _):
            return not any(word.strip() for word in words)
        case Span(question, context, _, _):
            return not question.strip() or not context.strip()
        case Choice(premise, options, _):
            return not premise.strip() or not all(option.strip() for option in options)
        case Bitext(foreign, source):
            return any(side is not None and not side.strip() for side in (foreign, source))


def gold(task: Task, where: str, examples: Sequence[Example]) -> None:
    """Refuse rows whose gold is absent, or a label that the task does not list."""
    absent = [row for row, example in enumerate(examples) if _absent(example)]
    if absent:
        raise NoGold(
            f"{where}: {said(absent, len(examples))} no gold (no label, a label of -1, or an empty answer). Many sets "
            "are published without the labels of a split; take a copy that has them, or another split"
        )
    if task.kind == "mining" and not any(_paired(example) for example in examples):
        raise NoGold(
            f"{where}: no row has a sentence on both sides, so no pair is to be found. The pairs of a split are at "
            "times kept back; take a copy that has them, or another split"
        )
    known = set(task.labels)
    strange = {row: _strange(example, known) for row, example in enumerate(examples)}
    rows = [row for row, labels in strange.items() if labels]
    if rows:
        names = sorted({str(label) for row in rows for label in strange[row]})
        listed = ", ".join(task.labels) or "none"
        raise UnknownLabel(
            f"{where}: {said(rows, len(examples))} gold that the task does not list: {', '.join(names[:10])}"
            f"{'…' if len(names) > 10 else ''}. Task {task.name} lists: {listed}. Correct the task's `labels` or `read`"
        )


def constant(task: Task, examples: Sequence[Example]) -> str:
    """The one label that all rows bear although the task has several; empty where they differ."""
    seen = set()
    for example in examples:
        match example:
            case Pair(_, _, label) if len(task.labels) > 1:
                seen.add(label)
            case Tagged(_, tags) if len(task.labels) > 1:
                seen.update(tags)
            case Choice(_, options, label) if len(options) > 1:
                seen.add(str(label))
            case _:
                return ""
        if len(seen) > 1:
            return ""
    return seen.pop() if seen else ""


def found(span: Span) -> Span:
    """A span whose starts point at its answers in the context; -1 where an answer does not stand in it at all.

    Published offsets are at times those of bytes, or of a context before it was cleaned. The answer text is the gold
    that is scored, so it stays; its nearest occurrence to the published start is what a model is trained on.
    """
    pairs = list(zip(span.answers, span.starts, strict=True))
    if all(start >= 0 and span.context.startswith(answer, start) for answer, start in pairs):
        return span
    return Span(span.question, span.context, span.answers, tuple(_nearest(span.context, *pair) for pair in pairs))


def _nearest(context: str, answer: str, start: int) -> int:
    starts = [at for at in range(len(context) - len(answer) + 1) if context.startswith(answer, at)]
    return min(starts, key=lambda at: abs(at - start), default=-1)


def columns(where: str, row: int, names: Iterable[str], problem: str) -> WrongColumns:
    """The error of a row that does not look as the task says."""
    return WrongColumns(
        f"{where}, row {row}: {problem}. The columns are: {', '.join(names)}. Correct `read` of the task, or the data"
    )


def said(rows: Sequence[int], n: int) -> str:
    """Say which rows: `3 of 200 rows (0, 7, 9) have`."""
    first = ", ".join(str(row) for row in rows[:5]) + (", …" if len(rows) > 5 else "")
    return f"{len(rows)} of {n} rows ({first}) {'have' if len(rows) > 1 else 'has'}"


def _sides(task: Task, there: Sequence[str]) -> str:
    """What is wrong with the sentences that a Bitext has; empty where nothing is."""
    if task.kind == "retrieval" and len(there) < 2:
        return "a sentence has no translation (None), but retrieval looks for one for each; take the kind mining"
    if task.kind == "mining" and not all(side.strip() for side in there):
        return "a sentence is blank; a side without a sentence is None in mining, not an empty text"
    return ""


def _paired(example: Example) -> bool:
    return isinstance(example, Bitext) and example.foreign is not None and example.source is not None


def _absent(example: Example) -> bool:
    match example:
        case Pair(_, _, label):
            return not label
        case Tagged(_, tags):
            return not all(tags)
        case Span(_, _, answers, _):
            return not any(answer.strip() for answer in answers)
        case Choice(_, _, label):
            return label < 0
        case Bitext():
            return False


def _strange(example: Example, known: set[str]) -> tuple[object, ...]:
    match example:
        case Pair(_, _, label) if label not in known:
            return (label,)
        case Tagged(_, tags):
            return tuple(set(tags) - known)
        case Choice(_, options, label) if label >= len(options):
            return (label,)
        case _:
            return ()


def _texts(*values: object) -> bool:
    return {str}.issuperset(map(type, values))


def _many(values: object) -> bool:
    return isinstance(values, tuple) and _texts(*values)
