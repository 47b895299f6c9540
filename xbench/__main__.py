"""`python -m xbench`: the command `xbench`, for launchers that start a module."""

import sys

from xbench.cli import main

sys.argv[0] = "xbench"  # as it stands in the records
main()
