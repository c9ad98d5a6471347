"""Marching cubes on a dense grid of the Gaussians' density, as in LGM and DreamGaussian.

python -m tests.bench.extraction.density_grid_baseline CLOUD MESH.npz FACES VOXELS
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

import fast_simplification
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree
from skimage.measure import marching_cubes

from splatsmith.contract.bounds import bounding_sphere
from splatsmith.contract.cloud import GaussianCloud, read_cloud
from splatsmith.contract.transform import rotation_matrices
from splatsmith.gaussians.numba_jit import Floats, jit
from splatsmith.gaussians.unit_sphere import to_unit_sphere
from tests.backend.gaussians.clouds import shell

from .profiled_process import ProcessCost, StageClock, peak_memory, report_cost

_THRESHOLD = 1.0  # DreamGaussian's
_MIN_OPACITY = 0.005  # DreamGaussian's
_MIN_SIGMA = 0.5  # voxels: thinner Gaussians would fall between grid points
_REACH = 3.0  # standard deviations


def main(cloud_file: Path, mesh: Path, faces: int, voxels: int) -> None:
    density(shell(100), 16)  # compiles
    base = peak_memory()
    cloud = read_cloud(cloud_file)
    clock = StageClock()
    clock.on_progress(0, "Summing densities")
    sphere = bounding_sphere(cloud)
    unit = to_unit_sphere(cloud, sphere)
    grid = density(unit, voxels)
    clock.on_progress(0, "Marching cubes")
    vertices, triangles, _, _ = marching_cubes(grid, _THRESHOLD, gradient_direction="ascent")
    vertices = vertices * (2 / (voxels - 1)) - 1
    clock.on_progress(0, "Reducing the surface")
    if len(triangles) > faces:
        reduced = fast_simplification.simplify(vertices, triangles, target_count=faces)
        vertices, triangles = reduced[0], reduced[1]
    clock.on_progress(0, "Colouring")
    colors = unit.colors[KDTree(unit.means).query(vertices)[1]]
    clock.on_progress(1, "")
    vertices = vertices * sphere.radius + sphere.center
    np.savez(mesh, vertices=vertices, faces=triangles, colors=colors)
    report_cost(ProcessCost(clock.seconds, peak_memory(), base))


def density(cloud: GaussianCloud, voxels: int) -> NDArray[np.float32]:
    """[n, n, n] over the cube [-1, 1]^3: the sum of opacities times unnormalised Gaussians."""
    cloud = cloud.select(cloud.opacities > _MIN_OPACITY)
    scales = np.maximum(cloud.scales, _MIN_SIGMA * 2 / (voxels - 1))
    stretched = rotation_matrices(cloud.quats) / scales[:, None, :]
    precisions = np.einsum("nik,njk->nij", stretched, stretched).astype(np.float32)
    grid = np.zeros((voxels, voxels, voxels), np.float32)
    reach = (_REACH * scales.max(axis=1)).astype(np.float32)
    _splat(_Gaussians(cloud.means, precisions, cloud.opacities, reach), grid)
    return grid


class _Gaussians(NamedTuple):
    means: Floats  # [N, 3]
    precisions: Floats  # [N, 3, 3]
    opacities: Floats  # [N]
    reaches: Floats  # [N]


@jit()
def _splat(gaussians: _Gaussians, grid: Floats) -> None:
    means, reaches = gaussians.means, gaussians.reaches
    n = len(grid)
    step = 2 / (n - 1)
    for g in range(len(means)):
        low = np.maximum(0, np.ceil((means[g] - reaches[g] + 1) / step)).astype(np.int64)
        high = np.minimum(n, np.floor((means[g] + reaches[g] + 1) / step) + 1).astype(np.int64)
        a = gaussians.precisions[g]
        for i in range(low[0], high[0]):
            x = i * step - 1 - means[g, 0]
            for j in range(low[1], high[1]):
                y = j * step - 1 - means[g, 1]
                for k in range(low[2], high[2]):
                    z = k * step - 1 - means[g, 2]
                    square = a[0, 0] * x * x + a[1, 1] * y * y + a[2, 2] * z * z
                    square += 2 * (a[0, 1] * x * y + a[0, 2] * x * z + a[1, 2] * y * z)
                    grid[i, j, k] += gaussians.opacities[g] * np.exp(-0.5 * square)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
