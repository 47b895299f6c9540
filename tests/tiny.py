"""Tiny random checkpoints of the architectures that xbench supports, each with a tokenizer of its own kind."""

import json
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    AutoConfig,
    AutoModel,
    BertTokenizer,
    DebertaV2Tokenizer,
    DistilBertTokenizer,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
    RemBertTokenizer,
    XLMRobertaTokenizer,
    XLMTokenizer,
)
from transformers.utils.logging import disable_progress_bar

PIECES = 300
"""Size that every vocabulary is trained to."""

TEXTS = (
    "The old farmer sold a red cart to the baker near the river.",
    "A young baker bought the cart and painted it green yesterday.",
    "Die alte Bäuerin verkaufte gestern einen roten Wagen am Fluss.",
    "Где живёт старый пекарь? Он живёт у реки.",
    "नदी के पास एक पुराना घर है।",
    "河边有一座老房子，面包师住在那里。",
    "Nobody saw the dog, but the dog saw everybody at the market in Paris.",
    "1 2 3 4 5 6 7 8 9 0 , . ? ! ' \" ( ) - : ;",
)
"""A corpus for tests that need none of their own."""


def build(architecture: str, to: Path, texts: Sequence[str] = TEXTS) -> Path:
    """Write a random checkpoint, with a tokenizer trained on `texts`, into the folder `to` and return the folder.

    `architecture` is a transformers model type and one of `ARCHITECTURES`. Equal texts give equal checkpoints.
    """
    make_tokenizer, settings = ARCHITECTURES[architecture]
    to.mkdir(parents=True, exist_ok=True)
    tokenizer = make_tokenizer(texts, to)
    tokenizer.model_max_length = 64
    config = AutoConfig.for_model(
        architecture, vocab_size=len(tokenizer), pad_token_id=tokenizer.pad_token_id, **SMALL, **settings
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = AutoModel.from_config(config)
    disable_progress_bar()
    model.save_pretrained(to)
    tokenizer.save_pretrained(to)
    return to


def _merges(texts: Sequence[str], first: str, last: str, size: int) -> tuple[list[str], list[tuple[str, str]]]:
    """Characters and what their most frequent pairs merge to, up to so many pieces; and the merges (Sennrich 2016).

    `first` is put before every character but the first of a word, `last` behind the last. Of pairs that are as frequent
    that of the oldest pieces is taken. Tokenizers' own trainers do so too, but learn characters in any order.
    """
    split = pre_tokenizers.BertPreTokenizer().pre_tokenize_str
    counts = Counter(word for text in texts for word, _ in split(text))
    words = {
        word: [first * (place > 0) + one + last * (place == len(word) - 1) for place, one in enumerate(word)]
        for word in counts
    }
    characters = sorted({one for word in counts for one in word})
    pieces = [*characters, *sorted({piece for parts in words.values() for piece in parts} - set(characters))]
    merges: list[tuple[str, str]] = []
    while len(pieces) < size:
        pairs: Counter[tuple[str, str]] = Counter()
        for word, parts in words.items():
            for pair in pairwise(parts):
                pairs[pair] += counts[word]
        if not pairs:
            break
        number = {piece: place for place, piece in enumerate(pieces)}
        one, other = min(pairs, key=lambda pair: (-pairs[pair], number[pair[0]], number[pair[1]]))
        merges.append((one, other))
        whole = one + other.removeprefix(first)
        pieces += [] if whole in pieces else [whole]
        for word, parts in words.items():
            merged: list[str] = []
            for part in parts:
                if part == other and merged and merged[-1] == one:
                    merged[-1] = whole
                else:
                    merged.append(part)
            words[word] = merged
    return pieces, merges


def _wordpiece(cls: type[BertTokenizer]) -> "MakeTokenizer":
    def make(texts: Sequence[str], to: Path) -> PreTrainedTokenizerBase:
        special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        pieces, _ = _merges(texts, "##", "", PIECES - len(special))
        return cls(vocab={piece: place for place, piece in enumerate([*special, *pieces])}, do_lower_case=False)

    return make


def _unigram(cls: type[PreTrainedTokenizerBase], special: Sequence[str], mask: str) -> "MakeTokenizer":
    def make(texts: Sequence[str], to: Path) -> PreTrainedTokenizerBase:
        # Counted rather than trained: the trainer finds no pieces but characters in so small a corpus.
        counts: Counter[str] = Counter()
        for word, count in Counter(word for text in texts for word in f" {text}".replace(" ", " ▁").split()).items():
            for start in range(len(word)):
                for end in range(start + 1, len(word) + 1):
                    counts[word[start:end]] += count
        characters = sorted(piece for piece in counts if len(piece) == 1)
        longer = sorted(
            (piece for piece in counts if len(piece) > 1), key=lambda piece: (-counts[piece] * len(piece), piece)
        )
        pieces = characters + longer[: max(PIECES - len(characters), 0)]
        total = sum(counts[piece] for piece in pieces)
        scored = [(piece, math.log(counts[piece] / total)) for piece in pieces]
        return cls(vocab=[*((token, 0.0) for token in special), *scored, (mask, 0.0)])

    return make


def _byte_level(texts: Sequence[str], to: Path) -> PreTrainedTokenizerBase:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]
    tokenizer.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=PIECES + 256,
            special_tokens=special,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B [SEP]",
        special_tokens=[(token, special.index(token)) for token in ("[CLS]", "[SEP]")],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        pad_token="[PAD]",
        mask_token="[MASK]",
        model_input_names=["input_ids", "attention_mask"],
    )


