"""Names out of records are anybody's: each format gets them so that they are text there and nothing else."""

import json
import re
import unicodedata

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""Beginnings that make a spreadsheet take a cell for a formula."""

_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

_STEERING = (
    "[\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f]"
)

_LATEX = str.maketrans({
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': r"\char34{}", "`": r"\char96{}",
    # At the beginning of a row a bracket would be read as an option of the line break before it.
    "[": "{[}", "]": "{]}",
    "±": r"$\pm$", "–": "--", "−": "$-$", "†": r"\dag{}", "·": r"$\cdot$", "×": r"$\times$", "…": r"\dots{}",
    "\ue000": "{}", "‡": r"\ddag{}",
})  # fmt: skip

_MARKDOWN = str.maketrans(
    {sign: f"\\{sign}" for sign in "\\`*_[]|~$"} | {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "&#64;", "#": "&#35;"}
)


def plain(text: str) -> str:
    """The text in one line, without characters that steer a terminal, a font or the direction of writing.

    White space becomes a space; surrogates, unassigned and private characters go with the controls. Joiners stay where
    they stand between letters, as scripts need them.
    """
    kept = []
    for sign in re.sub(r"\s+", " ", text):
        if sign in _BIDI or (
            unicodedata.category(sign) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} and sign not in "\u200c\u200d"
        ):
            continue
        kept.append(sign)
    return "".join(kept)


def for_json(text: str) -> str:
    """JSON whose strings stay whole, while no character in it steers a terminal or the direction of writing."""
    return re.sub(_STEERING, lambda found: json.dumps(found.group())[1:-1], text)


def for_csv(text: str) -> str:
    """A cell that no spreadsheet computes: what looks like a formula gets an apostrophe before it."""
    shown = plain(text)
    return f"'{shown}" if text.startswith(FORMULA) or shown.lstrip().startswith(FORMULA) else shown


def for_markdown(text: str) -> str:
    """Text in a cell of a Markdown table: no markup, no HTML, no link, no mention."""
    return plain(text).translate(_MARKDOWN).replace("://", "&#58;//").replace("www.", "www&#46;")


def for_latex(text: str) -> str:
    """Text in LaTeX: every character that means something there stands for itself."""
    # Two hyphens in a name are no dash; what keeps them apart is a sign that `plain` lets nobody else bring.
    return re.sub("-(?=-)", "-\ue000", plain(text)).translate(_LATEX)


def label_of(*names: str) -> str:
    """A label for LaTeX made of names: ASCII letters, digits and hyphens only."""
    return "-".join(re.sub("[^A-Za-z0-9]+", "-", name).strip("-").lower() or "x" for name in names)
