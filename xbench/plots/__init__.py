"""A board's tables as charts for papers and pages. Nothing here computes a score or writes a file.

Each function takes a table of the board and gives an Altair chart whose spec holds its own alternative text
(`description`). Names from records stand in data only, never in an expression that a viewer would evaluate.
Needs the extra `plot`.
"""

from xbench.plots.drawing import FORMATS, drawn
from xbench.plots.dumbbells import dumbbell
from xbench.plots.forests import forest
from xbench.plots.heatmaps import heatmap
from xbench.plots.look import NAMES, Chart, Look
from xbench.plots.scatters import scatter
from xbench.plots.stripes import FACTS, strips
from xbench.plots.words import chosen, labels

__all__ = [
    "FACTS", "FORMATS", "NAMES", "Chart", "Look", "chosen", "drawn", "dumbbell", "forest", "heatmap", "labels",
    "scatter", "strips",
]  # fmt: skip
