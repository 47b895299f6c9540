"""Training the rows of an embedding that occur is training the embedding: equal bit for bit, and undone at the end."""

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from transformers import AutoModelForMaskedLM, AutoModelForSequenceClassification, PreTrainedModel

from tiny import ARCHITECTURES
from xbench.selection import Judge, Jury
from xbench.stepping.vocabulary import LEAST, Compact, CompactEmbedding, clip_gradients, compact, named_weights

STEPS = 20


class Toy(nn.Module):
    """An embedding and a layer over the mean of what it reads."""

    def __init__(self, size: int = 30, width: int = 16, pad: int | None = 0) -> None:
        super().__init__()
        self.words = nn.Embedding(size, width, padding_idx=pad)
        self.head = nn.Linear(width, 3)
        self.dropout = nn.Dropout(0.1)

    def get_input_embeddings(self) -> nn.Module:
        return self.words

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None) -> Any:
        return SimpleNamespace(logits=self.head(self.dropout(self.words(input_ids)).mean(1)))


def toy(**more: Any) -> Any:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Toy(**more)


def opened(folder: Path, **more: Any) -> PreTrainedModel:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model: PreTrainedModel = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=3, **more)
    return model


def a_third(model: Any) -> torch.Tensor:
    """A third of the vocabulary, with the padding, far from the front of it."""
    size = model.get_input_embeddings().num_embeddings
    drawn = torch.randperm(size, generator=torch.Generator().manual_seed(5))[: size // 3 - 8]
    pad = getattr(getattr(model, "config", None), "pad_token_id", 0)
    return torch.unique(torch.cat([drawn, torch.arange(8), torch.tensor([pad])]))


def batches(used: torch.Tensor, steps: int, pad: int = 0) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Ids with padding at the ends of some, masks, and labels."""
    drawn = torch.Generator().manual_seed(7)
    for _ in range(steps):
        ids = used[torch.randint(len(used), (6, 9), generator=drawn)]
        mask = (torch.arange(9) < torch.randint(3, 10, (6, 1), generator=drawn)).long()
        yield ids.where(mask.bool(), pad), mask, torch.randint(3, (6,), generator=drawn)


def learn(
    model: Any, used: torch.Tensor, held: Compact | None, *, decay: float = 0.0, steps: int = STEPS, limit: float = 0.01,
    half: bool = False, look: Callable[[int], None] | None = None, pad: int = 0,
) -> list[float]:  # fmt: skip
    """Fine-tune as the loop does, with a warm-up from a rate of 0; the norms of the gradients. `look` after each step."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-3, weight_decay=decay, fused=True)
    norms = []
    torch.manual_seed(3)
    model.train()
    for step, (ids, mask, labels) in enumerate(batches(used, steps, pad)):
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            logits = model(input_ids=ids, attention_mask=mask).logits
        nn.functional.cross_entropy(logits.float(), labels).backward()
        embedding = held.rows if held else model.get_input_embeddings().weight
        norms.append(float(clip_gradients(trained, limit, embedding)))
        rate = 1e-2 * step / STEPS
        optimizer.param_groups[0]["lr"] = rate
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if held:
            held.stepped(rate, decay)
        if look:
            look(step)
    return norms


def both(whole: Any, part: Any, used: torch.Tensor, **more: Any) -> None:
    """Train one model whole and the other compact."""
    left = learn(whole, used, None, **more)
    with compact(part, used) as held:
        assert held.why == ""
        right = learn(part, used, held, **more)
    assert left == right
    assert min(left) > more.get("limit", 0.01)  # or nothing was clipped


def weights(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().clone() for name, tensor in model.named_parameters()}


def same(one: Mapping[str, torch.Tensor], other: Mapping[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("half", [False, True], ids=["fp32", "bf16"])
@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("architecture", sorted(ARCHITECTURES))
def test_equals_training_the_whole_matrix_bit_for_bit(
    architecture: str, decay: float, half: bool, checkpoint: Callable[[str], Path]
) -> None:
    whole, part = opened(checkpoint(architecture)), opened(checkpoint(architecture))
    before, used = weights(whole), a_third(whole)
    both(whole, part, used, decay=decay, half=half, pad=whole.config.pad_token_id)
    assert same(weights(whole), weights(part))
    name = next(name for name, tensor in before.items() if len(tensor) == whole.get_input_embeddings().num_embeddings)
    moved = (weights(whole)[name] != before[name]).any(1)
    untouched = torch.ones(len(moved), dtype=torch.bool).index_fill(0, used, False)
    assert moved[used].sum() >= len(used) - 3  # chance has not drawn every one
    assert bool(moved[untouched].any()) == bool(decay)


@given(
    st.sets(st.integers(0, 29), min_size=1, max_size=20),
    st.integers(1, 6),
    st.sampled_from([0.0, 1e-4, 0.3]),
    st.sampled_from([None, 0, 3]),
    st.lists(st.integers(0, 5), max_size=3),
)
@settings(max_examples=40)
def test_any_tokens_any_steps(ids: set[int], steps: int, decay: float, pad: int | None, scored: list[int]) -> None:
    whole, part = toy(pad=pad), toy(pad=pad)
    used = torch.tensor(sorted(ids | {0}))
    seen: dict[int, torch.Tensor] = {}
    everything = torch.arange(30)[None]

    def look(model: Any) -> Callable[[int], None]:
        def score(step: int) -> None:
            if step not in scored:
                return
            model.eval()
            found = model(everything).logits.detach()
            model.train()
            assert torch.equal(seen.setdefault(step, found), found)

        return score

    learn(whole, used, None, steps=steps, decay=decay, look=look(whole))
    with compact(part, reversed(sorted(ids | {0}) * 2)) as held:
        learn(part, used, held, steps=steps, decay=decay, look=look(part))
    assert same(weights(whole), weights(part))


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_scoring_between_steps_reads_the_whole_matrix(decay: float) -> None:
    """Also with tokens that are in no training example, and as often as it is asked."""
    found: list[list[torch.Tensor]] = [[], []]
    outside = torch.arange(30)[None]
    for model, scores in zip((toy(), toy()), found, strict=True):
        used = torch.arange(0, 30, 3)
        with compact(model, used) if scores is found[1] else nullcontext() as held:

            def look(step: int, model: Any = model, scores: list[torch.Tensor] = scores) -> None:
                if step % 6 == 5:
                    with torch.inference_mode():
                        model.train(False)
                        scores.append(model(outside).logits.clone())
                        model.train()

            learn(model, used, held, decay=decay, look=look)
    assert len(found[0]) == 3
    assert not torch.equal(found[0][0], found[0][1])
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))


@pytest.mark.parametrize("number", [1, 2], ids=["in memory", "on disk"])
def test_a_jury_keeps_the_whole_matrix_under_its_own_name(number: int) -> None:
    used, kept = torch.arange(0, 30, 3), []
    for shrunk in (False, True):
        model = toy()
        scores = iter([1.0] * number + [0.0] * number)
        judges = {str(judge): Judge(score=lambda scores=scores: next(scores)) for judge in range(number)}
        with Jury(judges) as jury:
            with compact(model, used) if shrunk else nullcontext() as held:

                def look(step: int, model: Any = model, jury: Jury = jury, held: Compact | None = held) -> None:
                    if step in {9, 19}:
                        if held:
                            held.write_back()
                        jury.ask(step + 1, named_weights(model))

                learn(model, used, held, decay=0.1, look=look)
            last = weights(model)
            jury.put(10, model)
        kept.append(weights(model))
        assert not torch.equal(last["words.weight"], kept[-1]["words.weight"])
    assert same(*kept)


def test_whole_weights_have_their_own_names() -> None:
    model = toy()
    model.head.bias.requires_grad_(False)
    with compact(model, range(10)):
        inside = named_weights(model)
        assert inside["words.weight"] is model.words.weight
        assert [name for name, tensor in model.named_parameters() if tensor.requires_grad] == [
            "words.rows",
            "head.weight",
        ]
    after = named_weights(model)
    assert list(inside) == list(after) == ["words.weight", "head.weight"]
    assert all(inside[name] is after[name] for name in after)


def test_nothing_is_held_for_the_whole_matrix() -> None:
    model = toy()
    with compact(model, range(5)) as held:
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        optimizer = torch.optim.AdamW(trained, fused=True)
        model(torch.arange(5)[None]).logits.sum().backward()
        optimizer.step()
        assert model.words.weight.grad is None
        assert held.rows is not None
        assert held.rows.shape == held.rows.grad.shape == optimizer.state[held.rows]["exp_avg"].shape == (5, 16)
        assert model.words.weight not in optimizer.state
        assert held.said == "compact: 5 of 30 rows"


@pytest.mark.parametrize("training", [True, False])
def test_the_model_has_its_own_embedding_again_after_an_error(training: bool) -> None:
    model, used = toy(), torch.arange(0, 30, 3)
    own, parameter, names = model.words, model.words.weight, list(model.state_dict())

    def fail(step: int) -> None:
        if step == 4:
            model.train(training)
            raise MemoryError

    with pytest.raises(MemoryError), compact(model, used) as held:
        learn(model, used, held, look=fail)
    assert model.words is own
    assert own.weight is parameter
    assert parameter.requires_grad
    assert parameter.grad is None
    assert own.training is training
    assert list(model.state_dict()) == names
    # It is the whole matrix that holds what was learned until then.
    whole = toy()
    learn(whole, used, None, steps=5)
    with torch.no_grad():
        assert torch.equal(own.weight[used], whole.words.weight[used])


def test_copies_of_a_model_are_apart() -> None:
    first = toy()
    second, used = copy.deepcopy(first), torch.arange(10)
    before = weights(first)
    with compact(second, used) as held:
        learn(second, used, held, decay=0.1)
        assert same(weights(first), before)
        third = copy.deepcopy(second)  # in the middle of training, behind with its decay
        rows = third.words.rows.detach().clone()
        learn(second, used, held, decay=0.1)
    assert torch.equal(third.words.rows, rows)
    third.eval()
    whole = toy()
    learn(whole, used, None, decay=0.1)
    assert torch.equal(third.words.weight, whole.words.weight)
    assert not torch.equal(second.words.weight, whole.words.weight)


def test_a_token_without_a_row_is_not_read_as_another() -> None:
    model = toy()
    with compact(model, [1, 2, 29]):
        model.train()
        with pytest.raises(IndexError):
            model(torch.tensor([[1, 3]]))
        model.eval()
        model(torch.tensor([[1, 3]]))


def test_rates_may_be_tensors() -> None:
    """As an optimizer has them whose steps are recorded as a graph; its next rate is written into the same tensor."""
    whole, part = toy(), toy()
    rate = torch.tensor(0.1)
    optimizer = torch.optim.AdamW([whole.words.weight], lr=rate, weight_decay=0.1, fused=True)
    with compact(part, [0]) as held:
        for value in (0.1, 0.3, 0.0):
            rate.fill_(value)
            whole.words.weight.grad = torch.zeros_like(whole.words.weight)
            optimizer.step()
            held.stepped(value, 0.1, rate)
    assert torch.equal(whole.words.weight[1:], part.words.weight[1:])
    assert not torch.equal(part.words.weight[1:], toy().words.weight[1:])


def test_a_large_matrix_catches_up_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xbench.stepping.vocabulary.AT_ONCE", 112)
    whole, part = toy(), toy()
    both(whole, part, torch.arange(7), decay=0.1)
    assert same(weights(whole), weights(part))


@pytest.mark.parametrize("named", [True, False], ids=["embedding", "none"])
def test_clips_as_torch_does(named: bool) -> None:
    for limit in (0.5, 50.0):
        ours, theirs = ([nn.Parameter(torch.zeros(shape)) for shape in ((300, 16), (7,), (2,))] for _ in range(2))
        for one, other in zip(ours[:2], theirs[:2], strict=True):
            one.grad = torch.randn(one.shape, generator=torch.Generator().manual_seed(1)) / 10
            other.grad = one.grad.clone()
        norm = clip_gradients(ours, limit, ours[0] if named else None)
        assert float(norm) == pytest.approx(float(nn.utils.clip_grad_norm_(theirs, limit)), rel=1e-6)
        for one, other in zip(ours[:2], theirs[:2], strict=True):
            torch.testing.assert_close(one.grad, other.grad, rtol=1e-6 if named else 0, atol=0)
    nothing = nn.Parameter(torch.zeros(2, 2))
    assert float(clip_gradients([nothing], 1.0, nothing if named else None)) == 0


@given(st.integers(0, 2**31), st.sampled_from([1, 4, 16, 24, 33]), st.integers(1, 400))
def test_rows_of_zeros_change_no_norm(seed: int, width: int, rows: int) -> None:
    drawn = torch.Generator().manual_seed(seed)
    few, many = nn.Parameter(torch.zeros(rows, width)), nn.Parameter(torch.zeros(3 * rows, width))
    few.grad, many.grad = torch.randn(rows, width, generator=drawn), torch.zeros(3 * rows, width)
    many.grad[torch.randperm(3 * rows, generator=drawn)[:rows].sort().values] = few.grad
    assert torch.equal(clip_gradients([few], 0.1, few), clip_gradients([many], 0.1, many))
    assert torch.equal(many.grad[many.grad.any(1)], few.grad)


def with_words(**more: Any) -> Any:
    model = toy()
    model.words = nn.Embedding(30, 16, **more)
    return model


def hooked() -> Any:
    model = toy()
    model.words.register_forward_hook(lambda *unused: None)
    return model


def tied(what: str) -> Any:
    model = toy()
    if what == "weight":
        model.more = nn.Linear(16, 30)
        model.more.weight = model.words.weight
    elif what == "module":
        model.more = model.words
    else:
        model.register_buffer("more", model.words.weight.detach()[:2])
    return model


class Other(nn.Embedding):
    pass


def another_class() -> Any:
    model = toy()
    model.words = Other(30, 16)
    return model


def frozen() -> Any:
    model = toy()
    model.words.weight.requires_grad_(False)
    return model


@pytest.mark.parametrize(
    ("make", "ids", "why"),
    [
        (another_class, range(9), "no plain torch.nn.Embedding"),
        (lambda: with_words(max_norm=1.0), range(9), "normalises"),
        (lambda: with_words(sparse=True), range(9), "sparse"),
        (lambda: with_words(scale_grad_by_freq=True), range(9), "scaled"),
        (hooked, range(9), "hooks"),
        (lambda: tied("weight"), range(9), "shares"),
        (lambda: tied("module"), range(9), "shares"),
        (lambda: tied("memory"), range(9), "shares"),
        (frozen, range(9), "not trained"),
        (toy, range(25), "25 of the embedding's 30 rows occur"),
        (toy, [], "are not tokens"),
        (toy, np.array([1, 30]), "are not tokens"),
        (toy, [-1, 3], "are not tokens"),
    ],
)
def test_refuses(make: Callable[[], Any], ids: Any, why: str) -> None:
    model = make()
    was, wanted = model.words, model.words.weight.requires_grad
    with compact(model, ids) as held:
        assert why in held.why
        assert held.said == f"whole: {held.why}"
        assert held.rows is None
        assert model.words is was
        assert model.words.weight.requires_grad is wanted
        held.stepped(0.1, 0.1)
        held.write_back()
        assert "words.weight" in named_weights(model) or not wanted


def test_rows_up_to_four_fifths_are_worth_it() -> None:
    for ids in (range(24), torch.arange(24).flip(0), np.tile(np.arange(24, dtype=np.int32), 2)):
        with compact(toy(), ids) as held:
            assert held.said == "compact: 24 of 30 rows"


@pytest.mark.parametrize("architecture", ["bert", "xlm-roberta"])
def test_refuses_a_tied_language_model(architecture: str, checkpoint: Callable[[str], Path]) -> None:
    model = AutoModelForMaskedLM.from_pretrained(checkpoint(architecture))
    with compact(model, range(9)) as held:
        assert "shares" in held.why
        assert not isinstance(model.get_input_embeddings(), CompactEmbedding)


@settings(deadline=None, max_examples=30)
@given(rate=st.floats(1e-9, 1e-3), decay=st.floats(1e-6, 1.0), seed=st.integers(0, 2**16))
def test_decay_that_float32_cannot_show_is_not_made_up_for(rate: float, decay: float, seed: int) -> None:
    """torch's kernel leaves such numbers as they are; those just below and at a power of two are the first to move."""
    torch.manual_seed(seed)
    numbers = torch.cat([torch.randn(64), torch.tensor([1.0, 2.0, 1.9999999, 0.5, 1.0000001, -4.0])])
    weight = nn.Parameter(numbers.clone())
    optimizer = torch.optim.AdamW([weight], lr=rate, weight_decay=decay, fused=True)
    weight.grad = torch.zeros_like(weight)
    optimizer.step()
    if rate * decay < LEAST:
        assert torch.equal(weight, numbers)
