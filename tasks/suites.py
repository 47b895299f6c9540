"""Suites: tasks that are run together."""

from xbench.task import Suite

mini = Suite(
    name="mini",
    title="Synthetic languages of designed distance: needs no download, runs in minutes, and the right answer is known",
    tasks=("mini-inference", "mini-paraphrase", "mini-tagging", "mini-qa", "mini-retrieval"),
    encoders=("mini", "mini-untrained"),
    recipe="mini",
)

classification = Suite(
    name="classification",
    title="Sentences and pairs of sentences",
    tasks=("xnli", "pawsx", "sib200", "xcopa"),
    recipe="standard",
)

tagging = Suite(
    name="tagging",
    title="Named entities and parts of speech",
    tasks=("wikiann", "udpos", "masakhaner"),
    recipe="standard",
)

qa = Suite(
    name="qa",
    title="Extractive question answering",
    tasks=("xquad", "mlqa", "tydiqa"),
    recipe="standard",
)

retrieval = Suite(
    name="retrieval",
    title="Translation retrieval without fine-tuning",
    tasks=("tatoeba",),
    recipe="standard",
)

everything = Suite(
    name="all",
    title="Every task on natural languages",
    tasks=(*classification.tasks, *tagging.tasks, *qa.tasks, *retrieval.tasks),
    recipe="standard",
)
