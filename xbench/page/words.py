"""Names as a page shows them. What stands in a record is anybody's: nothing of it may become markup."""

from xbench.export.escaping import for_markdown, plain

__all__ = ["isolated", "plain", "safe"]

FIRST_STRONG_ISOLATE, POP = "\u2068", "\u2069"
WORD_JOINER = "\u2060"


def safe(text: str) -> str:
    """Text for whatever reads Markdown: no markup, no link, no colour, no emoji, no HTML."""
    # A colon begins Streamlit's own directives, as in `:red[…]` and `:smile:`.
    kept = for_markdown(text).replace(":", "&#58;")
    # Streamlit makes links of bare addresses after it has read the entities: a joiner of no width keeps them apart.
    for part in ("&#58;", "www", "&#64;"):
        kept = kept.replace(part, f"{part}{WORD_JOINER}")
    return kept


def isolated(text: str) -> str:
    """A name that may run from right to left, so that what stands around it keeps its own direction."""
    return f"{FIRST_STRONG_ISOLATE}{plain(text)}{POP}"
