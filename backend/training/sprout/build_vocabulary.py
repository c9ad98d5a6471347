"""Write the nouns that the built-in model was shown, and the words that stand for them.

    python -m training.sprout.build_vocabulary OBJECTS WORDNET NOUNS.safetensors

WORDNET is the folder with WordNet 3's data.noun and index.noun; Debian's package wordnet-base has
it as /usr/share/wordnet. A noun is written with what the text encoder makes of it, with an article
before it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from splatsmith.conditioning.text_encoder import TextEncoder
from splatsmith.engines.sprout.vocabulary import Vocabulary, write_vocabulary
from training.captions import NO_THINGS, count_nouns, with_article
from training.objects import read_index
from training.sprout.synonyms import stand_ins
from training.wordnet import WordNet

LEAST = 2  # training objects that a noun names


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("objects", type=Path)
    parser.add_argument("wordnet", type=Path)
    parser.add_argument("nouns", type=Path)
    arguments = parser.parse_args()
    records = [record for record in read_index(arguments.objects) if record.split == "train"]
    counts = count_nouns(records)
    nouns = sorted(noun for noun, count in counts.items() if count >= LEAST and names_things(noun))
    encoder = TextEncoder()
    pooled = torch.stack([encoder.encode(with_article(noun)).pooled for noun in nouns])
    spoken = stand_ins(nouns, records, WordNet.read(arguments.wordnet))
    write_vocabulary(Vocabulary(tuple(nouns), pooled, spoken), arguments.nouns)


def names_things(noun: str) -> bool:
    return noun.replace(" ", "").isalpha() and NO_THINGS.isdisjoint(noun.split())


if __name__ == "__main__":
    main()
