"""`python -m xbench`: the command `xbench`, for launchers that start a module."""

import sys

from xbench.cli import main

if __name__ == "__main__":
    sys.argv[0] = "xbench"  # as it stands in the records
    main()
