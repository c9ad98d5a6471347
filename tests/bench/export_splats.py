"""Export of one million splats from an object to PLY, against only writing the file's bytes."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix

from blender_addon.exporting.files import write_ply
from blender_addon.exporting.splat_source import copy_splats
from blender_addon.scene.splats import add_splats

from .figure import Figure
from .import_splats import random_cloud

ROUNDS = 3
TRANSFORMS = {
    "in place": Matrix(),
    "turned": Matrix.Rotation(0.7, 4, (1, 2, 3)),
    "turned and stretched": Matrix.LocRotScale((1, 2, 3), Matrix.Rotation(0.7, 3, "X"), (1, 2, 3)),
}


def figures() -> Iterator[Figure]:
    """Seconds, and the ratio to writing as many bytes; best of ROUNDS."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "splats.ply"
        for degree in (0, 3):
            bpy.ops.wm.read_factory_settings(use_empty=True)
            cloud = random_cloud(degree)
            obj = add_splats(cloud, "splats", bpy.context.scene.collection)
            for name, matrix in TRANSFORMS.items():
                obj.matrix_world = matrix
                seconds = min(time_export(obj, path) for _ in range(ROUNDS))
                plain = min(time_plain_write(path) for _ in range(ROUNDS))
                title = f"1 M splats of degree {degree}, object {name}, to PLY"
                yield Figure(title, seconds, "s")
                yield Figure("  against writing the bytes", seconds / plain, "times")


def time_export(obj: bpy.types.Object, path: Path) -> float:
    start = time.perf_counter()
    write_ply(copy_splats([obj]), path)
    return time.perf_counter() - start


def time_plain_write(path: Path) -> float:
    data = np.fromfile(path, np.uint8)
    start = time.perf_counter()
    data.tofile(path)
    return time.perf_counter() - start
