"""All languages of a job in one stream: the same answers as one by one, told as they come."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import toy
from toys import changed
from xbench.record import Counts
from xbench.runner import Silent, bench, choosing, scoring, stream
from xbench.runner.bench import Bench, bench_of
from xbench.runner.facts import device_of
from xbench.runner.gold import Gold
from xbench.runner.order import order
from xbench.runner.plan import Job, plan
from xbench.runner.scoring import Scored
from xbench.selection import Jury

Ready = Callable[..., tuple[Job, Bench, Gold]]


@pytest.fixture
def ready(checkpoint: Callable[[str], Path], toy_mirror: Path, tmp_path: Path) -> Ready:
    """A task's job, its encoder with a head that has learned nothing, and its rows."""

    def of(kind: str, **wishes: object) -> tuple[Job, Bench, Gold]:
        wanted = order(
            [str(checkpoint("xlm-roberta"))], [str(toy.TASKS[kind])], recipe=str(toy.RECIPE), data=toy_mirror,
            board=tmp_path / "board", device="cpu", **wishes,
        )  # fmt: skip
        job = plan(wanted).groups[0][-1]
        return job, bench_of(job, wanted, device_of("cpu")), Gold(wanted.data)

    return of


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many features each call of `predict` was given."""
    found: list[int] = []
    predict = bench.predict

    def heard(opened, kind, features, *rest, **more):
        found.append(len(features))
        return predict(opened, kind, features, *rest, **more)

    monkeypatch.setattr(bench, "predict", heard)
    return found


class Told(Silent):
    """Writes down what it is told, for each stretch: what, of how many, every (done, note), whether it ended."""

    def __init__(self) -> None:
        self.stretches: list[tuple[str, int, list[tuple[int, str]]]] = []
        self.open = 0

    def begin(self, what: str, total: int) -> None:
        assert not self.open
        self.open += 1
        self.stretches.append((what, total, []))

    def advance(self, done: int, note: str = "") -> None:
        assert self.open
        self.stretches[-1][2].append((done, note))

    def end(self) -> None:
        self.open -= 1


def table(counts: Counts) -> tuple[object, ...]:
    return counts.ids, counts.languages, counts.columns, counts.rows.tolist()


def words(scored: Scored) -> list[object]:
    """Predictions without the probabilities, which are equal up to rounding."""
    return [getattr(one, "source", one) if not isinstance(one, str) else str(one) for one in scored.predictions]


@pytest.mark.parametrize("kind", list(toy.TASKS))
def test_one_stream_answers_as_language_by_language(
    kind: str, ready: Ready, calls: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    job, tool, gold = ready(kind)
    rows, _ = gold.test(job)
    whole = scoring.score(job, tool, rows, Silent())
    assert len(calls) == 1
    monkeypatch.setattr(stream, "AT_ONCE", 0)
    apart = scoring.score(job, tool, rows, Silent())
    assert len(calls) == 1 + len(rows) == 4
    assert calls[0] == sum(calls[1:])
    assert words(whole) == words(apart)
    assert table(whole.counts)[:3] == table(apart.counts)[:3]
    assert [(one.language, one.metric, one.n) for one in whole.scores] == [
        (one.language, one.metric, one.n) for one in apart.scores
    ]
    assert [one.value for one in whole.scores] == pytest.approx([one.value for one in apart.scores], abs=1e-6)
    for name in ("tokens", "tokenizer", "missing", "unanswered", "constant"):
        assert getattr(whole, name) == getattr(apart, name)
    assert whole.seconds > 0


def test_a_stream_is_cut_between_languages_where_it_would_hold_too_much(
    ready: Ready, calls: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    job, tool, gold = ready("pairs")
    rows, _ = gold.test(job)
    sizes = [stream.Tokenized.of(tool, language, found.examples).tokens for language, found in rows.items()]
    for room, languages in ((sum(sizes), [3]), (sum(sizes[:2]), [2, 1]), (sum(sizes[:2]) - 1, None), (1, [1, 1, 1])):
        calls.clear()
        monkeypatch.setattr(stream, "AT_ONCE", room)
        watch = Told()
        scored = scoring.score(job, tool, rows, watch)
        n = toy.SIZES["test"]
        expected = languages or ([1, 2] if sizes[1] + sizes[2] <= room else [1, 1, 1])
        assert calls == [n * number for number in expected]
        assert scored.tokens == sum(sizes)
        assert list(scored.tokenizer) == list(rows)
        read = [total for what, total, _ in watch.stretches if what.startswith("scoring")]
        assert sum(read) == sum(sizes)
        assert len(read) == len(expected)
        tokenized = [done for what, _, told in watch.stretches if what.startswith("tokenizing") for done, _ in told]
        assert tokenized == [n, 2 * n, 3 * n]


def test_the_watch_hears_of_every_part(ready: Ready) -> None:
    job, tool, gold = ready("tags")
    rows, _ = gold.test(job)
    watch, n = Told(), toy.SIZES["test"]
    scored = scoring.score(job, tool, rows, watch)
    assert not watch.open
    (first, examples, tokenized), (second, tokens, read) = watch.stretches
    assert (first, examples) == (f"tokenizing {job.run}", 3 * n)
    assert tokenized == [(n, "en"), (2 * n, "de"), (3 * n, "xx")]
    assert (second, tokens) == (f"scoring {job.run}", scored.tokens)
    assert read[-4:] == [(tokens, "tokens"), *((tokens, f"tokens, {language}") for language in ("en", "de", "xx"))]


def test_a_job_without_rows_reads_nothing(ready: Ready, calls: list[int]) -> None:
    job, tool, _ = ready("pairs")
    watch = Told()
    scored = scoring.score(job, tool, {}, watch)
    assert (scored.scores, scored.predictions, scored.tokens, calls, watch.open) == ((), (), 0, [], 0)


def test_who_stops_it_stops_it_and_the_model_is_as_it_was(ready: Ready) -> None:
    job, tool, gold = ready("pairs")

    class Stopping(Told):
        def advance(self, done: int, note: str = "") -> None:
            if note == "tokens":
                raise KeyboardInterrupt

    tool.opened.model.train(True)
    with pytest.raises(KeyboardInterrupt):
        scoring.score(job, tool, gold.test(job)[0], Stopping())
    assert tool.opened.model.training


def test_thresholds_of_all_languages_are_chosen_from_one_stream(
    ready: Ready, calls: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    job, tool, gold = ready("mining", also_select=("oracle",))
    # English dev rows stand in for those of the other languages, which the toy does not have.
    dev = gold.own_dev(job, "en")
    monkeypatch.setattr(Gold, "own_dev", lambda self, job, language: dev)
    assert job.tuned
    found = []
    for room in (stream.AT_ONCE, 0):
        monkeypatch.setattr(stream, "AT_ONCE", room)
        with Jury() as jury:
            found.append(choosing.scored(job, tool, jury, gold, Silent()))
    whole, apart = found
    assert len(calls) == 2 + 2 * 3
    assert {code: one.threshold for code, one in whole.chosen.items()} == pytest.approx(
        {code: one.threshold for code, one in apart.chosen.items()}, abs=1e-5
    )
    assert words(whole) == words(apart)
    assert whole.tokens == apart.tokens > scoring.score(job, tool, gold.test(job)[0], Silent()).tokens
    for language, chosen in whole.chosen.items():
        kept = [
            one.score >= chosen.threshold
            for one, code in zip(whole.predictions, whole.counts.languages, strict=True)
            if code == language and one.source >= 0
        ]
        assert all(kept)


def test_dev_rows_are_tokenized_once_and_read_whenever_they_are_asked_for(ready: Ready, calls: list[int]) -> None:
    job, tool, gold = ready("pairs")
    encoded: list[int] = []

    def encode(examples, setting, *, training):
        encoded.append(len(examples))
        return job.kind.encode(examples, setting, training=training)

    judge = scoring.dev_score(job, replace(tool, kind=changed(job.kind, encode=encode)), gold.dev(job), "en")
    assert encoded == []
    assert judge() == judge()
    assert (encoded, calls) == ([toy.SIZES["validation"]], [toy.SIZES["validation"]] * 2)
