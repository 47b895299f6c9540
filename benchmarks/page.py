"""The page on a board of 40,000 result rows, and with twenty viewers at once.

Fifty encoders, four tasks, forty languages, five seeds: 1,000 simulated records, written as `xbench run` writes them.
`xbench serve` shows them on the loopback interface of the machine that also runs the browser, a headless Chromium.

*First paint* is from asking for the address until the first table is drawn, in a browser that has nothing cached: of a
board that was never read (no index of it), of the first viewer of a new server, and of later viewers. *Rerun* is from
the key that chooses another task until the table of that task is drawn, once with a task that nobody has looked at
since the server began, and with those that somebody has.

The twenty viewers are sessions of Streamlit's own protocol without a browser, as twenty browsers would measure
themselves: each waits one to five seconds after an answer, then chooses another task (three times in four) or goes to
another page of the nine, for sixty seconds. Theirs are times until the last part of the page has come.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter
from typing import Any

from benchmarks.board import write
from benchmarks.browsing import Server, address, browsing, served
from benchmarks.viewers import Visit, visit

ENCODERS, TASKS = 50, 4
VIEWERS, SECONDS = 20, 60.0
LATER = 5
"""Later viewers, and rounds over the tasks."""
GOAL = {"first paint": 3.0, "rerun": 0.3, "p95 of a rerun among twenty": 2.0}
WAIT = 120_000
DRAWN = '[data-testid="stDataFrame"] [data-testid="data-grid-canvas"]'

CHANGED = """task => new Promise(done => {
    let began = 0
    addEventListener('keydown', event => { began = event.key === 'Enter' ? performance.now() : began }, {capture: true})
    const look = () => {
        const named = document.querySelector('[data-testid="stDataFrame"] [aria-label]')?.ariaLabel || ''
        const there = document.querySelector('[data-testid="stDataFrame"] canvas')
        if (began && there && named.includes(task)) done((performance.now() - began) / 1000)
        else requestAnimationFrame(look)
    }
    look()
})"""


def report() -> str:
    """Measure, and say whether the goals are held."""
    with tempfile.TemporaryDirectory(prefix="xbench-page-") as folder:
        board, cache = Path(folder) / "board", str(Path(folder) / "cache")
        write(board, ENCODERS, TASKS)
        with browsing() as browser:
            with served(board, XBENCH_CACHE=cache) as server:
                never = painted(browser, server)
            with served(board, XBENCH_CACHE=cache) as server:
                first = painted(browser, server)
                later = [painted(browser, server) for _ in range(LATER)]
                fresh, again = reruns(browser, server)
        with served(board, XBENCH_CACHE=cache) as server:
            crowd = visit(server.url, VIEWERS, SECONDS)
    return told(never, first, later, fresh, again, crowd)


def painted(browser: Any, server: Server) -> float:
    """Seconds until a new viewer sees the first table."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    began = perf_counter()
    page.goto(address(server), timeout=WAIT)
    page.locator(DRAWN).first.wait_for(timeout=WAIT)
    took = perf_counter() - began
    context.close()
    return took


def reruns(browser: Any, server: Server) -> tuple[list[float], list[float]]:
    """Seconds of each change of the task: to one that was never shown, and to one that was."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(address(server), timeout=WAIT)
    page.locator(DRAWN).first.wait_for(timeout=WAIT)
    found = []
    order = [*range(1, TASKS), 0]
    for number in order * (LATER + 1):
        page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]', timeout=WAIT)
        page.wait_for_timeout(1000)
        page.get_by_label("Task", exact=True).first.click()
        page.keyboard.type(f"task{number}")
        page.keyboard.press("ArrowDown")
        page.evaluate(f"() => {{ window.changed = ({CHANGED})('task{number}') }}")
        page.keyboard.press("Enter")
        found.append(page.evaluate("() => window.changed"))
    context.close()
    return found[: TASKS - 1], found[TASKS:]


def told(
    never: float, first: float, later: Sequence[float], fresh: Sequence[float], again: Sequence[float], crowd: Visit
) -> str:
    """The tables and the verdict."""
    lines = ["| a browser | median, s | most, s |", "|---|---|---|"]
    for name, values in {
        "first paint, board never read": [never], "first paint, new server": [first],
        "first paint, later viewers": later, "rerun, task not shown before": fresh, "rerun, task shown before": again,
    }.items():  # fmt: skip
        lines.append(f"| {name} ({len(values)}) | {median(values):.2f} | {max(values):.2f} |")
    lines += [
        "",
        f"| {VIEWERS} viewers, {SECONDS:.0f} s | number | median, s | p95, s | most, s |",
        "|---|---|---|---|---|",
    ]
    for name, values in {
        "first page": crowd.first, "another task": crowd.filters, "another page": crowd.pages,
        "another task or page": [*crowd.filters, *crowd.pages],
    }.items():  # fmt: skip
        lines.append(f"| {name} | {len(values)} | {median(values):.2f} | {high(values):.2f} | {max(values):.2f} |")
    everything = [*crowd.filters, *crowd.pages]
    took = {"first paint": first, "rerun": median(again), "p95 of a rerun among twenty": high(everything)}
    late = [f"{name} {took[name]:.2f} s of {goal:g}" for name, goal in GOAL.items() if took[name] > goal]
    wrong = f"{len(crowd.errors)} errors" + "".join(f"; {text}" for text in sorted(set(crowd.errors))[:5])
    goals = ", ".join(f"{name} {took[name]:.2f} s (goal {goal:g} s)" for name, goal in GOAL.items())
    return "\n".join((*lines, "", f"**{goals}; {wrong}. {'Not held: ' + '; '.join(late) if late else 'Held'}.**"))


def high(values: Sequence[float]) -> float:
    """The 95th percentile."""
    return quantiles(values, n=20, method="inclusive")[-1]
