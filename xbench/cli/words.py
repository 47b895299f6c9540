"""How lists are written on the command line: an option given again, or commas, or both."""

from collections.abc import Iterable
from importlib.util import find_spec

from xbench.errors import BadOption


def codes(given: Iterable[str] | None) -> tuple[str, ...]:
    """`["a,b", "c"]` -> `("a", "b", "c")`, each once."""
    return tuple(dict.fromkeys(piece.strip() for item in given or () for piece in item.split(",") if piece.strip()))


def languages_of(given: str) -> tuple[str, ...]:
    """The codes of `--languages`; empty for `all`. Raises BadOption where nothing is named, as by an unset variable."""
    if given.strip() == "all":
        return ()
    if found := codes([given]):
        return found
    raise BadOption("--languages names none; give codes such as de,sw, or all")


def needs_torch() -> None:
    """Raises BadOption where what fine-tuning needs is not installed."""
    if lacking := [package for package in ("torch", "transformers") if find_spec(package) is None]:
        raise BadOption(f'this needs {" and ".join(lacking)}: pip install "xbench[run]" brings them')
