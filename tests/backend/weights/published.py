"""What the mosaic's checkpoints look like on their hub: small, random, in the hub's layout."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from tests.backend.engines.mosaic.repositories import BASE, TILES, VAULT
from tests.backend.weights.mirror import Mirror

TOKEN = "hf_a-secret-token"


def weights(name: str, rows: int, bulk: int = 0) -> bytes:
    """A safetensors file with the tensor `name` [rows, 4], and `bulk` random numbers.

    Written out: Blender's Python, which runs some of these tests, has no safetensors.
    """
    chance = np.random.default_rng(rows)
    tensors = {name: chance.random((rows, 4), np.float32)}
    if bulk:
        tensors["bulk"] = chance.random(bulk, np.float32)
    header: dict[str, object] = {}
    end = 0
    for key, tensor in tensors.items():
        start, end = end, end + tensor.nbytes
        header[key] = {"dtype": "F32", "shape": tensor.shape, "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    parts = (len(text).to_bytes(8, "little"), text, *(t.tobytes() for t in tensors.values()))
    return b"".join(parts)


def published() -> dict[str, dict[str, bytes]]:
    """All repositories. That of the tiles also holds an older training step, and a pickle."""
    config = json.dumps({"width": 8}).encode()
    small, large = "small__render/checkpoints/", "large__render/checkpoints/"
    return {
        TILES: {
            "README.md": b"# Tiles\n",
            f"{small}000010/net/config.json": b"{}",
            f"{small}000010/net/weights.safetensors": weights("body.weight", 3),
            f"{small}000020/net/config.json": config,
            f"{small}000020/net/weights.safetensors": weights("body.weight", 8, 10_000),
            f"{small}000020/net/weights.bin": b"a pickle" * 1_000,
            f"{large}000020/net/config.json": b"{}",
            f"{large}000020/net/weights-1-of-2.safetensors": weights("body.weight", 16, 500),
            f"{large}000020/net/weights-2-of-2.safetensors": weights("tail.weight", 16, 500),
        },
        BASE: {
            "tokenizer/vocab.json": b'{"a": 1}',
            "tokenizer/merges.txt": b"a b\n",
            "encoder/model.safetensors": weights("words.weight", 32, 500),
        },
        VAULT: {"model.safetensors": weights("locked.weight", 4, 500)},
    }


def new_mirror() -> Mirror:
    return Mirror(published(), gates={VAULT: TOKEN})


def write_snapshot(folder: Path, repository: str) -> Path:
    """The repository's files in `folder`, as a snapshot has them."""
    for path, content in published()[repository].items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return folder
