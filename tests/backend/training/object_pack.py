"""A pack of objects in the format that training reads."""

# pyright: reportArgumentType=false
from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.objects import TIER

FIELDS = ("id", "shard", "name", "caption", "tags", "category", "source", "creator", "licence")


def box_arrays(sides: Sequence[float]) -> dict[str, NDArray[np.generic]]:
    """The pack's arrays of a box of these side lengths about the origin."""
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)])
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    faces = [face for a, b, c, d in quads for face in ((a, b, c), (a, c, d))]
    size = max(sides)
    return {
        "vertices_q": np.round(corners * np.array(sides) / size * 65535).astype(np.uint16),
        "origin": -np.array(sides, np.float32) / 2,
        "size": np.array(size, np.float32),
        "faces": np.array(faces, np.uint16),
        "face_mat": np.zeros(len(faces), np.uint8),
        "mat_rgba": np.array([[255, 0, 0, 255]], np.uint8),
        "mat_tex": np.array([-1], np.int16),
    }


def write_pack(folder: Path, objects: dict[str, dict[str, NDArray[np.generic]]]) -> None:
    """Write `objects`, the arrays of each by its id, which is also its name and group."""
    with zipfile.ZipFile(folder / "objects-000.zip", "w") as shard:
        for name, arrays in objects.items():
            member = io.BytesIO()
            np.savez(member, **arrays)
            shard.writestr(f"{name}.npz", member.getvalue())
    with (folder / "index.csv").open("w", encoding="utf-8", newline="") as file:
        index = csv.DictWriter(file, [*FIELDS, "tier", "group"], restval="")
        index.writeheader()
        for name in objects:
            row = {"id": name, "shard": "objects-000.zip", "name": name, "group": name}
            index.writerow({**row, "tier": TIER})
