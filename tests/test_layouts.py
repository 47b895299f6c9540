"""An encoder gives the same scores, and the same gradients, in every layout that is chosen for it."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AlbertConfig, AlbertForSequenceClassification

from tiny import ARCHITECTURES, build
from toys import TEXTS, changed, choices, set_up
from xbench import attention, grouped, layouts
from xbench.errors import BadOption
from xbench.kinds import Batch, Feature, Setting
from xbench.kinds.choices import kind as choosing
from xbench.kinds.pairs import kind as pairing
from xbench.kinds.retrieval import kind as retrieving
from xbench.kinds.spans import kind as spanning
from xbench.kinds.tags import kind as tagging
from xbench.layouts import Reader
from xbench.pack import pad
from xbench.predict import predict
from xbench.stepping import Stepper
from xbench.stepping.graphs import GraphedStepper
from xbench.stepping.items import Items
from xbench.trial import reader_of

CPU = torch.device("cpu")
LABELS = ("no", "yes")
KINDS = {"pairs": pairing, "choices": choosing, "tags": tagging, "spans": spanning, "retrieval": retrieving}
PACKED = ("bert", "distilbert", "xlm-roberta", "modernbert")
IN_PARTS = ("xlm", "deberta-v2", "rembert")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A checkpoint of each architecture, without dropout: layouts draw their masks in other orders."""
    made = {}
    for name in ARCHITECTURES:
        folder = build(name, tmp_path_factory.mktemp("tiny") / name, TEXTS)
        config = (folder / "config.json").read_text()
        (folder / "config.json").write_text(re.sub(r'(dropout\w*": )0\.\d+', r"\g<1>0.0", config))
        made[name] = folder
    return made


def opened_for(folder: Path, kind: Any) -> tuple[Any, Setting]:
    return set_up(folder, kind, LABELS if kind in (pairing, tagging) else (), pooling="own", batch=12)


def features_of(setting: Setting, kind: Any, number: int = 12) -> list[Feature]:
    """Sequences of many lengths, with targets as the kind learns from."""
    drawn = np.random.default_rng(5)
    ordinary = np.setdiff1d(np.arange(setting.tokenizer.vocab_size), setting.tokenizer.all_special_ids)
    found = []
    for place in range(number):
        length = int(drawn.integers(3, 40))
        target = {
            "pairs": np.array(drawn.integers(2)), "choices": np.array(int(place % 2 == 0)),
            "tags": drawn.integers(0, 2, length), "spans": drawn.integers(0, length, 2),
        }.get(kind.name)  # fmt: skip
        types = drawn.integers(0, 2, length).astype(np.int32) if setting.typed else None
        example = place // 2 if kind.grouped else place
        found.append(Feature(drawn.choice(ordinary, length).astype(np.int32), types, example, target))
    return found


