"""Being written."""

from xbench.page import parts

parts.heading("Errors")
