"""How an encoder's tokenizer treats a language: a first cause of disparity, and one to be seen before training."""

from collections.abc import Sequence

from transformers import PreTrainedTokenizerBase

from xbench.kinds import Feature
from xbench.kinds.tags import Heads
from xbench.record import TokenizerFigures
from xbench.task import Bitext, Choice, Example, Pair, Span, Tagged
from xbench.tokens import Asked, tokenize

AT_MOST = 2_000
"""Examples that are looked at, the first ones; the figures change in the third digit beyond that."""


def figures(
    tokenizer: PreTrainedTokenizerBase, examples: Sequence[Example], features: Sequence[Feature]
) -> TokenizerFigures:
    """Fertility, unknown rate, truncated share and unread words over the texts of a language.

    A word is what white space parts, so in scripts that write without spaces fertility counts tokens of a phrase or
    a sentence; tokens per character is there for those.
    """
    texts = [text for example in examples[:AT_MOST] for text in _texts(example)]
    ids = tokenize(tokenizer, texts, asked=Asked(special=False)).ids
    tokens = len(ids)
    words = sum(len(text.split()) for text in texts)
    characters = sum(len(text) for text in texts)
    unknown = 0 if tokenizer.unk_token_id is None else int((ids == tokenizer.unk_token_id).sum())
    cut = {feature.example for feature in features if feature.truncated}
    return TokenizerFigures(
        fertility=tokens / words if words else 0.0,
        tokens_per_character=tokens / characters if characters else 0.0,
        unknown=unknown / tokens if tokens else 0.0,
        truncated=len(cut) / len(examples) if examples else 0.0,
        unread=_unread(examples, features),
    )


def _unread(examples: Sequence[Example], features: Sequence[Feature]) -> int:
    """Words of tagged sentences that no feature answers for; 0 where another kind than `tags` made the features."""
    if not all(isinstance(feature.note, Heads) for feature in features):
        return 0
    words = sum(len(example.words) for example in examples if isinstance(example, Tagged))
    return words - sum(len(feature.note.words) for feature in features)


def _texts(example: Example) -> tuple[str, ...]:
    """What the encoder reads of an example in the language that is scored."""
    match example:
        case Pair(first, second):
            return (first,) if second is None else (first, second)
        case Tagged(words):
            return (" ".join(words),)
        case Span(question, context):
            return (question, context)
        case Choice(premise, options):
            return (premise, *options)
        case Bitext(foreign):
            return () if foreign is None else (foreign,)
