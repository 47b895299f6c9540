"""Recipes under their names. Figures of others were read in their own scripts; each book says where."""

from dataclasses import replace

from xbench.recipe import Book, Recipe

_MARGIN = 1.04
"""What LASER's tasks/WikiMatrix/README.md calls a good choice for most of its 1,620 language pairs."""

_xtreme = {
    "pairs": Recipe(name="xtreme", epochs=5, batch=32, rate=2e-5, length=128, select_every=200),
    "choices": Recipe(name="xtreme", epochs=5, batch=32, rate=2e-5, length=128, select_every=200),
    "tags": Recipe(name="xtreme", epochs=10, batch=32, rate=2e-5, length=128, select_every=1000),
    "spans": Recipe(
        name="xtreme", epochs=3, batch=32, rate=3e-5, warmup=500, decay=1e-4, length=384, stride=128, query=64,
        answer=30, nbest=20, selection="last",
    ),
    "retrieval": Recipe(name="xtreme", length=512, selection="none", middle=True, pooling="mean"),
    "mining": Recipe(name="xtreme", length=512, selection="oracle", middle=True, pooling="mean"),
}  # fmt: skip

xtreme = Book(
    name="xtreme",
    title="XTREME's published scripts: rates, epochs, lengths and dev intervals as its repository has them",
    cite="hu-etal-2020-xtreme",
    kinds=_xtreme,
    tasks={"xnli": {"select_every": 100}, "udpos": {"select_every": 500}},
)

xtreme_large = Book(
    name="xtreme-large",
    title="XTREME's scripts for encoders of the large size: XNLI at rate 3e-5",
    cite="hu-etal-2020-xtreme",
    kinds={kind: recipe.renamed("xtreme-large") for kind, recipe in _xtreme.items()},
    tasks={"xnli": {"select_every": 100, "rate": 3e-5}, "udpos": {"select_every": 500}},
)

standard = Book(
    name="standard",
    title="XTREME's fine-tuning; sentence vectors as the checkpoint itself pools them, else the mean of the last layer",
    cite="hu-etal-2020-xtreme",
    kinds={kind: recipe.renamed("standard") for kind, recipe in _xtreme.items()}
    | {
        "retrieval": Recipe(name="standard", length=512, selection="none"),
        "mining": Recipe(name="standard", length=512, selection="none", threshold=_MARGIN),
    },
    tasks={"xnli": {"select_every": 100}, "udpos": {"select_every": 500}},
)

xlmr = Book(
    name="xlmr",
    title="The XLM-R authors' XNLI fine-tuning: small rate, large batch, up to 30 rounds of 5,000 batches",
    cite="conneau-etal-2020-unsupervised",
    kinds={
        "pairs": Recipe(name="xlmr", steps=150_000, batch=128, rate=5e-6, length=256, select_every=5_000, patience=5)
    },
)

small = Book(
    name="small",
    title="For small encoders, such as `xbench pretrain` makes: XTREME's with a larger rate; sentence vectors centred",
    kinds={
        kind: replace(recipe, name="small", centre=True)
        if kind == "retrieval"
        else replace(recipe, name="small", rate=5e-4, warmup=100)
        for kind, recipe in _xtreme.items()
    }
    | {"mining": replace(_xtreme["mining"], name="small", centre=True, selection="none", threshold=_MARGIN)},
)

_mini = Recipe(
    name="mini", steps=700, batch=32, rate=5e-4, warmup=60, length=64, method="frozen-embeddings", selection="last"
)

mini = Book(
    name="mini",
    title="For the mini suite's small encoder: budget in steps, embeddings frozen so that unseen words keep theirs",
    kinds={
        "pairs": _mini,
        "tags": _mini,
        "spans": replace(_mini, stride=16, query=16, answer=8),
        "retrieval": Recipe(name="mini", length=64, layer=1, pooling="mean", centre=True, selection="none"),
    },
    tasks={"mini-tagging": {"steps": 300}},
)
