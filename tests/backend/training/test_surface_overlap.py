"""Surface overlap with the training objects."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.backend.training.object_pack import box_arrays, write_pack
from training.objects import read_index, read_mesh
from training.surface_overlap import (
    GRID,
    best_overlap,
    count_by_overlap,
    measure_overlaps,
    occupancy,
    poses,
    surface_points,
)
from training.synthetic_objects import rotation_about_y

LONG, FLAT, WIDE = (1.0, 0.4, 0.4), (1.0, 0.1, 0.8), (0.4, 0.4, 1.0)


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    shapes = {"long": LONG, "flat": FLAT, "wide": WIDE}
    write_pack(tmp_path, {name: box_arrays(sides) for name, sides in shapes.items()})
    return tmp_path


def points_of(pack: Path, name: str) -> np.ndarray:
    record = next(record for record in read_index(pack) if record.name == name)
    return surface_points(read_mesh(pack, record))


def test_surface_points_reach_every_cell_of_the_surface(pack: Path) -> None:
    """A box of 1 x 0.4 x 0.4, moved so that its sides pass through the centers of cells."""
    points = points_of(pack, "long") + np.float32(1 / GRID)
    cells = (11 * 5 * 5) - (9 * 3 * 3)
    assert np.bitwise_count(occupancy(points)).sum() == cells


@pytest.mark.parametrize("angle", [0, 45, 135, 270])
def test_rotated_and_mirrored_copies_overlap_completely(angle: float) -> None:
    generator = np.random.default_rng(0)
    points = generator.uniform(-0.5, 0.5, (400, 3)).astype(np.float32)
    known = np.stack([occupancy(points * 0.2), occupancy(points)])
    copy = points @ rotation_about_y(np.radians(angle)).T.astype(np.float32)
    for each in (copy, copy * np.array([1, 1, -1], np.float32)):
        row, iou = best_overlap(poses(each), known)
        assert row == 1
        assert iou > 0.95  # points on a cell's border may fall on either side


def test_overlap_is_intersection_over_union() -> None:
    """Columns stay columns of the same cells in every pose."""
    column = np.array([[0.05, y, 0.05] for y in np.arange(-0.95, 1, 0.1)], np.float32)
    known = occupancy(column[:15])[None]
    _, iou = best_overlap(occupancy(column[5:])[None], known)
    assert iou == pytest.approx(10 / 20)


def test_each_object_gets_its_most_similar_training_object(pack: Path) -> None:
    long, flat, wide = read_index(pack)
    overlaps = measure_overlaps(pack, [wide, flat], [long])
    assert [overlap.record.name for overlap in overlaps] == ["wide", "flat"]
    assert all(overlap.nearest == long for overlap in overlaps)
    assert overlaps[0].iou > 0.9  # a quarter turn of it
    assert overlaps[1].iou < 0.5
    assert count_by_overlap(overlaps) == "1 below 0.6, 0 between, 1 above 0.81"
