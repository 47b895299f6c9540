"""xbench: fine-tune a multilingual encoder on one language, score it in all the others, see who is left behind."""

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xbench.board import Board, load_board
    from xbench.runner import run

# Read once, when torch is loaded. Threads that wait by spinning, for milliseconds as they would, slow each other down
# eightfold where other work wants the cores; those that sleep at once take 1.7 times as long where nothing else does.
# With a tenth of a millisecond they take twice as long in the first case and no longer in the second (decision 13).
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")

__version__ = "0.1.0"
__all__ = ["Board", "__version__", "load_board", "run"]

_HOMES = {"run": "xbench.runner", "load_board": "xbench.board", "Board": "xbench.board"}


def __getattr__(name: str) -> Any:
    """Open what is asked for: `import xbench` alone must not cost the import of torch."""
    if name not in _HOMES:
        raise AttributeError(f"module 'xbench' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
