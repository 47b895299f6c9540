"""A board's tables as charts for papers and pages. Nothing here computes a score or writes a file.

Each function takes a table of the board and gives an Altair chart whose spec holds its own alternative text
(`description`). Names from records stand in data only, never in an expression that a viewer would evaluate.
Needs the extra `plot`.
"""

from xbench.plots.drawing import FORMATS, drawn
from xbench.plots.grouped import FACTS, scatter, strips
from xbench.plots.heat import heatmap
from xbench.plots.look import NAMES, Look
from xbench.plots.paired import dumbbell, forest
from xbench.plots.words import chosen, labels

__all__ = [
    "FACTS", "FORMATS", "NAMES", "Look", "chosen", "drawn", "dumbbell", "forest", "heatmap", "labels", "scatter",
    "strips",
]  # fmt: skip