def losses(reader: Reader, kind: Any, batch: Batch, setting: Setting) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    reader.model.zero_grad()
    scores = reader.scores(kind, batch, setting)
    kind.loss(scores, batch).mean().backward()
    return scores.detach(), {name: p.grad.clone() for name, p in reader.model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("kind", ["pairs", "choices", "tags", "spans"])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_logits_and_gradients_are_those_of_padded_batches(name: str, kind: str, folders: dict[str, Path]) -> None:
    using = KINDS[kind]
    opened, setting = opened_for(folders[name], using)
    reader = reader_of(opened, using, setting, device=CPU, half=False)
    assert reader.layout == ("packed" if name in PACKED else "parts")
    batch = pad(features_of(setting, using), pad_id=setting.tokenizer.pad_token_id, packing=True)
    opened.model.train()
    theirs, wanted = losses(Reader(opened.model), using, batch, setting)
    ours, found = losses(reader, using, batch, setting)
    there = batch.mask.bool() if using.per_token else slice(None)
    assert float((ours[there] - theirs[there]).abs().max()) < 1e-5
    assert found.keys() == wanted.keys()
    size = torch.cat([grad.flatten() for grad in wanted.values()]).norm()
    apart = torch.cat([(found[one] - wanted[one]).flatten() for one in wanted]).norm()
    assert float(apart / size) < 1e-6


@pytest.mark.parametrize("name", PACKED)
def test_bf16_is_the_same_but_for_rounding(name: str, folders: dict[str, Path]) -> None:
    """Attention has a path of its own there; in local attention some padding sees no token at all."""
    opened, setting = opened_for(folders[name], tagging)
    batch = pad(features_of(setting, tagging), pad_id=setting.tokenizer.pad_token_id, packing=True)
    found = []
    for layout, half in (("padded", False), ("padded", True), ("packed", True)):
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            scores, grads = losses(Reader(opened.model, layout), tagging, batch, setting)
        found.append(torch.cat([scores[batch.mask.bool()].flatten(), *(one.flatten() for one in grads.values())]))
    exact, theirs, ours = (vector.float() for vector in found)
    assert ours.isfinite().all()
    assert float((ours - exact).norm()) < 1.5 * float((theirs - exact).norm())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_scoring_gives_what_padded_scoring_gives(name: str, kind: str, folders: dict[str, Path]) -> None:
    using = KINDS[kind]
    opened, setting = opened_for(folders[name], using)
    features = features_of(setting, using, 40)
    reader = reader_of(opened, using, setting, device=CPU, half=True)
    assert reader.layout == ("packed" if name in PACKED else "parts")
    both = [
        predict(opened, using, features, setting, device=CPU, precision="fp32", reader=one, tokens_per_batch=200)
        for one in (reader, None)
    ]
    for ours, theirs in zip(*both, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize("name", PACKED)
def test_hidden_states_of_every_block_are_those_of_padded_batches(name: str, folders: dict[str, Path]) -> None:
    opened, setting = opened_for(folders[name], retrieving)
    setting = replace(setting, recipe=replace(setting.recipe, middle=True))
    features = features_of(setting, retrieving)
    reader = reader_of(opened, retrieving, setting, device=CPU, half=False)
    ours, theirs = (
        predict(opened, retrieving, features, setting, device=CPU, precision="fp32", reader=one)
        for one in (reader, None)
    )
    np.testing.assert_allclose(np.stack(ours), np.stack(theirs), atol=1e-5)


@pytest.mark.parametrize("learning", [True, False])
def test_local_attention_reaches_no_further_than_it_should(
    learning: bool, folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """ModernBERT's windows are 8 tokens to either side here, and sequences up to 39 long."""
    opened, setting = opened_for(folders["modernbert"], tagging)
    batch = pad(features_of(setting, tagging), pad_id=setting.tokenizer.pad_token_id, packing=True)
    reached: list[bool] = []

    def watched(length: int, window: int, *device: torch.device) -> torch.Tensor:
        reached.append(length > window)
        return near(length, window, *device)

    near = attention.near
    monkeypatch.setattr(grouped if learning else attention, "near", watched)
    with torch.set_grad_enabled(learning):
        Reader(opened.model, "packed").scores(tagging, batch, setting)
    assert any(reached)


def test_a_sequence_does_not_depend_on_its_company(folders: dict[str, Path]) -> None:
    opened, setting = opened_for(folders["xlm-roberta"], pairing)
    features = features_of(setting, pairing)
    reader = Reader(opened.model, "packed")
    alone = [
        float(reader.scores(pairing, pad([one], pad_id=1, packing=True), setting)[0, 0].detach()) for one in features
    ]
    together = reader.scores(pairing, pad(features, pad_id=1, packing=True), setting)[:, 0]
    np.testing.assert_allclose(together.detach().numpy(), alone, atol=1e-6)


def test_dropout_is_at_work_in_packed_training(tmp_path: Path) -> None:
    opened, setting = opened_for(build("bert", tmp_path / "bert", TEXTS), pairing)
    batch = pad(features_of(setting, pairing), pad_id=setting.tokenizer.pad_token_id, packing=True)
    reader = Reader(opened.model, "packed")
    opened.model.train()
    torch.manual_seed(0)
    one, other = (reader.scores(pairing, batch, setting) for _ in range(2))
    assert not torch.equal(one, other)
    torch.manual_seed(0)
    assert torch.equal(one, reader.scores(pairing, batch, setting))


def test_what_reads_across_sequences_is_not_packed(folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """An architecture that takes the attention but counts positions otherwise shows in the trial, and is padded."""
    opened, setting = opened_for(folders["xlm-roberta"], pairing)
    monkeypatch.setattr(layouts, "first_position", lambda model: 0)
    reader = reader_of(opened, pairing, setting, device=CPU, half=False)
    assert reader.layout == "parts"
    assert "apart from padded ones" in reader.said
    with pytest.raises(BadOption, match=r"cannot be read in the layout packed: its scores are .* Say --layout auto"):
        reader_of(opened, pairing, setting, device=CPU, half=False, wanted="packed")


def test_albert_pools_within_its_encoder_and_is_read_in_parts(folders: dict[str, Path]) -> None:
    """What it calls its pooler is given one token by the encoder, and would give one vector for each of all."""
    opened, setting = opened_for(folders["bert"], pairing)
    config = AlbertConfig(
        vocab_size=setting.tokenizer.vocab_size, embedding_size=8, hidden_size=16, num_hidden_layers=2,
        num_attention_heads=2, intermediate_size=32, num_labels=2,
    )  # fmt: skip
    opened = replace(opened, model=AlbertForSequenceClassification(config).eval())
    reader = reader_of(opened, pairing, setting, device=CPU, half=False)
    assert re.fullmatch(r"parts \(not packed: its scores are of shape \(5, \d+, 2\), not \(5, 2\)\)", reader.said)
    batch = pad(features_of(setting, pairing), pad_id=setting.tokenizer.pad_token_id, packing=True)
    ours, theirs = (one.scores(pairing, batch, setting) for one in (reader, Reader(opened.model)))
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)


def test_a_model_that_fails_in_a_layout_is_read_padded(folders: dict[str, Path]) -> None:
    opened, setting = opened_for(folders["bert"], pairing)

    def forward(model: Any, batch: Batch, setting: Setting) -> torch.Tensor:
        if model.base_model.forward.__name__ == "forward" and "forward" in vars(model.base_model):
            raise TypeError("no packed sequences, please")
        return pairing.forward(model, batch, setting)

    reader = reader_of(opened, changed(pairing, forward=forward), setting, device=CPU, half=False)
    assert reader.layout == "padded"
    assert reader.why.count("no packed sequences, please") == 2


def test_layouts_that_do_not_exist(folders: dict[str, Path]) -> None:
    opened, setting = opened_for(folders["bert"], pairing)
    with pytest.raises(BadOption, match="unknown layout 'wide': there are auto, packed, parts, padded"):
        reader_of(opened, pairing, setting, device=CPU, half=False, wanted="wide")
    assert reader_of(opened, pairing, setting, device=CPU, half=False, wanted="padded").said == "padded"
    with pytest.raises(ValueError, match="packing=True"):
        Reader(opened.model, "packed").scores(pairing, pad(features_of(setting, pairing), pad_id=0), setting)


def test_the_trial_leaves_the_model_as_it_was(folders: dict[str, Path]) -> None:
    opened, setting = opened_for(folders["modernbert"], pairing)
    before = {name: weight.clone() for name, weight in opened.model.state_dict().items()}
    said, training = opened.model.config._attn_implementation, opened.model.training
    reader_of(opened, pairing, setting, device=CPU, half=True)
    assert opened.model.config._attn_implementation == said
    assert opened.model.training == training
    assert "forward" not in vars(opened.model.base_model)
    assert all(torch.equal(weight, before[name]) for name, weight in opened.model.state_dict().items())


@pytest.mark.parametrize("learning", [True, False])
def test_queries_and_keys_that_positions_made_float32_are_rounded_under_autocast(learning: bool) -> None:
    """As torch's own attention does; encoders with rotary positions hand them over so."""
    packing = pad([Feature(np.arange(length), None, 0) for length in (9, 5, 5)], pad_id=0, packing=True).packing
    torch.manual_seed(1)
    query, key, value = (torch.randn(1, 2, 19, 8) for _ in range(3))
    halves = (query.bfloat16(), key.bfloat16(), value.bfloat16())
    with torch.set_grad_enabled(learning), torch.autocast("cpu", torch.bfloat16):
        given, plain = (
            attention.packed_attention(torch.nn.Identity(), *states, None, packing=packing)[0]
            for states in ((query.requires_grad_(learning), key, halves[2]), halves)
        )
    assert given.dtype == torch.bfloat16
    assert given.requires_grad == learning
    torch.testing.assert_close(given, plain, rtol=0.02, atol=0.02)


@pytest.mark.parametrize(
    ("lengths", "widths"), [((9, 3, 8, 2, 20, 4, 3, 2), [20, 8, 3, 2]), ((9, 9, 9, 8), [9]), ((5,), [5])]
)
def test_parts_are_no_wider_than_their_longest(
    folders: dict[str, Path], lengths: tuple[int, ...], widths: list[int]
) -> None:
    """Else they would cost what padding costs; scores alone do not tell."""
    opened, setting = opened_for(folders["deberta-v2"], pairing)
    batch = pad([Feature(np.arange(5, 5 + length), None, 0) for length in lengths], pad_id=0, packing=True)
    read: list[int] = []
    encoder = opened.model.base_model
    own = encoder.forward
    encoder.forward = lambda *given, **more: read.append(more["input_ids"].shape[1]) or own(*given, **more)
    with torch.no_grad():
        Reader(opened.model, "parts").scores(pairing, batch, setting)
    assert read == widths


def test_in_bf16_on_a_cpu_rows_are_filled_up_in_training_and_scoring(folders: dict[str, Path]) -> None:
    opened, setting = opened_for(folders["bert"], pairing)
    features = features_of(setting, pairing)
    reader = Reader(opened.model, "packed")
    read: list[int] = []
    for half in (False, True):
        stepper = Stepper(reader, pairing, Items.of(features, grouped=False), setting, device=CPU, half=half)
        (batch,) = stepper.lay_out([np.arange(len(features))])[0].parts
        assert batch.packing is not None
        read.append(len(batch.packing.places))
        watched = changed(pairing, forward=lambda model, batch, _: read.append(len(batch.packing.places)) or batch.mask)
        predict(
            opened, watched, features, setting, device="cpu", precision="bf16" if half else "fp32", reader=reader
        )  # fmt: skip
    plain = sum(len(one.ids) for one in features)
    assert read == [plain, plain, *2 * (-(-plain // 64) * 64,)]
    assert plain % 64


@pytest.mark.parametrize("learning", [True, False])
@pytest.mark.parametrize("name", ["bert", "xlm-roberta", "modernbert"])
def test_filler_changes_nothing(name: str, learning: bool, folders: dict[str, Path]) -> None:
    opened, setting = opened_for(folders[name], tagging)
    opened.model.double()
    weights = [weight for weight in opened.model.parameters() if weight.requires_grad]
    found = []
    for fill in (0, 64):
        batch = pad(
            features_of(setting, tagging), pad_id=setting.tokenizer.pad_token_id, packing=True, fill=fill
        )  # fmt: skip
        assert batch.packing is not None
        assert (len(batch.packing.places) > int(batch.mask.sum())) == (fill > 0)
        with torch.set_grad_enabled(learning):
            scores = Reader(opened.model, "packed").scores(tagging, batch, setting)
        there = scores[batch.mask.bool()]
        slopes = torch.autograd.grad(there.square().sum(), weights, allow_unused=True) if learning else ()
        found.append([there.detach(), *(slope for slope in slopes if slope is not None)])
    for plain, filled in zip(*found, strict=True):
        torch.testing.assert_close(plain, filled, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["bert", "xlm-roberta", "modernbert"])
def test_steps_laid_out_for_recording_teach_the_same(name: str, folders: dict[str, Path]) -> None:
    """What a GPU would record, run as it is: rows are filled up with tokens that must teach nothing."""
    weights = []
    for graphed in (False, True):
        opened, setting = opened_for(folders[name], pairing)
        reader = Reader(opened.model.train(), "packed")
        items = Items.of(features_of(setting, pairing, 30), grouped=False)
        if graphed:
            stepper: Stepper = GraphedStepper(reader, pairing, items, setting, device=CPU, record=False)
        else:
            stepper = Stepper(reader, pairing, items, setting, device=CPU)
        opened.model.double()
        drawn = np.random.default_rng(1)
        for laid in stepper.lay_out([drawn.permutation(30)[:size] for size in (12, 12, 12, 12, 12, 12, 5)]):
            stepper.step(laid, 1e-3)
        weights.append({key: value.detach().clone() for key, value in opened.model.named_parameters()})
        if graphed:
            assert re.fullmatch(r"3 of 7 replayed from [12] CUDA graphs", stepper.how["steps"])
    assert max(float((weights[0][key] - weights[1][key]).abs().max()) for key in weights[0]) < 1e-9


def test_examples_of_choices_may_be_cut_between_parts(folders: dict[str, Path]) -> None:
    opened, setting = opened_for(folders["deberta-v2"], choosing)
    features = choosing.encode(choices(9), setting, training=True)
    batch = pad(features, pad_id=setting.tokenizer.pad_token_id, packing=True)
    ours, theirs = (
        choosing.loss(Reader(opened.model, one).scores(choosing, batch, setting), batch) for one in ("parts", "padded")
    )
    assert torch.allclose(ours, theirs, atol=1e-6)


def test_a_padding_token_in_a_text_is_no_position(folders: dict[str, Path]) -> None:
    opened, setting = opened_for(folders["xlm-roberta"], pairing)
    features = features_of(setting, pairing)
    ids = features[0].ids.copy()
    ids[1:3] = setting.tokenizer.pad_token_id
    batch = pad([replace(features[0], ids=ids), *features[1:]], pad_id=setting.tokenizer.pad_token_id, packing=True)
    ours, theirs = (Reader(opened.model, one).scores(pairing, batch, setting) for one in ("packed", "padded"))
    assert torch.allclose(ours, theirs, atol=1e-6)


def test_what_goes_wrong_in_learning_only_rules_a_layout_out(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*given: Any) -> torch.Tensor:
        raise RuntimeError("no such kernel")

    opened, setting = opened_for(folders["bert"], pairing)
    assert reader_of(opened, pairing, setting, device=CPU, half=True).layout == "packed"
    monkeypatch.setattr(attention, "grouped_attention", broken)
    reader = reader_of(opened, pairing, setting, device=CPU, half=True)
    assert reader.layout == "parts"
    assert "no such kernel" in reader.why


def test_a_head_that_hands_on_something_else_is_not_packed(folders: dict[str, Path]) -> None:
    opened, setting = opened_for(folders["bert"], pairing)

    def forward(model: Any, batch: Batch, setting: Setting) -> torch.Tensor:
        scores: torch.Tensor = model(input_ids=batch.ids.clone(), attention_mask=batch.mask).logits
        return scores

    reader = reader_of(opened, changed(pairing, forward=forward), setting, device=CPU, half=False)
    assert reader.layout == "padded"
    assert "does not hand the batch on as it is" in reader.why


def test_a_forward_that_was_replaced_before_stays(folders: dict[str, Path]) -> None:
    opened, setting = opened_for(folders["bert"], pairing)
    encoder, called = opened.model.base_model, []
    own = encoder.forward

    def watched(*given: Any, **more: Any) -> Any:
        called.append("packing" in more)
        return own(*given, **more)

    encoder.forward = watched
    batch = pad(features_of(setting, pairing), pad_id=setting.tokenizer.pad_token_id, packing=True)
    Reader(opened.model, "parts").scores(pairing, batch, setting)
    assert encoder.forward is watched
    assert called
