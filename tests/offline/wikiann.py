"""WikiANN on the offline stand-in: the dev split serves as test split."""

from dataclasses import replace

from xbench.task import Source
from xbench_tasks import wikiann

task = replace(wikiann.task, name="wikiann-offline", data=Source("xbench-offline/wikiann"))
