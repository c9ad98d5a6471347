"""What a transform changes in splat data beside the positions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..contract.cloud import GaussianCloud, OnProgress, empty_cloud, ignore_progress
from ..contract.harmonics import rotate_harmonics
from ..contract.transform import linear_part, orthogonal_factor, transform_shapes
from .point_data import PointAttribute, PointData, write_attribute
from .splats import HARMONIC

_BLOCK = 1 << 16  # splats between two reports of progress

Matrix = NDArray[np.float64]  # [4, 4]


@dataclass(frozen=True)
class Shapes:
    """What a transform changes beside the position: quats [N, 4], scales [N, 3], shN [N, K, 3]."""

    quats: NDArray[np.float32]
    scales: NDArray[np.float32]
    shN: NDArray[np.float32]  # noqa: N815  (the field's name everywhere)

    def put(self, rows: NDArray[np.intp] | slice, part: Shapes) -> None:
        """Overwrite `rows` with those of `part`."""
        self.quats[rows], self.scales[rows], self.shN[rows] = part.quats, part.scales, part.shN


def turn_between(world: Matrix, new_world: Matrix) -> NDArray[np.float64]:
    """How colors turn [3, 3] in data whose object's world matrix changes, so that they look alike.

    Orthogonal factors of products are no products of orthogonal factors: where a stretch stays with
    the object or its parents, colors turn otherwise than the map of the data does.
    """
    old, new = (orthogonal_factor(linear_part(matrix)) for matrix in (world, new_world))
    return new.T @ old


def transformed_shapes(
    cloud: GaussianCloud,
    matrix: Matrix,
    rows: NDArray[np.intp] | None = None,
    turn: NDArray[np.float64] | None = None,
    on_progress: OnProgress = ignore_progress,
) -> Shapes:
    """The shapes of `cloud`, or of its `rows`, after the affine `matrix`.

    turn: [3, 3], of the colors; by default the orthogonal factor of `matrix`.

    Raises:
        InvalidTransform: see `linear_part`.
    """
    linear = linear_part(matrix)
    part = cloud if rows is None or len(rows) == len(cloud) else cloud.select(rows)
    turn = orthogonal_factor(linear) if turn is None else turn
    new = empty_cloud(len(part), part.degree)
    shapes = Shapes(new.quats, new.scales, new.shN)
    for start in range(0, len(part), _BLOCK):
        block_rows = slice(start, min(start + _BLOCK, len(part)))
        block = part.rows(block_rows)
        quats, scales = transform_shapes(block.quats, block.scales, linear)
        shapes.put(block_rows, Shapes(quats, scales, rotate_harmonics(block.shN, turn)))
        on_progress(block_rows.stop / len(part))
    return shapes


def write_shapes(data: PointData, shapes: Shapes) -> None:
    """Overwrite rotations, scales and harmonics of splat data."""
    harmonics = {HARMONIC.format(k): shapes.shN[:, k] for k in range(shapes.shN.shape[1])}
    values = {"rotation": shapes.quats, "scale": shapes.scales, **harmonics}
    for name, array in values.items():
        write_attribute(data, PointAttribute(name, data.attributes[name].data_type, array))
    data.update_tag()
