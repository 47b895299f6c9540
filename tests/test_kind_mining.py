"""Kind `mining`: two piles of sentences, of which some are pairs; the threshold is the recipe's or each language's own."""

import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import toy
import xbench
from once import open_once
from tiny import ARCHITECTURES, TEXTS
from xbench import catalogue, examples, metrics, store
from xbench.errors import BadOption, BrokenPlugin, ScoringError
from xbench.kinds import Setting
from xbench.kinds.mining import kind
from xbench.metrics.mining import mining_f1
from xbench.predict import predict
from xbench.recipe import Book, Recipe
from xbench.runner import Outcome
from xbench.task import Bitext, Mined, Pair, Retrieved
from xbench.verify import verify

Checkpoint = Callable[[str], Path]

SAME = [Bitext(text, text) for text in TEXTS]
ROWS = [Bitext("the old cart", None), Bitext(None, "river dog"), Bitext("red", "red"), Bitext(None, "the old cart")]


def under(setting: Setting, threshold: float) -> Setting:
    return replace(setting, recipe=replace(setting.recipe, threshold=threshold))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture_mines_a_sentence_again(architecture: str, checkpoint: Checkpoint) -> None:
    opened, setting = open_once(checkpoint(architecture), kind)
    features = kind.encode(SAME, setting, training=False)
    assert [(feature.example, feature.note) for feature in features] == [
        (place, side) for place in range(len(SAME)) for side in ("foreign", "source")
    ]
    vectors = predict(opened, kind, features, setting, device="cpu", precision="fp32")
    found = kind.decode(vectors, features, SAME, setting)
    assert [(one.item, one.source) for one in found] == [(n, n) for n in range(len(SAME))]
    assert all(one.score > 1 for one in found)


def decoded(setting: Setting, rows: list[Bitext], vectors: dict[str, list[float]]) -> list[Mined]:
    """What is mined from rows whose sentences have these vectors."""
    features = kind.encode(rows, setting, training=False)
    texts = [text for one in rows for text in (one.foreign, one.source) if text is not None]
    assert len(texts) == len(features)
    return kind.decode([np.array(vectors[text], np.float32) for text in texts], features, rows, setting)


VECTORS = {"the old cart": [1, 0.1, 0.2], "river dog": [0.3, 0.2, 1], "red": [0.2, 1, 0.1]}


def test_places_are_those_of_rows_and_a_row_without_a_foreign_sentence_proposes_nothing(checkpoint: Checkpoint) -> None:
    _, setting = open_once(checkpoint("bert"), kind)
    found = decoded(setting, ROWS, VECTORS)
    assert [(one.item, one.source) for one in found] == [(0, 3), (1, -1), (2, 2), (3, -1)]
    assert [one.score > 0 for one in found] == [True, False, True, False]


def test_the_order_of_the_rows_tells_nothing(checkpoint: Checkpoint) -> None:
    _, setting = open_once(checkpoint("bert"), kind)
    rows = [*ROWS, Bitext("green", None), Bitext("sold", "bought")]
    vectors = VECTORS | {"green": [0.9, 0.9, 0.1], "sold": [0.1, 0.7, 0.6], "bought": [0.8, 0.7, 0.2]}
    turned = rows[::-1]

    def pairs(order: list[Bitext]) -> set[tuple[str | None, str | None]]:
        mined = decoded(setting, order, vectors)
        return {(order[one.item].foreign, order[one.source].source) for one in mined if one.source >= 0}

    assert pairs(rows) == pairs(turned)
    assert len(pairs(rows)) == 4
    # A pair that stands in one row, and the same sentences in two, are mined alike.
    apart = [*rows[:-1], Bitext(None, "bought"), Bitext("sold", None)]
    assert pairs(apart) == pairs(rows)


def test_pairs_below_the_threshold_are_not_proposed_and_keep_their_score(checkpoint: Checkpoint) -> None:
    _, setting = open_once(checkpoint("bert"), kind)
    every = decoded(setting, ROWS, VECTORS)
    scores = sorted(one.score for one in every if one.source >= 0)
    some = decoded(under(setting, scores[1]), ROWS, VECTORS)
    assert [one.score for one in some] == [one.score for one in every]
    assert sum(one.source >= 0 for one in some) == 1
    none = decoded(under(setting, 99.0), ROWS, VECTORS)
    assert all(one.source == -1 for one in none)


