"""Measurements against peers, side by side in one run. Never part of the tests: time is no fact about code."""
