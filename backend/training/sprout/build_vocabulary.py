"""Write sprout's vocabulary: the nouns of its training captions, and synonyms of them.

    python -m training.sprout.build_vocabulary OBJECTS WORDNET NOUNS.safetensors

WORDNET is the folder with WordNet 3's data.noun and index.noun; Debian's package wordnet-base has
it as /usr/share/wordnet. A noun is stored with the text embedding of the noun and its article.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from splatsmith.conditioning.text_encoder import TextEncoder
from splatsmith.engines.sprout.vocabulary import Vocabulary, write_vocabulary
from training.captions import NON_OBJECT_NOUNS, count_nouns, with_article
from training.objects import read_index
from training.sprout.synonyms import find_synonyms
from training.wordnet import WordNet

MIN_OBJECTS = 2  # training objects that a noun names


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("objects", type=Path)
    parser.add_argument("wordnet", type=Path)
    parser.add_argument("nouns", type=Path)
    arguments = parser.parse_args()
    records = [record for record in read_index(arguments.objects) if record.split == "train"]
    counts = count_nouns(records)
    nouns = sorted(
        noun for noun, count in counts.items() if count >= MIN_OBJECTS and is_object_noun(noun)
    )
    encoder = TextEncoder()
    pooled = torch.stack([encoder.encode(with_article(noun)).pooled for noun in nouns])
    synonyms = find_synonyms(nouns, records, WordNet.read(arguments.wordnet))
    write_vocabulary(Vocabulary(tuple(nouns), pooled, synonyms), arguments.nouns)


def is_object_noun(noun: str) -> bool:
    return noun.replace(" ", "").isalpha() and NON_OBJECT_NOUNS.isdisjoint(noun.split())


if __name__ == "__main__":
    main()
