"""The encoder that forgot a script, which the gate is tried on."""

from pathlib import Path

from safetensors.torch import load_file
from transformers import AutoTokenizer

import tiny
from damaged import damaged
from xbench.world.languages import SCRIPTS


def test_only_the_tokens_of_the_script_are_forgotten(tmp_path: Path) -> None:
    georgian = " ".join(SCRIPTS["Georgian"].syllables)
    whole = tiny.build("xlm-roberta", tmp_path / "whole", [*tiny.TEXTS, georgian])
    tokens = damaged(whole, tmp_path / "damaged", "Georgian")
    assert len(tokens) > 10
    vocabulary = AutoTokenizer.from_pretrained(whole).get_vocab()
    rows = {vocabulary[token] for token in tokens}
    before, after = (load_file(folder / "model.safetensors") for folder in (whole, tmp_path / "damaged"))
    (name,) = (name for name in before if name.endswith("word_embeddings.weight"))
    for row in range(len(before[name])):
        assert bool((before[name][row] == after[name][row]).all()) == (row not in rows or not before[name][row].any())
        if row in rows:
            assert not after[name][row].any()
    assert all(bool((before[other] == after[other]).all()) for other in before if other != name)
