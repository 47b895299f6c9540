"""Runs that collapsed: fine-tuning that never left chance, or one answer to everything. Kept, counted, and told."""

import pandas as pd

NOTHING = 0.01
"""Score, 0..1, up to which a task whose guesses score nothing was not learned."""


def collapsed(frame: pd.DataFrame, runs: pd.DataFrame, chance: float) -> frozenset[int]:
    """Numbers of the collapsed runs among those in `frame`, which holds one task's ranking scores.

    Where the source is scored it alone decides, since every fine-tuning should learn what it was taught: the interval
    of its score holds chance, or all its answers are one. Where it is not, the same must hold in every language.
    Nothing is said of runs without fine-tuning.
    """
    if frame.empty:
        return frozenset()
    constant = {run: set(str(told).split()) for run, told in zip(runs["run"], runs["constant"], strict=True)}
    trained = set(runs.loc[runs["rule"] != "none", "run"])
    decides = frame[frame["run"].isin(trained)]
    of_source = decides["language"].astype(str) == decides["source"].astype(str)
    with_source = set(decides.loc[of_source, "run"])
    decides = decides[of_source | ~decides["run"].isin(with_source)]
    lost = decides["low"] <= chance if chance > 0 else decides["value"] <= NOTHING
    same = [
        language in constant[run] for run, language in zip(decides["run"], decides["language"].astype(str), strict=True)
    ]
    of_run = (lost | pd.Series(same, index=decides.index, dtype=bool)).groupby(decides["run"]).all()
    return frozenset(int(run) for run, is_lost in of_run.items() if is_lost)  # type: ignore[call-overload]
