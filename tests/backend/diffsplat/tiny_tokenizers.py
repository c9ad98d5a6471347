"""Vocabularies of single letters, in the files in which base models publish theirs."""

# protobuf makes its classes when it is loaded.
# pyright: reportAttributeAccessIssue=false
from __future__ import annotations

import json
from pathlib import Path

from sentencepiece import sentencepiece_model_pb2 as sentencepiece
from tokenizers.pre_tokenizers import ByteLevel

START, END = "<|startoftext|>", "<|endoftext|>"
LETTERS = "abcdefghijklmnopqrstuvwxyz,."


def write_clip_tokenizer(folder: Path) -> int:
    """vocab.json and merges.txt, without a tokenizer.json; returns the vocabulary's size."""
    folder.mkdir(parents=True, exist_ok=True)
    alphabet = sorted(ByteLevel.alphabet())
    words = [*alphabet, *(f"{letter}</w>" for letter in alphabet), START, END]
    vocabulary = {word: index for index, word in enumerate(words)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")
    settings = {
        "tokenizer_class": "CLIPTokenizer",
        "model_max_length": 77,
        "bos_token": START,
        "eos_token": END,
        "unk_token": END,
        "pad_token": END,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    return len(words)


def write_t5_tokenizer(folder: Path) -> int:
    """spiece.model, without a tokenizer.json; returns the vocabulary's size with extra ids."""
    folder.mkdir(parents=True, exist_ok=True)
    model = sentencepiece.ModelProto()
    kinds = sentencepiece.ModelProto.SentencePiece
    special = (("<pad>", kinds.CONTROL), ("</s>", kinds.CONTROL), ("<unk>", kinds.UNKNOWN))
    for piece, kind in special:
        model.pieces.add(piece=piece, score=0.0, type=kind)
    for piece in ("\u2581", *LETTERS):
        model.pieces.add(piece=piece, score=-2.0, type=kinds.NORMAL)
    model.trainer_spec.model_type = sentencepiece.TrainerSpec.UNIGRAM
    model.trainer_spec.unk_id, model.trainer_spec.eos_id = 2, 1
    model.trainer_spec.bos_id, model.trainer_spec.pad_id = -1, 0
    model.normalizer_spec.name = "identity"
    (folder / "spiece.model").write_bytes(model.SerializeToString())
    settings = {
        "tokenizer_class": "T5Tokenizer",
        "eos_token": "</s>",
        "unk_token": "<unk>",
        "pad_token": "<pad>",
        "extra_ids": 100,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    return len(model.pieces) + 100
