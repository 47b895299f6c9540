"""Runs that collapsed: fine-tuning that never left chance, or one answer to everything. Kept, counted, and told."""

import numpy as np
import pandas as pd

from xbench.board.table import RUN_KEY, numbered

NOTHING = 0.01
"""Score, 0..1, up to which a task whose guesses score nothing was not learned."""


def collapsed(frame: pd.DataFrame, runs: pd.DataFrame, chance: float) -> frozenset[int]:
    """Numbers of the records of collapsed runs among those in `frame`, which holds one task's ranking scores.

    A run may stand in several records, with other languages each: they are judged together.

    Where the source is scored it alone decides, since every fine-tuning should learn what it was taught: the interval
    of its score holds chance, or all its answers are one. Where it is not, the same must hold in every language.
    Nothing is said of runs without fine-tuning.
    """
    if frame.empty:
        return frozenset()
    decides = frame[(runs["rule"] != "none").to_numpy()[frame["run"].to_numpy()]]
    records = np.unique(decides["run"].to_numpy())
    if not len(records):
        return frozenset()
    one_run = np.zeros(len(runs), np.int64)  # record -> its run
    one_run[records] = numbered(runs[name].iloc[records] for name in RUN_KEY)
    of_source = decides["language"].astype(object).to_numpy() == decides["source"].astype(object).to_numpy()
    with_source = np.zeros(len(runs), bool)
    with_source[one_run[decides["run"].to_numpy()[of_source]]] = True
    decides = decides[of_source | ~with_source[one_run[decides["run"].to_numpy()]]]
    run, language = decides["run"].to_numpy(), decides["language"].astype(object).to_numpy()
    lost = (decides["low"] <= chance if chance > 0 else decides["value"] <= NOTHING).to_numpy()
    constant = {one: told.split() for one, told in enumerate(runs["constant"].astype(object)) if told}
    same = [name in constant.get(one, ()) for one, name in zip(run.tolist(), language, strict=True)]
    lost = lost | np.array(same, bool)
    gone = np.setdiff1d(one_run[run[lost]], one_run[run[~lost]])
    return frozenset(records[np.isin(one_run[records], gone)].tolist())
