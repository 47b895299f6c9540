"""`xbench pretrain`."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from xbench.checkpoint import locate
from xbench.cli.progress import progress
from xbench.cli.running import Data, Device
from xbench.cli.words import needs_torch
from xbench.encoder import Encoder
from xbench.errors import BadOption, Unwritable

Text = Annotated[
    list[str] | None,
    typer.Option(
        help="Running text: REPO:CONFIG:SPLIT:COLUMN; `*` as CONFIG or COLUMN takes all, each a language. "
        "May be given again."
    ),
]
Pairs = Annotated[
    list[str] | None,
    typer.Option(help="Translations: REPO:CONFIG:SPLIT:COLUMN,COLUMN; `en,*` pairs en with all. May be given again."),
]
Words = Annotated[
    Literal["word", "bpe", "unigram"] | None, typer.Option(help="How text is cut into tokens.  [default: unigram]")
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Any other number: --set list names them. May be given again."),
]


def pretrain(
    to: Annotated[Path, typer.Option(help="Folder that the checkpoint is written to; must not exist or be empty.")],
    text: Text = None,
    pairs: Pairs = None,
    data: Data = None,
    init: Annotated[
        Path | None, typer.Option(help="A checkpoint folder to go on from, with its tokenizer and shape.")
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="Optimizer steps; 0 writes an untrained control.  [default: 3000]")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of weights, order and masks.  [default: 0]")] = None,
    words: Words = None,
    setting: Settings = None,
    device: Device = "auto",
) -> None:
    """Pretrain an encoder: multilingual masked language modelling, with translation pairs where there are some.

    What it writes is a checkpoint like any other: `xbench run --encoder FOLDER …` takes it.

    \b
    Examples:
      xbench pretrain --to small --data MIRROR --text Davlan/sib200:*:train:text --steps 2000 --set vocabulary=8000
      xbench pretrain --to small --text me/wiki:*:train:text --pairs me/bitext:default:train:en,* --set width=256
    """
    needs_torch()
    from xbench.crew import launched

    if launched():
        raise BadOption("xbench pretrain works in one process: start it without accelerate launch or torchrun")
    from xbench import pretrain as training
    from xbench.runner.facts import device_of

    if setting == ["list"]:
        shown = asdict(training.Pretraining()) | {"words": "unigram"}
        typer.echo("\n".join(f"{name}={value}" for name, value in shown.items()))
        return
    chosen = {"steps": steps, "seed": seed, "words": words or "unigram"}
    settings = training.with_settings(
        {name: value for name, value in chosen.items() if value is not None}, setting or []
    )
    with _made_empty(to):
        device_of(device)
        if init is not None:
            locate(Encoder(name="init", checkpoint=str(init)))
        corpus = training.read_corpus(data, text or [], pairs or [])
        print(f"corpus: {', '.join(f'{name} {size:,}' for name, size in corpus.sizes().items())}", file=sys.stderr)
        with progress() as watch:
            watch.begin("pretraining", settings.steps)
            training.pretrain(
                corpus, settings, to, device=device, init=init, progress=lambda done, _, note: watch.advance(done, note)
            )
            watch.end()
    typer.echo(f"{to}\nFine-tune it: xbench run --encoder {to} --recipe small --task …")


@contextmanager
def _made_empty(folder: Path) -> Iterator[None]:
    """Make the folder that is written to at the end, so that what is wrong with it is told at the beginning.

    Where the work fails before that, what was made here goes again. Raises BadOption, Unwritable.
    """
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise BadOption(f"{folder} is there already; nothing is overwritten. Name a new folder.")
    absent = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as cause:
        raise Unwritable(f"cannot make the folder {folder}: {cause.strerror or cause}") from cause
    try:
        yield
    except BaseException:
        for path in absent:
            with suppress(OSError):  # something lies in it
                path.rmdir()
        raise
