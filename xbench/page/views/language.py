"""Being written."""

from xbench.page import parts

parts.heading("Language")