def test_a_sentence_that_stands_twice_is_never_proposed(checkpoint: Checkpoint) -> None:
    _, setting = open_once(checkpoint("bert"), kind)
    found = decoded(setting, [*ROWS, Bitext(None, " the old cart ")], VECTORS | {" the old cart ": [1, 0.1, 0.2]})
    assert [one.source for one in found] == [-1, -1, 2, -1, -1]


def test_one_side_alone_or_nothing_at_all_gives_no_pairs(checkpoint: Checkpoint) -> None:
    _, setting = open_once(checkpoint("bert"), kind)
    assert decoded(setting, [Bitext("red", None)], VECTORS) == [Mined(0)]
    assert decoded(setting, [], VECTORS) == []


def test_a_vector_that_is_not_finite_is_refused(checkpoint: Checkpoint) -> None:
    _, setting = open_once(checkpoint("bert"), kind)
    with pytest.raises(ScoringError, match="1 of 2 sentence vectors have no finite length"):
        decoded(setting, ROWS, VECTORS | {"red": [np.nan, 1, 1]})


def test_tuning_counts_every_pair_of_the_gold() -> None:
    rows = [Bitext("a", "a"), Bitext("b", "b"), Bitext("c", None), Bitext("d", "d"), Bitext(None, "e")]
    mined = [Mined(0, 0, 1.4), Mined(1, 3, 1.1), Mined(2, 4, 1.3), Mined(3, 1, 1.0), Mined(4)]
    assert kind.tune(mined, rows) == (pytest.approx(1.35), pytest.approx(2 * 1 / (1 + 3)))


def test_counts_of_every_case() -> None:
    pair, foreign, source = Bitext("a", "b"), Bitext("a", None), Bitext(None, "b")
    cases = [
        (Mined(4, 4, 1.2), pair, (1, 1, 1)),
        (Mined(4, 5, 1.2), pair, (0, 1, 1)),
        (Mined(4), pair, (0, 0, 1)),
        (None, pair, (0, 0, 1)),
        (Mined(4, 4, 1.2), foreign, (0, 1, 0)),
        (Mined(4), foreign, (0, 0, 0)),
        (Mined(4), source, (0, 0, 0)),
        (None, source, (0, 0, 0)),
    ]
    for prediction, gold, counted in cases:
        assert mining_f1.count(prediction, gold, "de") == counted, (prediction, gold)
    with pytest.raises(ScoringError, match="row 4 has no foreign sentence, but 2 is proposed for it"):
        mining_f1.count(Mined(4, 2, 1.0), source, "de")
    with pytest.raises(ScoringError, match="where whole numbers item and source were due"):
        mining_f1.count(Retrieved(0, 0, 0), pair, "de")


def test_the_metric_is_for_sentences_with_or_without_a_translation() -> None:
    for gold in (Bitext("a", "b"), Bitext("a", None), Bitext(None, "b")):
        metrics.try_on(catalogue.metric("mining_f1"), gold, "de")
    with pytest.raises(BrokenPlugin, match="scores examples of the shape Bitext, not Pair"):
        metrics.try_on(catalogue.metric("mining_f1"), Pair("a", "b", "c"), "de")


COLUMNS = toy.DATASETS["mining"][0] | {"id": toy.TEXT}


def german(split: str, number: int) -> list[dict[str, object]]:
    """The German rows that the toy mirror has, or would have, of a split."""
    row = toy.DATASETS["mining"][1]
    return [row("de", random.Random(f"{split}{i}")) | {"id": f"{split}-{i}"} for i in range(number)]


def test_a_sentence_without_a_partner_costs_precision(checkpoint: Checkpoint) -> None:
    """With the gold pairs alone, as mteb's BUCC has them, everything that is mined here is right."""
    _, setting = open_once(checkpoint("bert"), kind)
    pairs = [Bitext("red", "red"), Bitext("river dog", "river dog")]
    alone = [*pairs, Bitext("the old cart", None), Bitext(None, "green")]
    values = []
    for rows in (pairs, alone):
        mined = decoded(setting, rows, VECTORS | {"green": [0.9, 0.4, 0.2]})
        counts = np.array([mining_f1.count(one, gold, "de") for one, gold in zip(mined, rows, strict=True)])
        values.append((counts.sum(0).tolist(), float(mining_f1.close(counts.sum(0)))))
    assert values == [([2, 2, 2], 1.0), ([2, 3, 2], 0.8)]


