"""Surface overlap of held-out objects with the training objects: which of them are truly unseen.

    python -m training.surface_overlap OBJECTS

The split by group keeps copies of an object together, but lets through variants that are named
differently. Objects are compared by the cells of a 20^3 grid over [-1, 1]^3 that their surfaces
pass through: intersection over union, the best of 8 rotations about Y, each as it is and mirrored.
Colors do not count.
"""

from __future__ import annotations

import argparse
import multiprocessing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.objects import Mesh, ObjectRecord, read_index, read_mesh
from training.synthetic_objects import rotation_about_y

GRID = 20  # cells along each side
ROTATIONS = 8
LOW, HIGH = 0.6, 0.81
"""Below LOW an object counts as unseen, above HIGH as a variant of a training object."""
_WORDS = -(-(GRID**3) // 64)  # of 64 bits, for one grid


@dataclass(frozen=True)
class Overlap:
    """A held-out object, the training object most like it in shape, and their surfaces' IoU."""

    record: ObjectRecord
    nearest: ObjectRecord
    iou: float


def surface_points(mesh: Mesh) -> NDArray[np.float32]:
    """Points [P, 3] on all triangles, at most half a cell apart."""
    corners = mesh.vertices[mesh.faces]
    longest = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(1)
    divisions = np.maximum(np.ceil(longest * GRID).astype(int), 1)  # half a cell is 1 / GRID
    return np.concatenate(
        [
            (_barycentric_lattice(int(n)) @ corners[divisions == n]).reshape(-1, 3)
            for n in np.unique(divisions)
        ]
    )


def _barycentric_lattice(divisions: int) -> NDArray[np.float32]:
    """[(n + 1)(n + 2) / 2, 3] barycentric coordinates of a triangle with its sides in n parts."""
    i, j = np.mgrid[: divisions + 1, : divisions + 1].reshape(2, -1)
    inside = i + j <= divisions
    lattice = np.stack([i, j, divisions - i - j], 1)[inside] / divisions
    return lattice.astype(np.float32)


def occupancy(points: NDArray[np.float32]) -> NDArray[np.uint64]:
    """The cells that hold points, as the bits of [125] words."""
    cells = np.clip(((points + 1) * (GRID / 2)).astype(int), 0, GRID - 1)
    occupied = np.zeros(64 * _WORDS, bool)
    occupied[np.ravel_multi_index(tuple(cells.T), (GRID,) * 3)] = True
    return np.packbits(occupied).view(np.uint64)


def poses(points: NDArray[np.float32]) -> NDArray[np.uint64]:
    """Occupancy [16, 125] of the points in all rotations about Y, as they are and mirrored."""
    angles = 2 * np.pi / ROTATIONS * np.arange(ROTATIONS)
    rotated = [points @ rotation_about_y(angle).T.astype(np.float32) for angle in angles]
    mirror = np.array([-1, 1, 1], np.float32)
    return np.stack([occupancy(each * sign) for each in rotated for sign in (1, mirror)])


def best_overlap(query: NDArray[np.uint64], known: NDArray[np.uint64]) -> tuple[int, float]:
    """The row of `known` [K, 125] with the largest IoU to any of the poses `query` [P, 125]."""
    best = np.zeros(len(known))
    counts = np.bitwise_count(known).sum(1, dtype=np.int64)
    for pose in query:
        common = np.bitwise_count(known & pose).sum(1, dtype=np.int64)
        union = counts + np.bitwise_count(pose).sum(dtype=np.int64) - common
        best = np.maximum(best, common / union)
    return int(best.argmax()), float(best.max())


def measure_overlaps(
    objects: Path, held_out: list[ObjectRecord], training: list[ObjectRecord]
) -> list[Overlap]:
    """The best overlap of every held-out object, in their order; on all cores."""
    with multiprocessing.get_context("spawn").Pool() as pool:
        known = np.stack(pool.map(partial(_occupancy, objects), training, chunksize=32))
        queries = pool.imap(partial(_poses, objects), held_out, chunksize=8)
        found = [best_overlap(query, known) for query in queries]
    return [
        Overlap(record, training[row], iou)
        for record, (row, iou) in zip(held_out, found, strict=True)
    ]


def _occupancy(objects: Path, record: ObjectRecord) -> NDArray[np.uint64]:
    return occupancy(surface_points(read_mesh(objects, record)))


def _poses(objects: Path, record: ObjectRecord) -> NDArray[np.uint64]:
    return poses(surface_points(read_mesh(objects, record)))


def count_by_overlap(overlaps: list[Overlap]) -> str:
    """How many objects lie below LOW, between the two, and above HIGH."""
    low = sum(overlap.iou < LOW for overlap in overlaps)
    high = sum(overlap.iou > HIGH for overlap in overlaps)
    return f"{low} below {LOW}, {len(overlaps) - low - high} between, {high} above {HIGH}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("objects", type=Path)
    objects = parser.parse_args().objects
    records = read_index(objects)
    training = [record for record in records if record.split == "train"]
    for split in ("val", "test"):
        held_out = [record for record in records if record.split == split]
        overlaps = measure_overlaps(objects, held_out, training)
        print(f"{split}: {len(held_out)} objects, {count_by_overlap(overlaps)}", flush=True)


if __name__ == "__main__":
    main()
