"""TyDiQA-GoldP: which piece of a paragraph answers a question?  Nine languages, trained on its English part.

Asked in each language by people who did not know the answer, so questions and passages share few words. One
configuration holds all languages, told apart by the ids. The Hub's `validation` is the split that papers score; there
is no other, so no checkpoint is chosen on it. Some copies shorten the ids until many questions share one: rows are
then kept apart as `id#2`, `id#3` and so on.
"""

from xbench.task import Row, Source, Task
from xbench_tasks.xquad import read

NAMES = {
    "ar": "arabic", "bn": "bengali", "en": "english", "fi": "finnish", "id": "indonesian",
    "ko": "korean", "ru": "russian", "sw": "swahili", "te": "telugu",
}  # fmt: skip


def keep(row: Row, language: str) -> bool:
    """Ids begin with the language's English name."""
    return str(row["id"]).startswith(f"{NAMES[language]}-")


task = Task(
    name="tydiqa",
    kind="spans",
    title="Question answering",
    source="en",
    targets=tuple(NAMES),
    data=Source("google-research-datasets/tydiqa", config="secondary_task", dev="", test="validation", keep=keep),
    read=read,
    id="id",
    metric="squad_f1",
    also=("squad_em", "words_f1", "words_em"),
    chance=0.0,
    parallel=False,
    licence="Apache-2.0",
    cite="clark-etal-2020-tydi",
)
