"""The tasks that come with xbench: one file, one task, one value."""
