"""PAWS-X on the offline stand-in: English training rows from its own dev split and from MRPC."""

from dataclasses import replace

from xbench.task import Source
from xbench_tasks import pawsx

task = replace(pawsx.task, name="pawsx-offline", data=Source("xbench-offline/paws-x"))
