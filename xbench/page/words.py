"""Names as a page shows them. What stands in a record is anybody's: nothing of it may become markup."""

from xbench.export.escaping import for_markdown, plain

__all__ = ["isolated", "plain", "safe"]

FIRST_STRONG_ISOLATE, POP = "\u2068", "\u2069"


def safe(text: str) -> str:
    """Text for whatever reads Markdown: no markup, no link, no colour, no emoji, no HTML."""
    # A colon begins Streamlit's own directives, as in `:red[…]` and `:smile:`.
    return for_markdown(text).replace(":", "&#58;")


def isolated(text: str) -> str:
    """A name that may run from right to left, so that what stands around it keeps its own direction."""
    return f"{FIRST_STRONG_ISOLATE}{plain(text)}{POP}"
