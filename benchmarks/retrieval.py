"""Exact retrieval: 2,000 sentences among 20,000.

Both sides start from the same vectors as an encoder gives them (768 numbers of float32, not of length 1) and end with
the nearest candidate of each query. Ours brings all vectors to length 1 once, multiplies in tiles, and also counts how
many candidates are nearer than the right one; what a product leaves open, by the bound of its error, is decided by
cosines in float64. The other side is written after
`_similarity_search` of mteb 2.26 (`mteb/_evaluators/text/bitext_mining_evaluator.py`) and its `cos_sim`
(`mteb/similarity_functions.py`): for every 100 queries all candidates are brought to length 1 again, torch multiplies,
`topk` finds the best, and what is found is kept in lists of dictionaries.
"""

import sys

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.timing import side_by_side
from xbench import nearest_bf16
from xbench.nearest import Places, directions, ranked
from xbench.nearest_bf16 import quick_device

QUERIES, CANDIDATES, HIDDEN = 2_000, 20_000, 768
CHUNK = 100
NOISE = 4.0
"""Length of the noise in a query against that of its translation: nearly all are found all the same."""
ROUNDS = 9

Vectors = NDArray[np.float32]


def report() -> str:
    """Time both, and compare what they find."""
    queries, candidates = vectors()
    found, ahead = in_float32(queries, candidates)
    theirs = np.array([one["corpus_id"] for one in as_mteb(queries, candidates)])
    ways = [("float32 (`xbench.nearest`)", in_float32, 2)]
    if quick_device() is None:
        print("no processor here multiplies bfloat16 quickly: only float32 is timed", file=sys.stderr)
    else:
        ways.append(("bfloat16, then what is open (`xbench.nearest_bf16`)", in_bfloat16, 4))
    lines = []
    for name, way, goal in ways:
        nearest, nearer = way(queries, candidates)
        if differ := int((nearest != theirs).sum() + (nearer != ahead).sum()):
            raise SystemExit(f"{name}: {differ} of {QUERIES} results differ: the times would compare two things")
        pair = side_by_side(lambda way=way: way(queries, candidates), lambda: as_mteb(queries, candidates), ROUNDS)
        lines.append(
            f"| {name} | {pair.ours:.3f} | {pair.theirs:.3f} | **{pair.ratio:.2f}** "
            f"| {pair.least:.2f}–{pair.most:.2f} | {goal} |"
        )
    return "\n".join((
        "| first products in | seconds | mteb's loop, seconds | times as fast | least–most | goal |",
        "|---|---|---|---|---|---|",
        *lines,
        "",
        f"Medians of {ROUNDS} alternating rounds, all of them with bringing vectors to length 1. The nearest candidate "
        f"is the same for {QUERIES:,} of {QUERIES:,} queries, as is what both of ours count. "
        f"{100 * (found == np.arange(QUERIES)).mean():.1f} % of the queries find their translation; of the others the "
        f"median number of candidates nearer than the translation is {np.median(ahead[ahead > 0]):.0f}. numpy and "
        f"torch use all cores they find (torch: {torch.get_num_threads()} threads).",
    ))  # fmt: skip


def vectors() -> tuple[Vectors, Vectors]:
    """Queries and candidates; the translation of query i is candidate i."""
    some = np.random.default_rng(0)
    candidates = some.standard_normal((CANDIDATES, HIDDEN), np.float32)
    queries = candidates[:QUERIES] + NOISE * some.standard_normal((QUERIES, HIDDEN), np.float32)
    return queries, candidates


def in_float32(queries: Vectors, candidates: Vectors) -> tuple[Places, Places]:
    """The nearest of each query, and how many are ahead of the right one."""
    return ranked(directions(queries), directions(candidates))


def in_bfloat16(queries: Vectors, candidates: Vectors) -> tuple[Places, Places]:
    """The same with a first pass in bfloat16."""
    return nearest_bf16.ranked(directions(queries), directions(candidates))


def as_mteb(queries: Vectors, candidates: Vectors) -> list[dict[str, float]]:
    """The nearest of each query, the way of mteb."""
    best: list[list[dict[str, float]]] = [[] for _ in queries]
    for begin in range(0, len(queries), CHUNK):
        cosines = cosine(queries[begin : begin + CHUNK], candidates)
        # mteb makes a tensor of the tensor, which copies it.
        values, places = torch.topk(cosines.clone(), 1, dim=1, largest=True, sorted=False)
        for row, (value, place) in enumerate(zip(values.tolist(), places.tolist(), strict=True)):
            best[begin + row].append({"corpus_id": place[0], "score": value[0]})
    return [max(some, key=lambda one: one["score"]) for some in best]


def cosine(queries: Vectors, candidates: Vectors) -> torch.Tensor:
    """Cosines of all pairs, both sides brought to length 1 first."""
    one, other = (torch.nn.functional.normalize(torch.from_numpy(side), p=2, dim=1) for side in (queries, candidates))
    return one @ other.T
