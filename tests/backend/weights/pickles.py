"""Pickled checkpoints of the quarry, and hostile ones."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from tests.backend.engines.quarry.repositories import PIT
from tests.backend.weights.mirror import Mirror

NARROW, WIDE = 8, 16


def state_dict(rows: int = NARROW, prefix: str = "net.") -> dict[str, Tensor]:
    """The tensors of a quarry's network, under `prefix`."""
    generator = torch.Generator().manual_seed(rows)
    return {
        f"{prefix}body.weight": torch.rand(rows, 4, generator=generator),
        f"{prefix}body.bias": torch.rand(4, generator=generator).to(torch.bfloat16),
        f"{prefix}norm.count": torch.tensor(7),
    }


def training_checkpoint(rows: int = NARROW) -> dict[str, object]:
    """What a training program saves: the network among other things."""
    loss = {"loss.vgg.weight": torch.rand(3, 3)}
    return {"epoch": 3, "optimizer": {"lr": 0.1}, "state_dict": {**state_dict(rows), **loss}}


def pickled(content: object, is_archive: bool = True) -> bytes:
    file = io.BytesIO()
    torch.save(content, file, _use_new_zipfile_serialization=is_archive)
    return file.getvalue()


class Calls:
    """Pickles to a call of `function`, which is made when a naive program loads it."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self._call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self._call


def by_name(module: str, name: str, argument: str) -> bytes:
    """A pickle that calls module.name(argument), whether or not that can be imported here."""
    text = argument.encode()
    return (
        b"\x80\x02"
        + f"c{module}\n{name}\n".encode()
        + b"X"
        + struct.pack("<I", len(text))
        + text
        + b"\x85R."
    )


def archive_of(pickle_bytes: bytes, compression: int = zipfile.ZIP_STORED) -> bytes:
    """An archive as torch.save writes it, with this as its pickle."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        archive.writestr("archive/data.pkl", pickle_bytes)
        archive.writestr("archive/byteorder", b"little")
        archive.writestr("archive/version", b"3\n")
    return file.getvalue()


def zip_bomb() -> bytes:
    """A small archive whose pickle has 200 MB."""
    return archive_of(pickle.dumps({"net.body.weight": bytes(200_000_000)}), zipfile.ZIP_DEFLATED)


def publish_pickle(mirror: Mirror, content: object) -> bytes:
    """Have the mirror hold the quarry's repository with this pickle, and an older one."""
    weights = pickled(content)
    mirror.repositories[PIT] = {
        "configs/a.json": b"{}",
        "step_10/stone.ckpt": b"an older step",
        "step_20/stone.ckpt": weights,
    }
    return weights


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
