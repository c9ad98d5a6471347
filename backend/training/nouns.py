"""Write the nouns that the built-in model was shown, for its remark on prompts far from them.

    python -m training.nouns OBJECTS NOUNS.safetensors

A noun is written with what the text encoder makes of it, with an article before it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from splatsmith.conditioning.text import TextEncoder
from splatsmith.engines.sprout.vocabulary import write_vocabulary
from training.captions import NO_THINGS, count_nouns, with_article
from training.objects import read_index

LEAST = 2  # training objects that a noun names


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("objects", type=Path)
    parser.add_argument("nouns", type=Path)
    arguments = parser.parse_args()
    records = [record for record in read_index(arguments.objects) if record.split == "train"]
    counts = count_nouns(records)
    nouns = sorted(noun for noun, count in counts.items() if count >= LEAST and names_things(noun))
    encoder = TextEncoder()
    pooled = torch.stack([encoder.encode(with_article(noun)).pooled for noun in nouns])
    write_vocabulary(nouns, pooled, arguments.nouns)


def names_things(noun: str) -> bool:
    return noun.replace(" ", "").isalpha() and NO_THINGS.isdisjoint(noun.split())


if __name__ == "__main__":
    main()
