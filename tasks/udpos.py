"""UD-POS: the part of speech of every word.  The 33 languages of XTREME, from Universal Dependencies 2.5.

Scored by the share of words whose tag is right; a span F1 over raw tags, as XTREME's tables report, is another number,
recorded beside it as `span_f1_xtreme`. Treebanks differ in genre and guidelines, so a low score may tell of an unlike
treebank as well as of the encoder. A guess over the 17 tags is right once in 17.
"""

from xbench.task import Row, Source, Tagged, Task

NAMES = {
    "af": "Afrikaans", "ar": "Arabic", "bg": "Bulgarian", "de": "German", "el": "Greek", "en": "English",
    "es": "Spanish", "et": "Estonian", "eu": "Basque", "fa": "Persian", "fi": "Finnish", "fr": "French",
    "he": "Hebrew", "hi": "Hindi", "hu": "Hungarian", "id": "Indonesian", "it": "Italian", "ja": "Japanese",
    "kk": "Kazakh", "ko": "Korean", "mr": "Marathi", "nl": "Dutch", "pt": "Portuguese", "ru": "Russian",
    "ta": "Tamil", "te": "Telugu", "th": "Thai", "tl": "Tagalog", "tr": "Turkish", "ur": "Urdu",
    "vi": "Vietnamese", "yo": "Yoruba", "zh": "Chinese",
}  # fmt: skip
LABELS = "ADJ ADP ADV AUX CCONJ DET INTJ NOUN NUM PART PRON PROPN PUNCT SCONJ SYM VERB X"


def read(row: Row) -> Tagged:
    """Words and their tags."""
    return Tagged(tuple(row["tokens"]), tuple(row["pos_tags"]))


task = Task(
    name="udpos",
    kind="tags",
    title="Part-of-speech tagging",
    source="en",
    targets=tuple(NAMES),
    labels=tuple(LABELS.split()),
    data=Source("google/xtreme", config="udpos.{language}", codes=NAMES),
    read=read,
    metric="token_accuracy",
    also=("span_f1_xtreme",),
    chance=1 / 17,
    parallel=False,
    licence="per treebank, see universaldependencies.org",
    cite="nivre-etal-2020-universal",
)
