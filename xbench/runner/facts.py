"""What must be known of a run beside its scores: versions, device, data, weights, code."""

import os
import platform
import resource
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

import xbench
from xbench.crew import ALONE, Crew
from xbench.errors import BadOption
from xbench.opening import Opened, blocks_of
from xbench.recipe import Precision
from xbench.record import DataUsed, Provenance, signature
from xbench.runner.plan import Job

WIDE = 256
"""Hidden size from which on a CPU with AMX is faster in bf16 than the rounding costs."""

PACKAGES = ("torch", "transformers", "tokenizers", "datasets", "numpy", "pyarrow", "sentencepiece")


def device_of(wanted: str) -> torch.device:
    """The device meant by auto, cpu or cuda. Raises BadOption."""
    if wanted == "cuda" and not torch.cuda.is_available():
        raise BadOption("--device cuda, but torch sees no CUDA device here; `xbench doctor` tells more")
    return torch.device("cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu")


def precision_of(wanted: Precision, device: torch.device, *, trained: bool, width: int = WIDE) -> Precision:
    """fp32, tf32 or bf16. Auto takes bf16 where the device computes in it and there is something to train.

    `width` is the encoder's: a CPU gains nothing by rounding small matrices. tf32 is fp32 where there is no GPU.
    """
    if wanted == "tf32" and device.type != "cuda":
        return "fp32"
    if wanted != "auto":
        return wanted
    # Sentence vectors are compared to the last digit; nothing is gained there by fewer of them.
    return "bf16" if trained and _computes_in_bf16(device, width) else "fp32"


def _computes_in_bf16(device: torch.device, width: int) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return width >= WIDE and bool(torch.cpu._is_amx_tile_supported())


def settle(device: torch.device, precision: str, *, deterministic: bool) -> None:
    """Set what torch keeps for the whole process: how float32 is multiplied, and whether kernels may be random.

    Some of a GPU's kernels add in whatever order threads come; with `deterministic` those that do not are taken, and
    what has none fails. A CPU's are deterministic as they are. Raises BadOption where that can no longer be had.
    """
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
    if deterministic:
        begun: bool = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
        if device.type == "cuda" and begun and "CUBLAS_WORKSPACE_CONFIG" not in os.environ:
            raise BadOption(
                "--deterministic comes too late: the GPU is in use already. Set CUBLAS_WORKSPACE_CONFIG=:4096:8 and "
                "start again"
            )
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS reads it when it is first called
        torch.backends.cudnn.benchmark = False
    torch.use_deterministic_algorithms(deterministic)


@contextmanager
def unsettled() -> Iterator[None]:
    """Leave what torch keeps for the whole process as it was, whatever `settle` makes of it inside."""
    exactness, benchmark = torch.get_float32_matmul_precision(), torch.backends.cudnn.benchmark
    strict, warns = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(exactness)
        torch.backends.cudnn.benchmark = benchmark
        torch.use_deterministic_algorithms(strict, warn_only=warns)


def forget_peak(device: torch.device) -> None:
    """Begin to measure the device's memory anew; a CPU process knows its peak over its whole life only."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def describe(device: torch.device, crew: Crew = ALONE) -> str:
    """The device in words, and how many there are where several processes have one each."""
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
    else:
        name = f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads"
    return f"{crew.size} x {name}" if crew.size > 1 else name


def peak_memory(device: torch.device) -> int:
    """Bytes: the most the device's allocator held, or the most this process was resident on a CPU."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    unit = 1 if sys.platform == "darwin" else 1024  # getrusage counts bytes on macOS, KiB on Linux
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def now() -> str:
    """UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def signature_of(job: Job, train: DataUsed | None, vectors: str) -> str:
    """All that must be equal for two scores of a task to be compared.

    The rows scored are beside it: each language's fingerprint stands in the provenance.
    """
    known: dict[str, object] = {**job.compared(), "train": train.fingerprint[:16] if train else "none"}
    return signature(known | ({"vectors": vectors} if vectors else {}) | {"xbench": xbench.__version__})


def provenance(
    job: Job, opened: Opened, device: torch.device, precision: str, *, crew: Crew, train: DataUsed | None,
    dev: DataUsed | None, test: Mapping[str, DataUsed], started: str, how: Mapping[str, str],
) -> Provenance:  # fmt: skip
    """Where a record's numbers come from."""
    return Provenance(
        xbench=xbench.__version__,
        packages={name: _version(name) for name in PACKAGES},
        python=platform.python_version(),
        platform=f"{platform.system()}-{platform.machine()}",
        device=describe(device, crew),
        precision=precision,
        checkpoint=job.encoder.checkpoint or job.encoder.made,
        checkpoint_revision=opened.revision,
        weights=opened.weights,
        tokenizer=opened.tokenizer_hash,
        architecture=opened.architecture,
        train=train,
        dev=dev,
        test=dict(test),
        recipe=job.recipe.numbers(),
        seeds={"head": job.run.seed, "order": job.run.seed} | _dropout(job.run.seed, crew),
        git=_git(Path.cwd()),
        command=shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        started=started,
        ended=now(),
        how=dict(how) | _kernels(opened),
    )


def _dropout(seed: int, crew: Crew) -> dict[str, int]:
    """The seed of every process's dropout."""
    return {f"dropout of process {rank}" if rank else "dropout": own for rank, own in enumerate(crew.seeds(seed))}


def _kernels(opened: Opened) -> dict[str, str]:
    """What `--deterministic` and `--compile` made of a run; nothing where neither was asked for."""
    compiled = any(block._compiled_call_impl is not None for block in blocks_of(opened.model))
    ran = {"deterministic": torch.are_deterministic_algorithms_enabled(), "compiled": compiled}
    said = ", ".join(name for name, on in ran.items() if on)
    return {"kernels": said} if said else {}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _git(folder: Path) -> dict[str, str] | None:
    """Commit and dirty flag of the checkout that the command ran in; None outside one or without git."""
    try:
        commit = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=folder, capture_output=True, text=True, timeout=10, check=True
        )
        state = subprocess.run(
            ["git", "status", "--porcelain", "--untracked-files=no"],
            cwd=folder, capture_output=True, text=True, timeout=10, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return {"commit": commit.stdout.strip(), "dirty": "yes" if state.stdout.strip() else "no"}
