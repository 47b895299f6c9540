"""Tatoeba: find the translation of a sentence among all sentences of a set.  112 languages, each with English.

Nothing is trained: sentences are compared as the encoder gives them. What ranks is the search for the English sentence
with the foreign one, as mteb asks; XTREME asks the other way round, which is recorded beside it. The sets hold from
about a hundred to a thousand pairs, so accuracies of two languages cannot be compared unless their pools are made one
size: a guess is right once in a thousand in the largest, and more often in the others. That is what
`retrieval_to_source@100` does. chrF of the sentence that was found gives credit where it is nearly right.
"""

from xbench.task import Bitext, Row, Source, Task

TARGETS = """
    afr amh ang ara arq arz ast awa aze bel ben ber bos bre bul cat cbk ceb ces cha cmn cor csb cym dan deu dsb dtp
    ell epo est eus fao fin fra fry gla gle glg gsw heb hin hrv hsb hun hye ido ile ina ind isl ita jav jpn kab kat
    kaz khm kor kur kzj lat lfn lit lvs mal mar max mhr mkd mon nds nld nno nob nov oci orv pam pes pms pol por ron
    rus slk slv spa sqi srp swe swg swh tam tat tel tgl tha tuk tur tzl uig ukr urd uzb vie war wuu xho yid yue zsm
"""


def read(row: Row) -> Bitext:
    """A sentence and its English translation."""
    return Bitext(row["sentence1"], row["sentence2"])


task = Task(
    name="tatoeba",
    kind="retrieval",
    title="Translation retrieval",
    source="eng",
    targets=tuple(TARGETS.split()),
    data=Source("mteb/tatoeba-bitext-mining", config="{language}-eng", train="", dev=""),
    read=read,
    metric="retrieval_to_source",
    also=("retrieval_from_source", "retrieval_to_source@100", "retrieval_weighted_f1_to_source", "retrieved_chrf"),
    chance=0.001,
    parallel=False,
    licence="CC-BY-2.0-FR",
    cite="artetxe-schwenk-2019-massively",
)
