"""Open3D's screened Poisson reconstruction; imports nothing of this project.

python -m tests.bench.extraction.poisson_baseline POINTS.npz MESH.npz FACES
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import open3d

from .profiled_process import ProcessCost, StageClock, peak_memory, report_cost

_DEPTH = 9  # of the octree
_NEIGHBORS = 15  # for the consistent orientation of normals
_CUT_SHARE = 0.01  # of the vertices, those of least density


def main(points: Path, mesh: Path, faces: int) -> None:
    base = peak_memory()
    clock = StageClock()
    cloud = open3d.geometry.PointCloud()
    with np.load(points) as arrays:
        cloud.points = open3d.utility.Vector3dVector(arrays["points"])
        cloud.normals = open3d.utility.Vector3dVector(arrays["normals"])
        cloud.colors = open3d.utility.Vector3dVector(arrays["colors"])
    clock.on_progress(0, "Orienting normals")
    cloud.orient_normals_consistent_tangent_plane(_NEIGHBORS)
    clock.on_progress(0, "Poisson")
    poisson = open3d.geometry.TriangleMesh.create_from_point_cloud_poisson
    found, densities = poisson(cloud, depth=_DEPTH)
    found.remove_vertices_by_mask(densities < np.quantile(densities, _CUT_SHARE))
    clock.on_progress(0, "Reducing the surface")
    found = found.simplify_quadric_decimation(faces)
    clock.on_progress(1, "")
    np.savez(
        mesh,
        vertices=np.asarray(found.vertices),
        faces=np.asarray(found.triangles),
        colors=np.asarray(found.vertex_colors),
    )
    report_cost(ProcessCost(clock.seconds, peak_memory(), base))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
