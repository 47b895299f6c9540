"""`xbench run`."""

import json
import logging
import os
import sys
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from xbench import catalogue, store
from xbench.board import load_board
from xbench.cli.drawing import draw
from xbench.cli.progress import progress
from xbench.cli.regrets import draw_regrets
from xbench.cli.words import codes, languages_of, needs_torch
from xbench.errors import BadOption, Faults
from xbench.record import Record
from xbench.report.sections import counted

if TYPE_CHECKING:
    from xbench.runner import Order, Outcome, Plan

Precision = Literal["auto", "fp32", "tf32", "bf16"]

# Options that are long, or that `pretrain` has too; they stand here so that the verb reads as a list.
Encoders = Annotated[
    list[str] | None,
    typer.Option(
        help="A name (`xbench encoders`), a checkpoint folder, a Hub id, or NAME=one of these. May be given again."
    ),
]
Tasks = Annotated[
    list[str] | None,
    typer.Option(help="A name (`xbench tasks`) or a .py file that exports `task`. May be given again."),
]
RecipeName = Annotated[
    str, typer.Option(help="How it is fine-tuned (`xbench recipes`). The suite's, else standard, if not given.")
]
Languages = Annotated[
    str,
    typer.Option(
        help="Targets to score, in the set's codes, ISO 639 or BCP-47: de,sw or all. Without the source among them "
        "there is no gap."
    ),
]
Seeds = Annotated[
    int,
    typer.Option(min=0, show_default=False, help="How many seeds, from 0 on. As the suite says, else 1, if not given."),
]
LimitTrain = Annotated[
    int,
    typer.Option(
        min=0, show_default=False, help="Train on the first N rows only, 0 = all; the name of the recipe says so."
    ),
]
LimitTest = Annotated[
    int, typer.Option(min=0, show_default=False, help="Score the first N rows of each language, 0 = all; likewise.")
]
MicroBatch = Annotated[
    int,
    typer.Option(
        min=0,
        help="Examples on the device at once; a batch is gathered from several. What is learned stays the same.",
    ),
]
AlsoSelect = Annotated[
    list[str] | None,
    typer.Option(
        metavar="RULE",
        help="Record other rules of selection too, from the same fine-tuning: source-dev, last, oracle (the best "
        "checkpoint on each language's own dev split; no zero-shot result). Commas, or given again.",
    ),
]
TrustRemoteCode = Annotated[bool, typer.Option("--trust-remote-code", help="Execute code that a checkpoint brings.")]
Data = Annotated[Path | None, typer.Option(help="A mirror (DIR/owner/name) to read instead of the Hub.")]
Device = Annotated[Literal["auto", "cpu", "cuda"], typer.Option(help="Where it is computed.")]
Layout = Annotated[
    Literal["auto", "packed", "parts", "padded"],
    typer.Option(
        help="How batches are read: in one row without padding, in parts of like length, or padded. auto takes the "
        "first that gives this encoder's own scores; results differ by rounding only."
    ),
]
Deterministic = Annotated[
    bool,
    typer.Option("--deterministic", help="Take a GPU's kernels that give equal sums every time, though slower."),
]
Compile = Annotated[
    bool, typer.Option("--compile", help="Have torch.compile work on the encoder first: a minute for faster steps.")
]
AtOnce = Annotated[
    int,
    typer.Option(
        "--seeds-at-once",
        min=0,
        show_default=False,
        help="Seeds that are fine-tuned at once. As many as a GPU's memory holds, one on a CPU, if not given.",
    ),
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Say what would be done, and stop. Names, the board and checkpoint folders are looked at; rows, weights "
        "and the Hub are not.",
    ),
]


def run(
    encoder: Encoders = None,
    task: Tasks = None,
    suite: Annotated[str, typer.Option(help="Tasks that belong together (`xbench suites`), instead of --task.")] = "",
    recipe: RecipeName = "",
    source: Annotated[str, typer.Option(help="Language to train on. The task's own if not given.")] = "",
    languages: Languages = "all",
    seeds: Seeds = 0,
    seed: Annotated[
        list[int] | None, typer.Option(min=0, help="One seed; may be given again, instead of --seeds.")
    ] = None,
    data: Data = None,
    board: Annotated[Path, typer.Option(help="Folder that the records are written to.")] = Path("leaderboards/local"),
    limit_train: LimitTrain = 0,
    limit_test: LimitTest = 0,
    device: Device = "auto",
    precision: Annotated[
        Precision | None,
        typer.Option(help="What it is computed in; tf32 on GPUs only. As the recipe says if not given."),
    ] = None,
    also_select: AlsoSelect = None,
    micro_batch: MicroBatch = 0,
    layout: Layout = "auto",
    deterministic: Deterministic = False,
    compiled: Compile = False,
    seeds_at_once: AtOnce = 0,
    trust_remote_code: TrustRemoteCode = False,
    dry_run: DryRun = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write the outcome as JSON on standard output.")] = False,
) -> None:
    """Fine-tune encoders on one language, score them in all others, and record it.

    Runs that stand on the board already are not run again; the same command goes on where it was stopped.

    \b
    Examples:
      xbench run --suite mini
      xbench run --encoder xlmr-base,mbert --task xnli --seeds 3
      xbench run --encoder ./checkpoint --task tatoeba --data MIRROR --languages de,sw
    """
    if seeds and seed:
        raise BadOption("--seeds says how many, --seed which: give one of the two")
    needs_torch()
    _check_names(codes(encoder), codes(task), suite, recipe, board)
    from xbench import runner

    order = runner.order(
        codes(encoder), codes(task), suite=suite, recipe=recipe, source=source,
        seeds=tuple(dict.fromkeys(seed)) if seed else seeds, languages=languages_of(languages), data=data, board=board,
        limit_train=limit_train, limit_test=limit_test, device=device, precision=precision, micro_batch=micro_batch,
        layout=layout, deterministic=deterministic, compiled=compiled, at_once=seeds_at_once,
        trust_remote_code=trust_remote_code, also_select=codes(also_select),
    )  # fmt: skip
    _carry_out(order, dry_run=dry_run, as_json=as_json)


