"""WikiANN (PAN-X): names of persons, organisations and places in Wikipedia.  The 40 languages of XTREME.

The set holds 176 languages; these are the ones XTREME scores, in the balanced splits of Rahimi et al. Tags were made
by rule from links, not by people. Their original files spell a word as `en:word`; the Hub's copy has it split at the
first colon, so words with colons of their own are whole. Some languages have an I- tag that follows no B- (most in
Chinese): the lenient reading opens an entity there, the strict one does not, and both are scored under their own name.
"""

from xbench.task import Row, Source, Tagged, Task

TARGETS = """
    af ar bg bn de el en es et eu fa fi fr he hi hu id it ja jv
    ka kk ko ml mr ms my nl pt ru sw ta te th tl tr ur vi yo zh
"""


def read(row: Row) -> Tagged:
    """Words and their tags."""
    return Tagged(tuple(row["tokens"]), tuple(row["ner_tags"]))


task = Task(
    name="wikiann",
    kind="tags",
    title="Named-entity recognition",
    source="en",
    targets=tuple(TARGETS.split()),
    labels=("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC"),
    data=Source("unimelb-nlp/wikiann"),
    read=read,
    metric="span_f1",
    also=("span_f1_strict",),
    chance=0.0,
    parallel=False,
    licence="not stated",
    cite="pan-etal-2017-cross, rahimi-etal-2019-massively",
)
