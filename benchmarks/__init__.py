"""Measurements against peers, side by side in one run. Never part of the tests: time is no fact about code."""

import os

BEGAN = dict(os.environ)
"""The environment before xbench, when it is imported, says how threads wait: the one that others run in."""