# --- runs ---------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """German has a dev split, `xx` has none."""
    root = toy.write_mirror(tmp_path_factory.mktemp("mirror"))
    toy.write_split(root / "toy/mining", "de", "validation", german("validation", 20), COLUMNS)
    return root


@pytest.fixture(scope="module")
def outcome(checkpoint: Checkpoint, mirror: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Outcome]:
    board = tmp_path_factory.mktemp("board")
    asked = {"recipe": str(toy.RECIPE), "data": mirror, "board": board, "also_select": ["oracle", "last"]}
    return board, xbench.run(str(checkpoint("bert")), str(toy.TASKS["mining"]), **asked)


def test_a_fixed_threshold_is_zero_shot_and_a_tuned_one_never_is(outcome: tuple[Path, Outcome]) -> None:
    _, done = outcome
    assert not done.failed
    assert any(
        "nothing is trained for toy-mining, so there is no checkpoint to select by last" in n for n in done.notes
    )
    fixed, tuned = (record for _, record in done.ran)
    assert (fixed.run.recipe, fixed.selection.rule, fixed.selection.zero_shot) == ("toy", "none", True)
    assert not fixed.selection.by_language
    assert [score.language for score in fixed.scores] == ["en", "de", "xx"]
    assert (tuned.run.recipe, tuned.selection.rule, tuned.selection.zero_shot) == ("toy-oracle", "oracle", False)
    assert "|selection:oracle|" in tuned.signature
    assert list(tuned.selection.by_language) == ["en", "de"]
    for language, chosen in tuned.selection.by_language.items():
        assert chosen.split == f"{language}/validation"
        assert chosen.checkpoint == 0
        assert 0 < chosen.score <= 1
        assert chosen.threshold is not None
        assert chosen.threshold > 0
    assert [(cell.language, "no split validation" in cell.why) for cell in tuned.missing] == [("xx", True)]


def test_the_regret_of_a_fixed_threshold(outcome: tuple[Path, Outcome]) -> None:
    fixed, tuned = (record for _, record in outcome[1].ran)
    values = [{one.language: one.value for one in record.scores} for record in (fixed, tuned)]
    for language, chosen in tuned.selection.by_language.items():
        assert chosen.regret == values[1][language] - values[0][language]
        assert chosen.low is not None
        assert chosen.high is not None
        assert chosen.low <= chosen.regret <= chosen.high


def test_what_is_stored_is_what_the_threshold_says(outcome: tuple[Path, Outcome]) -> None:
    for path, record in outcome[1].ran:
        stored, counts = examples.read_predictions(path, record), examples.read_counts(path, record)
        assert counts.columns == ("mining_f1.tp", "mining_f1.predicted", "mining_f1.gold")
        assert not record.unanswered
        for language, one in zip(counts.languages, stored, strict=True):
            chosen = record.selection.by_language.get(language)
            least = chosen.threshold if chosen else 1.0
            assert (one["source"] >= 0) == (one["score"] >= least and one["score"] > 0)
        assert store.read(path) == record


def test_the_board_verifies_from_gold_and_predictions(outcome: tuple[Path, Outcome], mirror: Path) -> None:
    board, done = outcome
    report = verify(board, data=mirror, tasks=[str(toy.TASKS["mining"])])
    assert report.holds, [str(fault) for fault in report.faults]
    assert (report.records, report.gold) == (2, 2)
    path, _ = done.ran[1]
    tree = json.loads(path.read_text())
    whole = path.read_text()
    tree["selection"]["by_language"]["de"]["threshold"] = None
    path.write_text(json.dumps(tree))
    assert {fault.code for fault in verify(board).faults} == {"selection"}
    faults = []
    # How many pairs are proposed is up to the vectors: one of these contradicts all of them, or none.
    for threshold in (-99.0, 99.0):
        tree["selection"]["by_language"]["de"]["threshold"] = threshold
        path.write_text(json.dumps(tree))
        faults += verify(board, data=mirror, tasks=[str(toy.TASKS["mining"])]).faults
    assert {fault.code for fault in faults} == {"predictions"}
    assert all("in de, first that of row" in fault.what for fault in faults)
    path.write_text(whole)


