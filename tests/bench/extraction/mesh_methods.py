"""Methods that make a mesh of a cloud: ours and the usual alternatives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import trimesh
from numpy.typing import NDArray

from splatsmith.contract.cloud import GaussianCloud, read_cloud
from splatsmith.contract.protocol import Closure
from splatsmith.contract.transform import rotation_matrices

from . import profiled_process
from .profiled_process import ProcessCost

FACES = 50_000
TEXTURE = 2048
SPLATSMITH = "splatsmith"
DENSITY_VOXELS = (128, 256)


@dataclass(frozen=True)
class MeshResult:
    """A mesh with colours (sRGB) in the cloud's frame, and its cost."""

    mesh: trimesh.Trimesh
    cost: ProcessCost


MeshMethod = Callable[[Path, Path], MeshResult]  # splat file, folder to write into


def available_methods(open3d_python: str | None) -> dict[str, MeshMethod]:
    """By name, ours first; Poisson only with a Python that has Open3D."""
    found: dict[str, MeshMethod] = {SPLATSMITH: run_extraction}
    if open3d_python:
        found["Open3D Poisson"] = partial(_poisson, open3d_python)
    for voxels in DENSITY_VOXELS:
        found[f"density grid {voxels}^3"] = partial(_density_grid, voxels)
    return found


def run_extraction(
    cloud: Path, folder: Path, *, closure: Closure = Closure.AUTO, texture: int = TEXTURE
) -> MeshResult:
    """Ours, as read back from the GLB file that the user gets."""
    path = folder / "mesh.glb"
    options = ["--faces", str(FACES), "--texture", str(texture), "--closure", closure]
    cost = profiled_process.run("timed_extraction", [str(cloud), str(path), *options])
    return MeshResult(trimesh.load_mesh(path, process=False), cost)


def _density_grid(voxels: int, cloud: Path, folder: Path) -> MeshResult:
    path = folder / "mesh.npz"
    cost = profiled_process.run(
        "density_grid_baseline", [str(cloud), str(path), str(FACES), str(voxels)]
    )
    return MeshResult(_read(path), cost)


def _poisson(python: str, cloud: Path, folder: Path) -> MeshResult:
    points, path = folder / "points.npz", folder / "mesh.npz"
    gaussians = read_cloud(cloud)
    np.savez(
        points,
        points=gaussians.means,
        normals=_shortest_axes(gaussians),
        colors=gaussians.colors,
    )
    cost = profiled_process.run("poisson_baseline", [str(points), str(path), str(FACES)], python)
    return MeshResult(_read(path), cost)


def _shortest_axes(cloud: GaussianCloud) -> NDArray[np.float32]:
    axes = rotation_matrices(cloud.quats)
    return np.take_along_axis(axes, cloud.scales.argmin(axis=1)[:, None, None], axis=2)[..., 0]


def _read(path: Path) -> trimesh.Trimesh:
    with np.load(path) as arrays:
        return trimesh.Trimesh(
            arrays["vertices"],
            arrays["faces"],
            vertex_colors=(255 * np.clip(arrays["colors"], 0, 1)).astype(np.uint8),
            process=False,
        )