def _moses(texts: Sequence[str], to: Path) -> PreTrainedTokenizerBase:
    """XLM's own tokenizer, which is a slow one: no offsets, no word ids."""
    special = ["<s>", "</s>", "<pad>", "<unk>", *(f"<special{n}>" for n in range(10))]
    pieces, merges = _merges(texts, "", "</w>", PIECES - len(special))
    vocabulary = {piece: place for place, piece in enumerate([*special, *pieces])}
    (to / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")
    (to / "merges.txt").write_text("".join(f"{one} {other}\n" for one, other in merges), encoding="utf-8")
    return XLMTokenizer(str(to / "vocab.json"), str(to / "merges.txt"), do_lowercase_and_remove_accent=False)


MakeTokenizer = Callable[[Sequence[str], Path], PreTrainedTokenizerBase]

SMALL: Mapping[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 66,
}
"""Sizes of every model; architectures with other names for them map these, or are told below."""

ROBERTA_LIKE = _unigram(XLMRobertaTokenizer, ["<s>", "<pad>", "</s>", "<unk>"], "<mask>")

ARCHITECTURES: Mapping[str, tuple[MakeTokenizer, Mapping[str, Any]]] = {
    "bert": (_wordpiece(BertTokenizer), {}),
    "distilbert": (_wordpiece(DistilBertTokenizer), {"hidden_dim": 64}),
    "xlm": (_moses, {"n_langs": 1, "bos_index": 0, "eos_index": 1, "pad_index": 2, "unk_index": 3, "mask_index": 5}),
    "xlm-roberta": (ROBERTA_LIKE, {"type_vocab_size": 1, "bos_token_id": 0, "eos_token_id": 2}),
    "deberta-v2": (
        _unigram(DebertaV2Tokenizer, ["[PAD]", "[CLS]", "[SEP]", "[UNK]"], "[MASK]"),
        {
            "type_vocab_size": 0,
            "relative_attention": True,
            "position_biased_input": False,
            "position_buckets": 16,
            "pos_att_type": ["p2c", "c2p"],
            "norm_rel_ebd": "layer_norm",
            "share_att_key": True,
        },
    ),
    "rembert": (
        _unigram(RemBertTokenizer, ["<pad>", "[CLS]", "<unk>", "[SEP]"], "[MASK]"),
        {
            "input_embedding_size": 16,
            "output_embedding_size": 16,
            "initializer_range": 0.1,
            "bos_token_id": 1,
            "eos_token_id": 3,
        },
    ),
    "modernbert": (
        _byte_level,
        {
            "cls_token_id": 1,
            "sep_token_id": 2,
            "bos_token_id": 1,
            "eos_token_id": 2,
            "local_attention": 16,
            "global_attn_every_n_layers": 2,
        },
    ),
}
"""Model type -> how its tokenizer is made, and what its configuration says beyond the sizes."""
