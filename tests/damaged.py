"""A checkpoint that forgot one script: what the gate must find, made from one that it must not find.

python tests/damaged.py CHECKPOINT TO Georgian
"""

import shutil
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer

from xbench.world.languages import SCRIPTS


def damaged(checkpoint: Path, to: Path, script: str) -> list[str]:
    """Copy a checkpoint with the embeddings of all tokens of a script set to zero; gives those tokens.

    `script` is one of the mini suite's. The output layer of masked language modelling goes too where it is tied.
    """
    letters = {*SCRIPTS[script].consonants, *SCRIPTS[script].vowels}
    shutil.copytree(checkpoint, to)
    tokenizer = AutoTokenizer.from_pretrained(to)
    tokens = sorted(token for token in tokenizer.get_vocab() if letters & set(token))
    rows = tokenizer.convert_tokens_to_ids(tokens)
    weights = load_file(to / "model.safetensors")
    (name,) = (name for name in weights if name.endswith("word_embeddings.weight"))
    weights[name][torch.tensor(rows)] = 0.0
    save_file(weights, to / "model.safetensors", metadata={"format": "pt"})
    return tokens


if __name__ == "__main__":
    print(len(damaged(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])), "tokens forgotten")
