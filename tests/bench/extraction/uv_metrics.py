"""Quality metrics of UV atlases: stretch, utilisation, charts and seams."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

_LEAST_AREA = 1e-12  # of the total, in space and in the texture: less is degenerate


@dataclass(frozen=True)
class UvMapping:
    """A surface with texture coordinates.

    Attributes:
        positions: [V, 3], vertices split at seams.
        uvs: [V, 2], 0..1.
        faces: [F, 3].
    """

    positions: NDArray[np.float32]
    uvs: NDArray[np.float32]
    faces: NDArray[np.int32]


@dataclass(frozen=True)
class UvScore:
    """Of one atlas.

    Attributes:
        l2, linf: texture stretch as in Sander et al. 2001, 1 for an isometric map; over all faces
            the root mean square by area and the maximum.
        utilization: share of the texture's area that faces cover.
        charts: connected components of the map.
        seams: length of the charts' outlines on the surface, by the square root of its area.
    """

    l2: float
    linf: float
    utilization: float
    charts: int
    seams: float


def score_mapping(mapping: UvMapping) -> UvScore:
    l2, linf = stretch(mapping)
    covered = float(np.abs(_uv_areas(mapping)).sum())
    return UvScore(l2, linf, covered, chart_count(mapping), seam_length(mapping))


def stretch(mapping: UvMapping) -> tuple[float, float]:
    """L2 and L-infinity texture stretch (Sander et al. 2001, "Texture mapping progressive meshes").

    Of the singular values of the map from texture to surface, scaled so that both have one area.
    """
    a, b, c = (mapping.positions[mapping.faces[:, i]].astype(np.float64) for i in range(3))
    p, q, r = (mapping.uvs[mapping.faces[:, i]].astype(np.float64) for i in range(3))
    areas = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2
    signed = _uv_areas(mapping)
    total, total_uv = areas.sum(), np.abs(signed).sum()
    kept = (areas > _LEAST_AREA * total) & (np.abs(signed) > _LEAST_AREA * total_uv)
    a, b, c, p, q, r = (each[kept] for each in (a, b, c, p, q, r))
    twice = 2 * signed[kept][:, None]
    ds = (a * (q - r)[:, 1:] + b * (r - p)[:, 1:] + c * (p - q)[:, 1:]) / twice
    dt = (a * (r - q)[:, :1] + b * (p - r)[:, :1] + c * (q - p)[:, :1]) / twice
    ss, st, tt = (np.einsum("ij,ij->i", x, y) for x, y in ((ds, ds), (ds, dt), (dt, dt)))
    largest = np.sqrt((ss + tt + np.sqrt((ss - tt) ** 2 + 4 * st * st)) / 2)
    scale = np.sqrt(total_uv / total)
    mean_square = np.average((ss + tt) / 2, weights=areas[kept])
    return float(np.sqrt(mean_square) * scale), float(largest.max() * scale)


def _uv_areas(mapping: UvMapping) -> NDArray[np.float64]:
    """[F] signed."""
    p, q, r = (mapping.uvs[mapping.faces[:, i]].astype(np.float64) for i in range(3))
    u, v = q - p, r - p
    return (u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]) / 2


def chart_count(mapping: UvMapping) -> int:
    """Connected components of the faces by shared vertices."""
    a, b, c = mapping.faces.T
    ends = (np.concatenate([a, b]), np.concatenate([b, c]))
    count = len(mapping.uvs)
    links = coo_matrix((np.ones(len(ends[0]), np.bool_), ends), shape=(count, count))
    labels = connected_components(links, directed=False)[1]
    return len(np.unique(labels[a]))


def seam_length(mapping: UvMapping) -> float:
    """Of edges with one face in the map, on the surface."""
    edges = mapping.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    unique, counts = np.unique(np.sort(edges, axis=1), axis=0, return_counts=True)
    start, end = unique[counts == 1].T
    lengths = np.linalg.norm(mapping.positions[start] - mapping.positions[end], axis=1)
    a, b, c = (mapping.positions[mapping.faces[:, i]].astype(np.float64) for i in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2
    return float(lengths.sum() / np.sqrt(area))
