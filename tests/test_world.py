"""The synthetic world: designed distances hold, examples are right, and equal worlds give equal bytes."""

import hashlib
import json
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xbench.cache import made_once
from xbench.world import LANGUAGES, OWNER, Language, World, write_mirror
from xbench.world.chance import Dice
from xbench.world.events import Nature
from xbench.world.examples import inference, paraphrase, quiz
from xbench.world.grammar import tell, text
from xbench.world.lexicon import IN_TEXT, IN_TRAIN, meanings, names, speeches
from xbench.world.tables import TAGS

TWIN = Language(code="twin", cognates=1.0, documents=50, pairs=10)
SMALL = World(
    languages=(
        Language(code="source", documents=400, pairs=0),
        Language(code="near", cognates=0.6, documents=50, pairs=10),
        Language(code="ord", order="SOV", cognates=0.3, documents=50, pairs=10),
        Language(code="vso", order="VSO", noun_first=True, documents=50, pairs=10),
        Language(
            code="scrol", script="Ethiopic", order="SOV", postpositions=True, accusative=True, documents=50, pairs=10
        ),
        TWIN,
    ),
    train=300,
    validation=60,
    test=60,
    retrieval=100,
)
TRAINED = ("inference", "paraphrase", "tagging", "qa")


@pytest.fixture(scope="module")
def mirror(tmp_path_factory):
    return write_mirror(tmp_path_factory.mktemp("world"), world=SMALL) / OWNER


def rows(mirror: Path, name: str, language: str, split: str = "test") -> list[dict]:
    return pq.read_table(mirror / name / language / f"{split}-00000-of-00001.parquet").to_pylist()


def fingerprint(folder: Path) -> dict[str, str]:
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def test_equal_worlds_give_equal_bytes_and_another_seed_gives_others(mirror, tmp_path):
    again = write_mirror(tmp_path / "again", world=SMALL) / OWNER
    assert fingerprint(again) == fingerprint(mirror)
    assert len(fingerprint(mirror)) == 7 + 4 * (2 + 6) + 5 + 6 + 5
    other = write_mirror(tmp_path / "other", world=World(seed=99, languages=SMALL.languages[:1], train=5)) / OWNER
    assert rows(other, "inference", "source", "train") != rows(mirror, "inference", "source", "train")[:5]


def test_a_language_more_changes_no_other(tmp_path):
    fewer = World(**{name: getattr(SMALL, name) for name in ("train", "validation", "test", "retrieval")},
                  languages=SMALL.languages[:3])  # fmt: skip
    alone = {speech.language.code: speech.words for speech in speeches(fewer)}
    assert alone.items() <= {speech.language.code: speech.words for speech in speeches(SMALL)}.items()


def test_columns_and_labels_are_described_as_datasets_does(mirror):
    schema = pq.read_schema(mirror / "tagging" / "scrol" / "test-00000-of-00001.parquet")
    features = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
    assert features["ner_tags"] == {"feature": {"names": list(TAGS), "_type": "ClassLabel"}, "_type": "List"}
    card = (mirror / "retrieval" / "README.md").read_text()
    assert "path: near/test-*.parquet" in card
    assert "ynthetic" in card
    assert "Apache-2.0" in card


def test_datasets_reads_it(mirror):
    datasets = pytest.importorskip("datasets")
    read = datasets.load_dataset(str(mirror / "inference"), "near", split="test")
    assert read.features["label"].names == ["entailment", "neutral", "contradiction"]
    assert len(read) == SMALL.test


@pytest.mark.parametrize("name", TRAINED)
def test_the_twin_speaks_the_sources_very_sentences(mirror, name):
    assert rows(mirror, name, "twin") == rows(mirror, name, "source")
    assert rows(mirror, name, "ord") != rows(mirror, name, "source")


def test_retrieval_has_distinct_sentences_to_find(mirror):
    found = rows(mirror, "retrieval", "near")
    assert len({row["sentence2"] for row in found}) == len(found) == SMALL.retrieval
    assert [row["sentence1"] for row in rows(mirror, "retrieval", "twin")] == [row["sentence2"] for row in found]


@pytest.mark.parametrize("name", TRAINED)
def test_rows_are_parallel_and_ids_unique(mirror, name):
    ids = [row["id"] for row in rows(mirror, name, "source")]
    assert len(set(ids)) == len(ids)
    for language in SMALL.languages:
        assert [row["id"] for row in rows(mirror, name, language.code)] == ids


def test_shipped_cognates_lie_where_they_were_designed():
    spoken = {speech.language.code: speech for speech in speeches(World())}
    source = spoken["source"].words
    assert [language.code for language in LANGUAGES] == ["source", "near", "mid", "ord", "scr", "scro", "scrl", "scrol"]
    for language in LANGUAGES[1:]:
        words = spoken[language.code].words
        share = sum(words[meaning] == source[meaning] for meaning in meanings()) / len(source)
        assert share == pytest.approx(language.cognates if language.script == "Latin" else 0.0, abs=0.01), language.code
        assert len(set(words.values())) == len(words), "no word has two meanings"
    assert not {*"".join(spoken["scr"].words.values())} & {*"".join(source.values())}


def test_orders_are_the_designed_ones():
    spoken = {speech.language.code: speech for speech in speeches(SMALL)}
    dice, nature = Dice("orders"), Nature(SMALL)
    wanted = {"source": "SVO", "ord": "SOV", "vso": "VSO", "scrol": "SOV"}
    for _ in range(50):
        event = nature.contest(dice)
        for code, order in wanted.items():
            tokens = tell(event, spoken[code])
            verb = spoken[code].words[f"verb/{2 * event.action + event.synonym}"]
            places = {
                "S": next(i for i, token in enumerate(tokens) if token.part == "subject"),
                "V": next(i for i, token in enumerate(tokens) if token.word == verb),
                "O": next(i for i, token in enumerate(tokens) if token.part == "object"),
            }
            assert "".join(sorted(places, key=places.__getitem__)) == order, code
            nouns = [token.word for token in tokens if token.part == "object"]
            noun = spoken[code].noun(event.object.noun, accusative=True)
            assert nouns.index(noun) == (0 if spoken[code].language.noun_first else 1)


