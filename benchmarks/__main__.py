"""`python -m benchmarks [NAME…]`: run them, print what they report, write it to docs/benchmarks/NAME.md.

A benchmark is a module of this folder with a docstring and a function `report() -> str` that gives Markdown.
"""

import importlib
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

import numpy as np

HERE = Path(__file__).parent
TO = HERE.parent / "docs" / "benchmarks"
PLUMBING = (
    "__init__", "__main__", "apart", "browsing", "ours", "parity", "peers", "protocol", "releases", "shapes", "timing",
    "turns", "viewers",
)  # fmt: skip
PACKAGES = ("numpy", "scipy", "torch", "transformers")


def main(wanted: list[str]) -> None:
    """Run the benchmarks named, or all."""
    names = sorted(path.stem for path in HERE.glob("*.py") if path.stem not in PLUMBING)
    if strange := [name for name in wanted if name not in names]:
        raise SystemExit(f"no benchmark {', '.join(strange)}; there are {', '.join(names)}")
    for name in wanted or names:
        module = importlib.import_module(f"benchmarks.{name}")
        began = perf_counter()
        print(f"{name} …", file=sys.stderr, flush=True)
        body = module.report()
        title, _, rest = (module.__doc__ or name).strip().partition("\n")
        page = "\n\n".join(
            part.strip() for part in (f"# {title}", rest, body, footer(name, perf_counter() - began)) if part
        )
        print(page, end="\n\n", flush=True)
        TO.mkdir(parents=True, exist_ok=True)
        (TO / f"{name}.md").write_text(page + "\n", encoding="utf-8")


def footer(name: str, took: float) -> str:
    """What it was measured on, and how to do so again."""
    packages = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    return (
        f"Measured by `python -m benchmarks {name}` in {took:.0f} s on {platform.machine()}, {cores()} cores "
        f"({processor()}), Python {platform.python_version()}, {packages}."
    )


def cores() -> int:
    """Cores that this process may use."""
    import os

    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processor() -> str:
    """The processor's own name, where the system tells."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown processor"


if __name__ == "__main__":
    np.seterr(all="raise", under="ignore")
    main(sys.argv[1:])
