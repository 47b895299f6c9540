"""An encoder: a checkpoint at a commit, and what is known of it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoder:
    """A pretrained multilingual encoder that can be fine-tuned."""

    name: str
    checkpoint: str = ""
    """A folder, or a Hub repository as `owner/name`."""
    revision: str = ""
    """A commit, branch or tag of the Hub; empty = the newest, whose commit is then recorded."""
    family: str = ""
    """Who made it and how: encoders of one family differ in size only."""
    seen: tuple[str, ...] = ()
    """Languages in its pre-training, BCP-47; empty = unknown."""
    licence: str = ""
    """SPDX where there is one; empty = not stated by its publisher."""
    paper: str = ""
    """Where it was published: an anthology id, arXiv number or address."""
    note: str = ""
    made: str = ""
    """`module:function` of a function that makes the checkpoint here and returns its folder; empty = loaded."""
