"""Masked language modelling over many languages, from scratch or onwards, into a checkpoint like any other."""

from xbench.pretrain.corpus import Corpus, read_corpus
from xbench.pretrain.loop import pretrain
from xbench.pretrain.settings import ARCHITECTURES, BadCorpus, BadSettings, Pretraining, with_settings
from xbench.pretrain.vocabulary import learn_tokenizer

__all__ = [
    "ARCHITECTURES",
    "BadCorpus",
    "BadSettings",
    "Corpus",
    "Pretraining",
    "learn_tokenizer",
    "pretrain",
    "read_corpus",
    "with_settings",
]
