"""Libraries that are asked to say nothing: what went wrong comes as an exception, and the runner shows progress."""

import contextlib
import logging
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def quiet(utils: Any) -> Iterator[None]:
    """Neither progress bars nor log lines; `utils` is `datasets.utils` or `huggingface_hub.utils`, which are alike."""
    shown, level = not utils.are_progress_bars_disabled(), utils.logging.get_verbosity()
    utils.disable_progress_bars()
    utils.logging.set_verbosity(logging.CRITICAL)
    try:
        yield
    finally:
        utils.logging.set_verbosity(level)
        if shown:
            utils.enable_progress_bars()
