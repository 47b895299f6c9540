"""MLQA: which piece of a paragraph answers a question?  Seven languages, trained on English SQuAD 1.1.

Context and question are in one language; the set's 42 mixed configurations are not read. Found in Wikipedia rather
than translated, so only a part of the questions is common to all languages. Scored by MLQA's own rules, which know the
punctuation, articles and characters of each language; SQuAD's would score Chinese as nearly exact match.
"""

from xbench.task import Source, Task
from xbench_tasks.xquad import SQUAD, read

TARGETS = "ar de en es hi vi zh"

task = Task(
    name="mlqa",
    kind="spans",
    title="Question answering",
    source="en",
    targets=tuple(TARGETS.split()),
    data=Source("facebook/mlqa", config="mlqa.{language}.{language}", train=""),
    train_data=SQUAD,
    read=read,
    id="id",
    metric="mlqa_f1",
    also=("mlqa_em", "mlqa_f1_fixed_arabic", "mlqa_em_fixed_arabic", "words_f1", "words_em"),
    chance=0.0,
    parallel=False,
    shares_items=True,
    licence="CC-BY-SA-3.0",
    cite="lewis-etal-2020-mlqa",
)