def _check_names(encoders: Iterable[str], tasks: Iterable[str], suite: str, recipe: str, board: Path) -> None:
    """Refuse names that mean nothing, all at once, before seconds are spent on importing torch. Raises XbenchError."""
    if "RANK" in os.environ:  # several processes meet first, and then one of them speaks
        return
    faults = Faults()
    wanted: list[tuple[Callable[[str], object], str]] = [
        *((catalogue.encoder, name) for name in encoders),
        *((catalogue.tasks.open, name) for name in tasks),
        *((catalogue.suites.open, name) for name in (suite,) if name),
        *((catalogue.recipes.open, name) for name in (recipe,) if name),
    ]
    for open_it, name in wanted:
        # A file is executed once, and not here.
        if not name.endswith(".py") or not Path(name).is_file():
            with faults:
                open_it(name)
    if faults.found:
        with faults:
            store.writable(board)
    faults.raise_any()


def _carry_out(order: "Order", *, dry_run: bool, as_json: bool) -> None:
    """Plan, do and tell; where several processes work together, the first one tells."""
    from xbench import runner

    outcome = None
    try:
        with runner.assembled(order) as crew:
            plan = runner.plan_together(order, crew, fetch=not dry_run)
            if crew.first:
                for note in plan.notes:
                    print(f"note: {note}", file=sys.stderr)
            else:
                logging.disable(logging.WARNING)
            if not dry_run:
                with progress() if crew.first else nullcontext(runner.Silent()) as watch:
                    outcome = runner.carry_out(plan, order, watch, crew)
    except KeyboardInterrupt:
        said = "xbench: stopped. What is finished stands on the board; the same command goes on from there."
        print(said, file=sys.stderr)
        raise typer.Exit(130) from None
    if not crew.first:
        return
    if outcome:
        _tell_outcome(outcome, order, as_json)
    else:
        _tell_plan(plan, as_json)


def _tell_plan(plan: "Plan", as_json: bool) -> None:
    jobs = [
        {
            "run": asdict(job.run),
            "languages": list(job.languages),
            "shares_training_with": [str(other.run) for other in group if other != job],
        }
        for group in plan.groups
        for job in group
    ]
    if as_json:
        typer.echo(
            json.dumps({"to_run": jobs, "finished": [asdict(record.run) for _, record in plan.finished]}, indent=1)
        )
        return
    for group in plan.groups:
        typer.echo("; ".join(f"{job.run} in {len(job.languages)} languages" for job in group))
    groups = counted(len(plan.groups), "fine-tuning")
    typer.echo(f"{len(jobs)} to run in {groups}; {len(plan.finished)} finished already")


def _tell_outcome(outcome: "Outcome", order: "Order", as_json: bool) -> None:
    """Results on standard output; exit 2 where a run failed."""
    if as_json:
        rows = [_item("ran", *pair) for pair in outcome.ran] + [_item("finished", *pair) for pair in outcome.finished]
        rows += [{"status": "failed", "run": asdict(lost.run), "why": lost.why} for lost in outcome.failed]
        typer.echo(json.dumps({"board": str(order.board), "runs": rows}, indent=1, ensure_ascii=False))
    else:
        if tasks := tuple(dict.fromkeys(record.run.task for _, record in (*outcome.ran, *outcome.finished))):
            draw(load_board(order.board), tasks)
        draw_regrets(record for _, record in (*outcome.ran, *outcome.finished))
        typer.echo(
            f"{len(outcome.ran)} run, {len(outcome.finished)} finished before, {len(outcome.failed)} failed. "
            f"Board: {order.board}"
        )
    reasons: dict[str, list[str]] = {}
    for failed in outcome.failed:
        reasons.setdefault(failed.why, []).append(str(failed.run))
    for why, runs in reasons.items():
        print(f"xbench: {'; '.join(runs)}: {why}", file=sys.stderr)
    if reasons:
        raise typer.Exit(2)


def _item(status: str, path: Path, record: Record) -> dict[str, Any]:
    return {
        "status": status, "file": str(path), "run": asdict(record.run), "signature": record.signature,
        "selection": asdict(record.selection),
        "scores": [asdict(score) for score in record.scores], "missing": [asdict(cell) for cell in record.missing],
    }  # fmt: skip