def test_no_order_of_the_rows_changes_the_score(
    outcome: tuple[Path, Outcome], checkpoint: Checkpoint, mirror: Path, tmp_path: Path
) -> None:
    toy.write_split(tmp_path / "toy/mining", "de", "test", german("test", 16)[::-1], COLUMNS)
    asked = {"recipe": str(toy.RECIPE), "data": tmp_path, "board": tmp_path / "board", "languages": "de"}
    ((_, record),) = xbench.run(str(checkpoint("bert")), str(toy.TASKS["mining"]), **asked).ran
    plain = {one.language: one.value for one in outcome[1].ran[0][1].scores}
    assert record.scores[0].value == plain["de"]


def test_a_recipe_may_tune_and_a_task_that_has_nothing_to_tune_refuses_it(
    checkpoint: Checkpoint, mirror: Path, tmp_path: Path
) -> None:
    book = tmp_path / "tuned.py"
    kinds = "{kind: Recipe(name='tuned', length=32, selection='oracle') for kind in ('mining', 'retrieval', 'pairs')}"
    book.write_text(f"from xbench.recipe import Book, Recipe\nrecipe = Book(name='tuned', title='', kinds={kinds})\n")
    asked = {"recipe": str(book), "data": mirror, "board": tmp_path / "board"}
    done = xbench.run(str(checkpoint("bert")), str(toy.TASKS["mining"]), **asked)
    ((_, record),) = done.ran
    assert all(one.regret is None and one.threshold for one in record.selection.by_language.values())
    again = xbench.run(str(checkpoint("bert")), str(toy.TASKS["mining"]), **asked)
    assert (len(again.ran), len(again.finished)) == (0, 1)
    with pytest.raises(BadOption, match="nothing is trained for toy-retrieval"):
        xbench.run(str(checkpoint("bert")), str(toy.TASKS["retrieval"]), **asked)
    with pytest.raises(BadOption, match="neither epochs nor steps for toy-pairs"):
        xbench.run(str(checkpoint("bert")), str(toy.TASKS["pairs"]), **asked)


@pytest.mark.parametrize("kept_back", [True, False])
def test_pairs_that_were_kept_back_are_no_gold(kept_back: bool, checkpoint: Checkpoint, tmp_path: Path) -> None:
    rows = [{"sentence1": f"the old cart {'red ' * i}", "sentence2": None, "id": f"{i}"} for i in range(6)]
    rows += [{"sentence1": None, "sentence2": f"the old cart {'red ' * i}", "id": f"{i + 6}"} for i in range(6)]
    rows += [] if kept_back else [{"sentence1": "dog", "sentence2": "dog", "id": "12"}]
    toy.write_split(tmp_path / "toy/mining", "de", "test", rows, COLUMNS)
    asked = {"recipe": str(toy.RECIPE), "data": tmp_path, "board": tmp_path / "board", "languages": "de"}
    done = xbench.run(str(checkpoint("bert")), str(toy.TASKS["mining"]), **asked)
    assert ["no row has a sentence on both sides" in failed.why for failed in done.failed] == [True] * kept_back
    assert len(done.ran) == 1 - kept_back


def test_recipes_say_how_the_threshold_comes_about() -> None:
    found = {}
    for name in ("standard", "xtreme", "small"):
        recipe = catalogue.recipes.open(name).recipe("any", "mining")
        found[name] = (recipe.selection, recipe.threshold, recipe.middle)
    assert found == {"standard": ("none", 1.04, False), "xtreme": ("oracle", 0.0, True), "small": ("none", 1.04, True)}
    with pytest.raises(BadOption, match="threshold must be at least 0"):
        Recipe(name="wrong", threshold=-1.0)
    with pytest.raises(BadOption, match="neither epochs nor steps"):
        Book(name="wrong", title="", kinds={"mining": Recipe(name="wrong")})
