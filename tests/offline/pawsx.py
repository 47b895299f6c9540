"""PAWS-X on the offline stand-in: English training rows from its own dev split and from MRPC."""

from dataclasses import replace

from xbench_tasks import pawsx

from xbench.task import Source

task = replace(pawsx.task, name="pawsx-offline", data=Source("xbench-offline/paws-x"))
