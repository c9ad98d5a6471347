"""The rendered views of packed objects (training.render_views) as training data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from splatsmith.engines.diffusiongs.card import Subject
from splatsmith.gaussians.cameras import Cameras, orbit_cameras
from training.diffusiongs.posed_views import Pixels, PosedViews
from training.mesh_rasterizer import DISTANCE, FOV, SIZE
from training.render_views import RING_VIEWS, VIEWS, open_views, read_records


class PackViews:
    """Training objects in all their forms, and synthetic ones, memory-mapped."""

    subject = Subject.OBJECT
    size = SIZE

    def __init__(self, folder: Path) -> None:
        self._arrays = open_views(folder)
        records, forms = read_records(folder)
        training = [row for row, record in enumerate(records) if record.split == "train"]
        named = [row + form * len(records) for form in range(forms) for row in training]
        synthetic = range(forms * len(records), len(self._arrays.rgba))
        self._rows = [*named, *synthetic]

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> PosedViews:
        row = self._rows[index]
        cameras = view_cameras(self._arrays.elevations[row])
        c2w = np.linalg.inv(cameras.viewmats).astype(np.float64)
        ks = cameras.Ks.astype(np.float64)
        intrinsics = np.concatenate([ks[:, [0, 1], [0, 1]], ks[:, :2, 2]], 1)

        def read(indices: Sequence[int]) -> Pixels:
            return self._arrays.rgba[row, list(indices)]

        return PosedViews(c2w, intrinsics, read)


def view_cameras(elevations: NDArray[np.float32]) -> Cameras:
    """Of an object's 32 views, by their elevations [32] in degrees."""
    azimuths = [index % RING_VIEWS * (360 / RING_VIEWS) for index in range(VIEWS)]
    return orbit_cameras(azimuths, elevations.astype(np.float64), DISTANCE, FOV, SIZE)
