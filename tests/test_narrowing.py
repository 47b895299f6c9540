"""The last feed-forward is computed for first tokens only where nothing reads the others, and nowhere else."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tiny import ARCHITECTURES, build
from toys import TEXTS, set_up
from xbench.forwards import replaced
from xbench.kinds import Feature, Setting
from xbench.kinds.choices import kind as choosing
from xbench.kinds.pairs import kind as pairing
from xbench.kinds.retrieval import kind as retrieving
from xbench.kinds.spans import kind as spanning
from xbench.kinds.tags import kind as tagging
from xbench.layouts import Reader
from xbench.narrowing import FEED_FORWARDS, feed_forward_of, is_narrowable, narrowed
from xbench.opening import blocks_of
from xbench.pack import pad
from xbench.trial import reader_of

CPU = torch.device("cpu")
LABELS = ("no", "yes")
NARROW = {"bert": "packed", "distilbert": "packed", "xlm-roberta": "packed", "modernbert": "packed", "rembert": "parts"}
LENGTHS = (17, 5, 30, 5, 2)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A checkpoint of each architecture, without dropout; ModernBERT with a head that reads the first token."""
    made = {}
    for name in ARCHITECTURES:
        folder = build(name, tmp_path_factory.mktemp("tiny") / name, TEXTS)
        config = re.sub(r'(dropout\w*": )0\.\d+', r"\g<1>0.0", (folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(json.loads(config) | {"classifier_pooling": "cls"}))
        made[name] = folder
    return made


def opened_for(folder: Path, kind: Any) -> tuple[Any, Setting]:
    return set_up(folder, kind, LABELS if kind in (pairing, tagging) else (), pooling="own", batch=12)


def best(opened: Any, kind: Any, setting: Setting, **more: Any) -> Reader:
    return reader_of(opened, kind, setting, device=CPU, half=False, **more)


def features_of(setting: Setting) -> list[Feature]:
    drawn = np.random.default_rng(5)
    ordinary = np.setdiff1d(np.arange(setting.tokenizer.vocab_size), setting.tokenizer.all_special_ids)
    return [Feature(drawn.choice(ordinary, size).astype(np.int32), None, place) for place, size in enumerate(LENGTHS)]


def widths_seen(reader: Reader, setting: Setting) -> list[int]:
    """Tokens that the last block's feed-forward is given, call by call, as its first linear layer sees them."""
    (part,) = (getattr(blocks_of(reader.model)[-1], name) for name in ("intermediate", "mlp", "ffn")
               if isinstance(getattr(blocks_of(reader.model)[-1], name, None), nn.Module))  # fmt: skip
    layer = next(module for module in part.modules() if isinstance(module, nn.Linear))
    seen: list[int] = []
    hook = layer.register_forward_pre_hook(lambda _, given: seen.append(given[0].shape[:-1].numel()))
    batch = pad(features_of(setting), pad_id=setting.tokenizer.pad_token_id, packing=True)
    reader.scores(pairing, batch, setting)
    hook.remove()
    return seen


@pytest.mark.parametrize("kind", [pairing, choosing], ids=["pairs", "choices"])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_which_architectures_are_read_so(name: str, kind: Any, folders: dict[str, Path]) -> None:
    opened, setting = opened_for(folders[name], kind)
    reader = best(opened, kind, setting)
    assert reader.narrow == (name in NARROW)
    assert reader.narrow == ("last feed-forward for first tokens only" in reader.said)
    if reader.narrow:
        assert reader.layout == NARROW[name]


@pytest.mark.parametrize("name", NARROW)
def test_the_last_feed_forward_is_given_first_tokens_only(name: str, folders: dict[str, Path]) -> None:
    opened, setting = opened_for(folders[name], pairing)
    assert sum(widths_seen(best(opened, pairing, setting), setting)) == len(LENGTHS)
    wide = Reader(opened.model, NARROW[name])  # type: ignore[arg-type]
    assert sum(widths_seen(wide, setting)) >= sum(LENGTHS)


@pytest.mark.parametrize("kind", [tagging, spanning, retrieving], ids=["tags", "spans", "retrieval"])
def test_where_every_token_is_read_all_are_computed(kind: Any, folders: dict[str, Path]) -> None:
    opened, setting = opened_for(folders["xlm-roberta"], kind)
    reader = best(opened, kind, setting)
    assert (reader.layout, reader.narrow) == ("packed", False)


@pytest.mark.parametrize("blank", [False, True], ids=["drawn", "zero"])
def test_a_head_that_reads_all_tokens_is_given_them(blank: bool, folders: dict[str, Path], tmp_path: Path) -> None:
    """A mean over tokens, also where the layer after it begins at zero and every score with it."""
    folder = tmp_path / "mean"
    folder.mkdir()
    for file in folders["modernbert"].iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"classifier_pooling": "mean"}))
    opened, setting = opened_for(folder, pairing)
    if blank:
        with torch.no_grad():
            opened.model.classifier.weight.zero_()
            opened.model.classifier.bias.zero_()
    reader = best(opened, pairing, setting)
    assert (reader.layout, reader.narrow, reader.said) == ("packed", False, "packed")


def test_compiled_blocks_stay_whole(folders: dict[str, Path]) -> None:
    """They would be compiled anew for every batch."""
    opened, _ = opened_for(folders["bert"], pairing)
    assert is_narrowable(opened.model)
    for block in blocks_of(opened.model):
        block.compile(backend="eager")
    assert not is_narrowable(opened.model)


def test_a_feed_forward_that_somebody_replaced_stays(folders: dict[str, Path]) -> None:
    for name, of_block in (("bert", lambda block: block), ("modernbert", lambda block: block.mlp)):
        opened, _ = opened_for(folders[name], pairing)
        owner = of_block(blocks_of(opened.model)[-1])
        method = "feed_forward_chunk" if name == "bert" else "forward"
        with replaced({owner: getattr(owner, method)}, method):
            assert not is_narrowable(opened.model)
        assert is_narrowable(opened.model)


def test_blocks_are_left_as_they_were(folders: dict[str, Path]) -> None:
    opened, setting = opened_for(folders["xlm-roberta"], pairing)
    block = blocks_of(opened.model)[-1]
    reader = best(opened, pairing, setting)
    batch = pad(features_of(setting), pad_id=setting.tokenizer.pad_token_id, packing=True)
    ours = reader.scores(pairing, batch, setting)
    assert not {*FEED_FORWARDS} & vars(block).keys()
    with pytest.raises(ZeroDivisionError), narrowed(feed_forward_of(opened.model), torch.zeros(1)):
        raise ZeroDivisionError
    assert not {*FEED_FORWARDS} & vars(block).keys()
    torch.testing.assert_close(ours, Reader(opened.model).scores(pairing, batch, setting), atol=1e-5, rtol=0)


def test_an_encoder_without_such_a_part_says_so(folders: dict[str, Path]) -> None:
    opened, _ = opened_for(folders["deberta-v2"], pairing)
    with pytest.raises(ValueError, match="DebertaV2ForSequenceClassification has no feed-forward that can be told"):
        feed_forward_of(opened.model)
