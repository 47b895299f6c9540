"""A recipe for tests: a few steps."""

from xbench.recipe import Book, Recipe

_few = Recipe(name="toy", steps=6, batch=8, rate=1e-3, length=32, stride=8, query=12, answer=8, selection="last")

recipe = Book(
    name="toy",
    title="A few steps",
    kinds=dict.fromkeys(("pairs", "tags", "spans", "choices"), _few)
    | {
        "retrieval": Recipe(name="toy", length=32, selection="none"),
        "mining": Recipe(name="toy", length=32, selection="none", threshold=1.0),
    },
)
