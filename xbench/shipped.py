"""The encoders that come with xbench: pretrained on first use on the synthetic world, then kept in the user's cache.

Each function takes nothing and returns a checkpoint folder. What they make rests on the versions of the libraries and
on the kind of machine, in the last digits of every weight; scores move by a few points with them.
"""

import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import tokenizers
import torch
import transformers

import xbench.pretrain
from xbench.cache import made_once, source_hash
from xbench.pretrain import Pretraining, pretrain, read_corpus
from xbench.world import OWNER, World, key, mirror

SETTINGS = Pretraining(steps=2200)
"""Settings of the shipped encoder: what two cores make in about two minutes."""


def mini() -> Path:
    """The shipped encoder: masked and translation language modelling."""
    return _made("mini", SETTINGS)


def mini_mmlm() -> Path:
    """The same without translation pairs: masked language modelling alone."""
    return _made("mini-mmlm", replace(SETTINGS, translated=0.0))


def mini_untrained() -> Path:
    """The control: shape and vocabulary of the shipped encoder, random weights."""
    return _made("mini-untrained", replace(SETTINGS, steps=0))


def _made(name: str, settings: Pretraining) -> Path:
    """The checkpoint for these settings, under a key of everything that made it."""
    made_from = {
        "settings": asdict(settings),
        "world": key(World()),
        "trainer": source_hash(Path(xbench.pretrain.__file__).parent),
        "versions": {module.__name__: module.__version__ for module in (torch, transformers, tokenizers)},
    }
    return made_once(name, made_from, lambda folder: _make(name, settings, folder))


def _make(name: str, settings: Pretraining, to: Path) -> None:
    """Pre-train, saying on stderr how far it is."""
    print(f"{name}: making it once, for the cache", file=sys.stderr, flush=True)
    corpus = read_corpus(mirror(), [f"{OWNER}/text:*:train:text"], [f"{OWNER}/bitext:*:train:source,target"])
    started = time.perf_counter()

    def say(done: int, total: int, text: str) -> None:
        left = (time.perf_counter() - started) * (total - done) / done
        print(f"{name}: step {done} of {total}, {text}, about {left:.0f} s left", file=sys.stderr, flush=True)

    pretrain(corpus, settings, to, progress=say, device="cpu")
