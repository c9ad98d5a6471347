"""Unwrap a surface with one method and report processor time and peak memory.

python -m tests.bench.extraction.timed_unwrap splatsmith|xatlas SURFACE.npz ATLAS.npz
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import trimesh

from .profiled_process import ProcessCost, peak_memory, report_cost

PADDING, TEXTURE = 4, 2048  # texels: what our charts keep at this size


def main(method: str, surface: Path, atlas: Path) -> None:
    unwrap = _splatsmith() if method == "splatsmith" else _xatlas()
    ball = trimesh.creation.icosphere(3)  # compiles, or loads what was compiled
    unwrap(ball.vertices.astype(np.float32), ball.faces.astype(np.int32))
    with np.load(surface) as arrays:
        vertices, faces = arrays["vertices"], arrays["faces"]
    base, start = peak_memory(), time.process_time()
    source, uvs, corners = unwrap(vertices, faces)
    seconds = time.process_time() - start
    peak = peak_memory()
    np.savez(atlas, positions=vertices[source], uvs=uvs, faces=corners)
    report_cost(ProcessCost({"Unwrapping": seconds}, peak, base))


Unwrapped = tuple[np.ndarray, np.ndarray, np.ndarray]  # source [V], uvs [V, 2], faces [F, 3]


def _splatsmith() -> Callable[[np.ndarray, np.ndarray], Unwrapped]:
    from splatsmith.extraction.atlas.unwrap import unwrap
    from splatsmith.extraction.surface.triangle_surface import Surface
    from splatsmith.progress import silent

    def run(vertices: np.ndarray, faces: np.ndarray) -> Unwrapped:
        atlas = unwrap(Surface(vertices, faces), silent())
        return atlas.source, atlas.uvs, atlas.surface.faces

    return run


def _xatlas() -> Callable[[np.ndarray, np.ndarray], Unwrapped]:
    import xatlas

    def run(vertices: np.ndarray, faces: np.ndarray) -> Unwrapped:
        atlas = xatlas.Atlas()
        atlas.add_mesh(vertices, faces.astype(np.uint32))
        packing = xatlas.PackOptions()
        packing.resolution, packing.padding = TEXTURE, PADDING
        atlas.generate(xatlas.ChartOptions(), packing)
        source, corners, uvs = atlas[0]
        # It fits the charts into about the resolution; a texture is square.
        uvs = uvs * np.array([atlas.width, atlas.height]) / max(atlas.width, atlas.height)
        return source, uvs.astype(np.float32), corners.astype(np.int32)

    return run


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
