"""The tokenizer: learned from the corpus, with the pair format of XLM-R: `<s> a </s></s> b </s>`."""

from collections import Counter
from collections.abc import Iterable, Iterator

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from xbench.pretrain.corpus import Corpus
from xbench.pretrain.settings import BadSettings, Pretraining

BOS, PAD, EOS, UNKNOWN, MASK = "<s>", "<pad>", "</s>", "<unk>", "<mask>"
SPECIAL = [BOS, PAD, EOS, UNKNOWN, MASK]
"""Special tokens; `<pad>` is number 1, as in XLM-R, whose positions are counted from it."""


def learn_tokenizer(corpus: Corpus, settings: Pretraining) -> PreTrainedTokenizerFast:
    """A fast tokenizer with offsets, learned from every text and pair of the corpus.

    Raises BadSettings where a unigram vocabulary has no room for every character.
    """
    tokenizer = _words(corpus, settings) if settings.words == "word" else _subwords(corpus, settings)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A {EOS}", pair=f"{BOS} $A {EOS} {EOS} $B {EOS}", special_tokens=[(BOS, 0), (EOS, 2)]
    )
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer, model_max_length=settings.positions, bos_token=BOS, pad_token=PAD, eos_token=EOS,
        unk_token=UNKNOWN, mask_token=MASK, cls_token=BOS, sep_token=EOS,
        model_input_names=["input_ids", "attention_mask"],
    )  # fmt: skip


def _words(corpus: Corpus, settings: Pretraining) -> Tokenizer:
    """Words whole, and every letter once as a beginning and once as a continuation, so that all else can be spelled.

    Rare words are spelled in the corpus too, which is how the letters are learned.
    """
    counts = Counter(word for text in _units(corpus) for word in set(text.split()))
    letters = sorted({letter for word in counts for letter in word})
    spelling = [*letters, *(f"##{letter}" for letter in letters)]
    room = max(0, settings.vocabulary - len(SPECIAL) - len(spelling))
    known = {*SPECIAL, *spelling}
    # Words of equal count in the order of their letters: the vocabulary must not depend on the order of the texts.
    common = sorted((-count, word) for word, count in counts.items() if count >= settings.rare and word not in known)
    vocabulary = [*SPECIAL, *spelling, *(word for _, word in common[:room])]
    model = models.WordPiece(
        {token: number for number, token in enumerate(vocabulary)}, unk_token=UNKNOWN, max_input_chars_per_word=100
    )
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer


def _subwords(corpus: Corpus, settings: Pretraining) -> Tokenizer:
    """A unigram language model (Kudo 2018) or byte-pair encoding (Sennrich et al. 2016) over words marked by "▁"."""
    if settings.words == "unigram":
        tokenizer = Tokenizer(models.Unigram())
        trainer: trainers.Trainer = trainers.UnigramTrainer(
            vocab_size=settings.vocabulary, special_tokens=SPECIAL, unk_token=UNKNOWN, show_progress=False
        )
    else:
        tokenizer = Tokenizer(models.BPE(unk_token=UNKNOWN))
        trainer = trainers.BpeTrainer(
            vocab_size=settings.vocabulary, special_tokens=SPECIAL, limit_alphabet=settings.vocabulary // 2,
            show_progress=False,
        )  # fmt: skip
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    try:
        tokenizer.train_from_iterator(_balanced(corpus, settings.exponent), trainer)
    except Exception as cause:  # tokenizers raises nothing narrower
        if "vocabulary is not large enough" not in str(cause):
            raise
        raise BadSettings(_too_small(corpus, settings, tokenizer.normalizer)) from cause
    return tokenizer


def _too_small(corpus: Corpus, settings: Pretraining, normalizer: normalizers.Normalizer) -> str:
    """How large a unigram vocabulary must be, which has every character of the texts, "▁" for the space among them."""
    characters = {letter for text in _units(corpus) for letter in normalizer.normalize_str(text)} - {" "} | {"▁"}
    least = len(characters) + len(SPECIAL)
    return (
        f"vocabulary={settings.vocabulary} is too small: a unigram vocabulary holds each of the {len(characters):,} "
        f"characters of these texts, and {len(SPECIAL)} special tokens. Give at least --set vocabulary={least}, or "
        "take --words bpe, which leaves rare characters out"
    )


def _units(corpus: Corpus) -> Iterator[str]:
    """Every text, and every pair as one."""
    for texts in corpus.texts.values():
        yield from texts
    for pairs in corpus.pairs.values():
        yield from (" ".join(pair) for pair in pairs)


def _balanced(corpus: Corpus, exponent: float) -> Iterator[str]:
    """The texts, those of small languages repeated, so that counts grow as (number of texts) ** exponent."""
    groups: list[Iterable[str]] = [texts for texts in corpus.texts.values() if texts]
    groups += [[" ".join(pair) for pair in pairs] for pairs in corpus.pairs.values() if pairs]
    sizes = [sum(1 for _ in group) for group in groups]
    for group, size in zip(groups, sizes, strict=True):
        for _ in range(max(1, round((max(sizes) / size) ** (1.0 - exponent)))):
            yield from group
