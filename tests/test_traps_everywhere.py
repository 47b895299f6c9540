"""What has changed numbers elsewhere whatever the task is: retrieval directions, vectors, language codes, precision."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import toy
import xbench
from once import open_once
from xbench import catalogue
from xbench.errors import BadOption
from xbench.kinds.retrieval import kind
from xbench.languages import language, same
from xbench.metrics import count, retrieval, rows_of
from xbench.metrics.metric import close
from xbench.recipe import Recipe
from xbench.record import parts
from xbench.task import Bitext
from xbench_tasks import sib200, tatoeba, xnli

Checkpoint = Callable[[str], Path]


def test_the_two_directions_of_retrieval_are_two_metrics_and_each_says_who_asks_it(checkpoint: Checkpoint) -> None:
    """XTREME asks with English sentences, mteb with foreign ones; a hub among the vectors tells them apart."""
    _, setting = open_once(checkpoint("bert"), kind)
    examples = [Bitext(f"{'the ' * n}", f"{'red ' * n}") for n in range(1, 5)]
    features = kind.encode(examples, setting, training=False)
    angles = [(0.0, 0.1), (0.3, 0.2), (0.4, 0.21), (0.5, 0.22)]
    vectors = [np.array([np.cos(a), np.sin(a)], np.float32) for pair in angles for a in pair]
    found = kind.decode(vectors, features, examples, setting)
    metrics = [retrieval.retrieval_to_source, retrieval.retrieval_from_source]
    counts = count(examples, found, ["de"] * 4, list("abcd"), metrics)
    scores = [close(metric, rows_of(counts, metric)) for metric in metrics]
    # By hand: the foreign ones at 0.3, 0.4 and 0.5 all lie nearest the last source sentence; the source ones at 0.2,
    # 0.21 and 0.22 all lie nearest the foreign one at 0.3; and the first foreign one and the first source one meet.
    assert scores == [0.5, 0.5]
    assert [(one.to_source, one.from_source) for one in found] == [(0, 0), (3, 1), (3, 1), (3, 1)]
    assert (tatoeba.task.metric, tatoeba.task.also[0]) == ("retrieval_to_source", "retrieval_from_source")
    assert counts.rows[:, 0].tolist() == [1, 0, 0, 1]
    assert counts.rows[:, 2].tolist() == [1, 1, 0, 0]


def test_layer_and_pooling_stand_in_the_signature(checkpoint: Checkpoint, toy_mirror: Path, tmp_path: Path) -> None:
    signed = {}
    for name, changes in {"own": "", "first": "layer=1", "middle": "middle=True", "centred": "centre=True"}.items():
        book = tmp_path / f"{name}.py"
        text = toy.RECIPE.read_text().replace('name="toy"', f'name="{name}"')
        zero_shot = 'length=32, selection="none")'
        assert text.count(zero_shot) == 1
        book.write_text(text.replace(zero_shot, f"{zero_shot[:-1]}, {changes})"))
        outcome = xbench.run(
            str(checkpoint("bert")),
            str(toy.TASKS["retrieval"]),
            recipe=str(book),
            data=toy_mirror,
            board=tmp_path / "b",
        )
        ((_, record),) = outcome.ran
        signed[name] = parts(record.signature)["vectors"]
    assert signed == {
        "own": "block2of2-mean-length32", "first": "block1of2-mean-length32", "middle": "block2of2-mean-length32",
        "centred": "block2of2-mean-length32-centred",
    }  # fmt: skip


def test_codes_of_data_sets_meet_under_one_key_and_are_kept_beside_it(
    checkpoint: Checkpoint, toy_mirror: Path, tmp_path: Path
) -> None:
    for codes in (("sw", "swh", "swh_Latn"), ("ar", "ara", "arb_Arab"), ("de", "deu", "deu_Latn")):
        in_use = (xnli.task.targets, tatoeba.task.targets, sib200.task.targets)
        assert all(code in targets for code, targets in zip(codes, in_use, strict=True))
        assert len({language(code).code for code in codes}) == 1
        assert all(same(codes[0], code) for code in codes)
    # The record keeps the code of the set, also where a language was asked for by another one.
    outcome = xbench.run(
        str(checkpoint("bert")), str(toy.TASKS["retrieval"]), recipe=str(toy.RECIPE), data=toy_mirror,
        board=tmp_path, languages=("deu", "eng"),
    )  # fmt: skip
    ((_, record),) = outcome.ran
    assert {score.language for score in record.scores} == {"de", "en"}
    assert {used.config for used in record.provenance.test.values()} == {"de", "en"}


@pytest.mark.parametrize("code", ["ar", "fa", "sw", "zh", "et", "ms", "qu"])
def test_a_macrolanguage_has_family_and_place_by_its_proxy(code: str) -> None:
    found = language(code)
    assert found.proxy
    assert found.family
    assert found.macro_area
    assert language(found.proxy).family == found.family


def test_an_unknown_code_stays_itself_and_is_never_latin() -> None:
    for task in map(catalogue.tasks.open, ("mini-inference", "sib200", "tatoeba", "udpos")):
        assert all(language(code).script for code in task.targets)
    for code in ("qqx", "klingonish", "zz_ZZ"):
        found = language(code)
        assert (found.code, found.name, found.script, found.family, found.resource_class) == (code, code, "", "", None)


def test_half_precision_in_which_mdeberta_fails_is_not_offered() -> None:
    with pytest.raises(BadOption, match="precision is 'fp16', but must be one of auto, fp32, tf32, bf16"):
        Recipe(name="half", precision="fp16")  # type: ignore[arg-type]
