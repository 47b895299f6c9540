"""xbench: fine-tune a multilingual encoder on one language, score it in all the others, see who is left behind."""

__version__ = "0.1.0"
