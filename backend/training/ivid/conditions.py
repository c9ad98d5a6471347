"""What is left of each picture that was warped into other cameras and back, made once and kept."""

from __future__ import annotations

import multiprocessing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from splatsmith.files import atomic_write
from training.ivid.hidden_parts import random_pose, there_and_back
from training.ivid.rgbd_folder import RgbdPictures

PARALLEL_FROM = 64  # pictures; starting processes takes longer than warping fewer


@dataclass(frozen=True)
class Conditions:
    """W of each of P pictures. colors: [P, W, S, S, 3] uint8. codes: [P, W, S, S] float16 depth
    codes. masks: [P, W, S, S] uint8, bit 0 where the depth is seen, bit 1 where the color is.
    """

    colors: NDArray[np.uint8]
    codes: NDArray[np.float16]
    masks: NDArray[np.uint8]

    def save(self, file: Path) -> None:
        with atomic_write(file) as part, part.open("wb") as stream:
            np.savez(stream, colors=self.colors, codes=self.codes, masks=self.masks)

    @classmethod
    def load(cls, file: Path) -> Conditions:
        with np.load(file, allow_pickle=False) as stored:
            return cls(stored["colors"], stored["codes"], stored["masks"])


def kept_conditions(pictures: RgbdPictures, warps: int, seed: int, file: Path) -> Conditions:
    """From `file`, or made on all cores and written there."""
    if file.exists():
        stored = Conditions.load(file)
        if stored.codes.shape[:3] == (len(pictures), warps, pictures.size):
            return stored
    made = make_conditions(pictures, warps, seed)
    made.save(file)
    return made


def make_conditions(pictures: RgbdPictures, warps: int, seed: int) -> Conditions:
    """Each picture's by its own random numbers, so that their order does not matter."""
    tasks = [
        _Task(_single(pictures, index), warps, (seed, index)) for index in range(len(pictures))
    ]
    first = _make(tasks[0])  # compile before the workers start
    if len(tasks) < PARALLEL_FROM:
        rest = [_make(task) for task in tasks[1:]]
    else:
        with multiprocessing.get_context("spawn").Pool() as pool:
            rest = pool.map(_make, tasks[1:], chunksize=16)
    each = [first, *rest]
    return Conditions(
        np.stack([made.colors for made in each]),
        np.stack([made.codes for made in each]),
        np.stack([made.masks for made in each]),
    )


@dataclass(frozen=True)
class _Task:
    """picture: of one. seeds: of its random numbers."""

    picture: RgbdPictures
    warps: int
    seeds: tuple[int, int]


def _single(pictures: RgbdPictures, index: int) -> RgbdPictures:
    chosen = slice(index, index + 1)
    return RgbdPictures(pictures.colors[chosen], pictures.depths[chosen], pictures.classes[chosen])


def _make(task: _Task) -> Conditions:
    """[W, ...] of one picture."""
    rng = np.random.default_rng(task.seeds)
    poses = [(random_pose(rng), random_pose(rng)) for _ in range(task.warps)]
    views = [there_and_back(task.picture.view(0, own), other) for own, other in poses]
    masks = [view.mask + 2 * view.color_mask for view in views]
    return Conditions(
        np.stack([np.rint(255 * view.colors).astype(np.uint8) for view in views]),
        np.stack([view.codes.astype(np.float16) for view in views]),
        np.stack(masks).astype(np.uint8),
    )
