"""WikiANN on the offline stand-in: the dev split serves as test split."""

from dataclasses import replace

from xbench_tasks import wikiann

from xbench.task import Source

task = replace(wikiann.task, name="wikiann-offline", data=Source("xbench-offline/wikiann"))