def test_every_answer_stands_at_its_offset(mirror):
    for language in SMALL.languages:
        for row in rows(mirror, "qa", language.code):
            (answer,), (start,) = row["answers"]["text"], row["answers"]["answer_start"]
            assert row["context"][start : start + len(answer)] == answer
            assert start == 0 or row["context"][start - 1] == " "


def test_first_rows_of_every_split_are_balanced(mirror):
    for name, labels in (("inference", 3), ("paraphrase", 2)):
        for split in ("train", "validation", "test"):
            counts = Counter(row["label"] for row in rows(mirror, name, "source", split)[:60])
            assert counts == dict.fromkeys(range(labels), 60 // labels)


def test_held_out_names_are_in_no_text_and_in_one_kind_of_split(mirror):
    letters = next(iter(speeches(SMALL)))
    pools = names(SMALL).values()
    train_only = {letters.spell(name) for pool in pools for name in pool[IN_TEXT:IN_TRAIN]}
    test_only = {letters.spell(name) for pool in pools for name in pool[IN_TRAIN:]}
    texts = {word for row in rows(mirror, "text", "source", "train") for word in row["text"].split()}
    pairs = {word for row in rows(mirror, "bitext", "near", "train") for side in row.values() for word in side.split()}
    assert not (texts | pairs) & (train_only | test_only)
    trained = {word for row in rows(mirror, "tagging", "source", "train") for word in row["tokens"]}
    tested = {word for row in rows(mirror, "tagging", "source") for word in row["tokens"]}
    assert trained & train_only
    assert tested & test_only
    assert not trained & test_only
    assert not tested & train_only


def test_tags_are_well_formed(mirror):
    for row in rows(mirror, "tagging", "scrol"):
        tags = [TAGS[number] for number in row["ner_tags"]]
        assert len(tags) == len(row["tokens"])
        for before, tag in zip(["O", *tags], tags, strict=False):
            assert not tag.startswith("I-") or before[2:] == tag[2:]


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(), label=st.integers(0, 2))
def test_inference_is_matched(seed, label):
    """No label leaves anything unchanged, and none changes more than one thing beside what is dropped."""
    premise, hypothesis = inference(Dice(seed), Nature(SMALL), label)
    assert premise != hypothesis
    changed = [
        premise.action != hypothesis.action or premise.synonym != hypothesis.synonym or hypothesis.negated,
        premise.subject.noun != hypothesis.subject.noun,
        premise.object.noun != hypothesis.object.noun,
    ]
    assert sum(changed) <= 1


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(), same=st.booleans())
def test_paraphrases_differ_in_a_synonym_and_others_in_one_thing_more(seed, same):
    speech = speeches(SMALL)[0]
    first, second = paraphrase(Dice(seed), Nature(SMALL), same)
    words = [Counter(text(tell(event, speech)).split()) for event in (first, second)]
    assert sum((words[0] - words[1]).values()) <= (1 if same else 2)
    told = [(event.action, event.subject, event.object) for event in (first, second)]
    assert (told[0] == told[1]) == same


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(), events=st.integers(2, 3))
def test_a_quiz_has_one_answer(seed, events):
    """The question without its wh-word matches the event that it is about and no other one of the passage."""
    asked = quiz(Dice(seed), Nature(SMALL), events)
    question = asked.question
    kept = [part for part in ("subject", "object") if part != asked.part]

    def matches(event):
        return event.action == question.action and all(getattr(event, part) == getattr(question, part) for part in kept)

    assert [matches(event) for event in asked.passage].index(True) == asked.told
    alike = [event for event in asked.passage if matches(event)]
    assert len({getattr(event, asked.part) for event in alike}) == len(alike) == 1


def test_wrong_worlds_are_refused():
    with pytest.raises(ValueError, match="no script 'Runes'; there are Latin"):
        Language(code="x", script="Runes")
    with pytest.raises(ValueError, match=r"0\.\.1, not 2"):
        Language(code="x", cognates=2)
    with pytest.raises(ValueError, match="no order 'OSV'"):
        Language(code="x", order="OSV")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="codes of their own"):
        World(languages=(TWIN, TWIN))


def test_made_once_makes_once_and_leaves_nothing_half_made(tmp_path, monkeypatch):
    monkeypatch.setenv("XBENCH_CACHE", str(tmp_path))
    calls = []

    def make(folder):
        calls.append(folder)
        (folder / "a").write_text("x")

    first = made_once("thing", {"n": 1}, make)
    assert made_once("thing", {"n": 1}, make) == first
    assert len(calls) == 1
    assert (first / "a").read_text() == "x"
    assert json.loads(first.with_name(first.name + ".json").read_text()) == {"n": 1}
    assert made_once("thing", {"n": 2}, make) != first

    def fail(folder):
        (folder / "a").write_text("x")
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        made_once("thing", {"n": 3}, fail)
    assert len([path for path in tmp_path.iterdir() if path.is_dir()]) == 2


def test_the_slower_of_two_makers_takes_what_the_faster_made(tmp_path, monkeypatch):
    monkeypatch.setenv("XBENCH_CACHE", str(tmp_path))

    def slow(folder):
        (folder / "by").write_text("slow")
        made_once("thing", {}, lambda inner: (inner / "by").write_text("fast") and None)

    assert (made_once("thing", {}, slow) / "by").read_text() == "fast"
