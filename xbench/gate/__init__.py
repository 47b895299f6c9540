"""A candidate against a baseline: what got worse, for which languages, and whether that is beyond doubt."""
