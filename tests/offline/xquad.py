"""XQuAD on the offline stand-in: English training and dev rows from TyDiQA-GoldP, test rows of XQuAD."""

from dataclasses import replace

from xbench.task import Source
from xbench_tasks import xquad

task = replace(xquad.task, name="xquad-offline", data=Source("xbench-offline/xquad"), train_data=None)
