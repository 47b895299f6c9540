"""XNLI on the offline stand-in: English training rows from SNLI, counterfactual NLI and SICK."""

from dataclasses import replace

from xbench.task import Source
from xbench_tasks import xnli

task = replace(xnli.task, name="xnli-offline", data=Source("xbench-offline/xnli"))
