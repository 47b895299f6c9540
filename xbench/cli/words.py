"""How lists are written on the command line: an option given again, or commas, or both."""

from collections.abc import Iterable


def codes(given: Iterable[str] | None) -> tuple[str, ...]:
    """`["a,b", "c"]` -> `("a", "b", "c")`; paths with a comma in them have to be given by an option of their own."""
    return tuple(dict.fromkeys(piece.strip() for item in given or () for piece in item.split(",") if piece.strip()))
