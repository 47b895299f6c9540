"""A board's scores of one encoder in the formats of other projects, as files to take away."""

import io
import zipfile
from collections.abc import Callable, Mapping, Sequence

from xbench.board import Board
from xbench.export import every_eval_ever, hf_eval_results, lm_eval, model_index, mteb
from xbench.export.results import Transfer, gathered

FORMATS: Mapping[str, Callable[[Sequence[Transfer]], tuple[dict[str, str], list[str]]]] = {
    "every-eval-ever": every_eval_ever.files, "hf-eval-results": hf_eval_results.files, "lm-eval": lm_eval.files,
    "model-index": model_index.files, "mteb": mteb.files,
}  # fmt: skip
"""Format -> what writes it, as `xbench export --to` names them."""


def exported(board: Board, task: str, encoder: str, format: str) -> tuple[bytes, tuple[str, ...]]:
    """A ZIP of the files of one encoder in one task, and notes on what is not in them; empty where there are none.

    Raises UnknownName, BadRecord where a record changed meanwhile.
    """
    transfers, notes = gathered(board, (task,), (encoder,))
    files, own = FORMATS[format](transfers)
    return (zipped(files) if files else b""), tuple(dict.fromkeys((*notes, *own)))


def zipped(files: Mapping[str, str]) -> bytes:
    """Texts by their names as a ZIP; equal files give equal bytes."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as whole:
        for name, text in sorted(files.items()):
            # A name that climbs out of the folder it is unpacked in has no place in an archive.
            parts = [part for part in name.split("/") if part not in ("", ".", "..")]
            whole.writestr(zipfile.ZipInfo("/".join(parts), (1980, 1, 1, 0, 0, 0)), text)
    return sink.getvalue()
