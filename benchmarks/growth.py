"""How cost grows: with the batch, with the length of sequences, and with the number of languages scored.

Every point is a fresh process that fine-tunes or scores a random encoder with XLM-R's vocabulary (4 layers × 256; on a
GPU XLM-R base's shape), in the precision that a run takes by itself, and says its tokens a second (padding never
counts) and its peak memory: the most that the process ever held (`ru_maxrss`), weights, libraries and all, or on a GPU
the most that torch ever held there. Rows have the lengths of XNLI's pairs, except where length itself is what grows:
there all rows are equally long, and a batch holds as many as make 4,096 tokens. The dashed line pads every row to the
longest that the recipe allows, as scripts do. Languages are scored in one stream, as a run scores them; 256 rows each.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

TO = Path(__file__).resolve().parents[1] / "docs" / "benchmarks"
NAMES = {"cpu": "4 × 256", "cuda": "base"}
"""Device -> encoder."""
TOKENS = 4_096
BATCHES = (4, 8, 16, 32, 64, 128)
LENGTHS = (16, 32, 64, 128, 256, 512)
LANGUAGES = (1, 2, 4, 8, 16, 40)
ROWS = 256
"""Of each language."""
MEAN = 41.0
"""Tokens of a row, about: as every language has rows of like lengths, times are told for rows of just these."""
TURNS = 7
WARM = {"cpu": 12, "cuda": 20}
"""Optimizer steps that are not counted: products of new shapes are made ready, steps recorded. Of scoring, one pass."""
AXES = {"batch": "rows a batch", "length": "tokens a row", "languages": "languages"}
POINTS = {"batch": BATCHES, "length": LENGTHS, "languages": LANGUAGES}
Found = dict[str, Any]


def report() -> str:
    """Measure every point, draw them, and say how cost grows."""
    found = [point | measured(point) for point in points()]
    found = [one | {"seconds": seconds(one)} for one in found]
    (TO / "growth.svg").write_bytes(picture(found))
    parts = ["![Tokens per second and peak memory](growth.svg)"]
    for axis in AXES:
        for what in dict.fromkeys(one["what"] for one in found if one["axis"] == axis):
            parts.append(table([one for one in found if (one["axis"], one["what"]) == (axis, what)], axis, what))
    parts.append(verdict(found))
    return "\n\n".join(parts)


def points() -> list[Found]:
    """What is measured: axis, its value, fine-tuning or scoring, and the layout."""
    found = [
        {"axis": axis, "value": value, "what": what, "layout": layout}
        for axis, whats in (("batch", ("fine-tuning",)), ("length", ("fine-tuning", "scoring")))
        for what in whats
        for value in POINTS[axis]
        for layout in (("ours", "padded") if axis == "batch" else ("ours",))
    ]
    return found + [{"axis": "languages", "value": value, "what": "scoring", "layout": "ours"} for value in LANGUAGES]


def measured(point: Mapping[str, object]) -> Found:
    """Tokens a second and memory of a point, from a process of its own."""
    call = [sys.executable, "-c", "import sys; from benchmarks.growth import main; main(sys.argv[1])"]
    folder = Path(__file__).resolve().parents[1]
    made = subprocess.run([*call, json.dumps(point)], cwd=folder, check=True, capture_output=True, text=True)
    found: Found = json.loads(made.stdout.splitlines()[-1])
    return found


def main(told: str) -> None:
    """Measure one point in this process, and print it."""
    import torch

    point = json.loads(told)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    once, tokens = task_of(point, device)
    turns = 3 if point["axis"] == "languages" and point["value"] > 8 else TURNS
    warm = WARM[device] if point["what"] == "fine-tuning" and point["layout"] == "ours" else 1
    took = [once() for _ in range(warm + turns)][warm:]
    kept = torch.cuda.max_memory_allocated() / 2**30 if device == "cuda" else most()
    print(json.dumps({"speed": tokens / statistics.median(took), "GiB": kept}))


def task_of(point: Mapping[str, Any], device: str) -> tuple[Callable[[], float], float]:
    """What a point times, and the tokens it reads each time."""
    from benchmarks import ours, peers
    from benchmarks.shapes import made, opened, work
    from benchmarks.turns import timed

    some, value, precision = work("pairs", hub=Path(os.devnull)), point["value"], precision_on(device)
    recipe = some.setting.recipe
    if point["axis"] == "length":
        alike = [replace(row, ids=np.resize(row.ids, value)) for row in some.train]
        recipe = replace(recipe, batch=TOKENS // value, length=512)
        some = replace(some, train=alike, setting=replace(some.setting, limit=512))
    elif point["axis"] == "batch":
        recipe = replace(recipe, batch=value)
    some = replace(some, setting=replace(some.setting, recipe=recipe))
    encoder = opened(NAMES[device], some)
    if point["what"] == "scoring":
        languages = [made("pairs", ROWS, seed=2 + place) for place in range(1 if point["axis"] == "length" else value)]
        rows = [row for one in languages for row in one]
        if point["axis"] == "length":
            rows = list(some.train[: 4 * recipe.batch])
        return timed(ours.scoring(encoder, some, rows, precision=precision, device=device)), count(rows)
    if point["layout"] == "padded":
        way = replace(peers.RUN_XNLI, bf16=precision == "bf16")
        loop = peers.training(encoder, some, way, turn=1, device=device)
    else:
        loop = ours.training(encoder, some, precision=precision, turn=1, device=device)
    return loop.turn, count(some.train) / len(some.train) * recipe.batch


def count(features: Sequence[Any]) -> int:
    """Tokens of features."""
    return sum(len(feature.ids) for feature in features)


def precision_on(device: str) -> str:
    """What a run takes there by itself."""
    import torch

    from xbench.runner.facts import precision_of

    return precision_of("auto", torch.device(device), trained=True)


def most() -> float:
    """The most memory that this process ever held, GiB."""
    kept = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kept / 2**20 / (1024 if sys.platform == "darwin" else 1)


def table(found: Sequence[Found], axis: str, what: str) -> str:
    """Tokens a second, memory, and the time of a language, at each value of an axis."""
    ours, padded = ([one for one in found if one["layout"] == layout] for layout in ("ours", "padded"))
    head = [AXES[axis], "tokens/s", "peak memory, GiB"]
    head += ["tokens/s padded", "peak memory padded, GiB"] if padded else []
    head += ["seconds a language"] if axis == "languages" else []
    lines = [f"{what}:", "", f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for place, one in enumerate(ours):
        cells = [f"{one['value']}", f"{one['speed']:,.0f}", f"{one['GiB']:.2f}"]
        cells += [f"{padded[place]['speed']:,.0f}", f"{padded[place]['GiB']:.2f}"] if padded else []
        cells += [f"{seconds(one):.3f}"] if axis == "languages" else []
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def seconds(one: Found) -> float:
    """Time of a language."""
    return ROWS * MEAN / float(one["speed"])


def verdict(found: Sequence[Found]) -> str:
    """Whether anything grows faster than it must."""
    languages = [one for one in found if one["axis"] == "languages"]
    times = [seconds(one) for one in languages]
    long = {
        one["value"]: one["speed"] for one in found if one["axis"] == "length" and one["what"] == "scoring"
    }  # fmt: skip
    tuned = {one["value"]: one["GiB"] for one in found if one["axis"] == "length" and one["what"] == "fine-tuning"}
    least, most_tokens = min(long), max(long)
    return (
        f"**Scoring {languages[-1]['value']} languages takes {times[-1] / times[0]:.2f} times as long a language as "
        f"scoring one**, and {languages[-1]['GiB'] - languages[0]['GiB']:+.2f} GiB. A token of a row of {most_tokens} "
        f"costs {long[least] / long[most_tokens]:.2f} times as much as one of a row of {least}: attention looks at "
        f"{most_tokens // least} times as many others, and nothing else grows with the length. Memory grows with the "
        f"batch by what one row keeps; fine-tuning on as many tokens in rows of {most_tokens} instead of {least} takes "
        f"{tuned[most_tokens] - tuned[least]:+.2f} GiB"
        ": on a CPU, attention with dropout keeps a number for every two tokens of a row."
    )


def picture(found: Sequence[Found]) -> bytes:
    """Tokens a second above, memory below, for each axis."""
    import altair as alt

    from xbench.plots.drawing import drawn
    from xbench.plots.look import Look, finished, shares

    look = Look(width=7.0)
    columns = []
    for axis in AXES:
        above = ("seconds", "seconds a language") if axis == "languages" else ("speed", "tokens/s")
        panels = [panel(found, axis, *what) for what in (above, ("GiB", "peak memory, GiB"))]
        sized = [one.properties(width=shares(3, look.points) - 48, height=96) for one in panels]
        columns.append(alt.vconcat(*sized, spacing=8))
    sentences = ["Every point is a fresh process; the median of a few turns."]
    described = f"Line charts of tokens per second and of peak memory against {', '.join(AXES.values())}."
    return drawn(finished(alt.hconcat(*columns), look, "How cost grows", sentences, described), "svg")


def panel(found: Sequence[Found], axis: str, field: str, heading: str) -> Any:
    """One quantity against one axis, a line for each series."""
    import altair as alt

    from xbench.plots.look import OKABE_ITO, data

    order = list(dict.fromkeys(map(series, found)))
    dashes = [[4, 2] if "padded" in name else [1, 0] for name in order]
    color = alt.Color(
        "series:N", scale=alt.Scale(domain=order, range=list(OKABE_ITO[: len(order)])),
        legend=alt.Legend(orient="bottom", title=None),
    )  # fmt: skip
    chart = alt.Chart(data([one | {"series": series(one)} for one in found if one["axis"] == axis])).encode(
        x=alt.X(
            "value:Q", scale=alt.Scale(type="log", base=2, nice=False, padding=6), title=AXES[axis],
            axis=alt.Axis(values=list(POINTS[axis]), grid=False),
        ),
        y=alt.Y(
            f"{field}:Q", title=heading, scale=alt.Scale(zero=True, domainMin=0),
            axis=alt.Axis(minExtent=30, maxExtent=30, tickCount=5),
        ),
        color=color, detail="series:N",
    )  # fmt: skip
    dash = alt.StrokeDash("series:N", scale=alt.Scale(domain=order, range=dashes), legend=None)
    return alt.layer(chart.mark_line(strokeWidth=1.4).encode(strokeDash=dash), chart.mark_point(size=22, filled=True))


def series(one: Found) -> str:
    """Name of a line."""
    return f"{one['what']}{', padded to 128' if one['layout'] == 'padded' else ''}"
