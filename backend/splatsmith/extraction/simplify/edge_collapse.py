"""Edge collapses by quadric error, in parallel and deterministic.

Each round collapses edges that are the cheapest at one of their ends, and cheap among all. No two
of them touch a common face: they collapse independently, whatever the number of threads.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from ...gaussians.numba_jit import Floats, jit
from ..array_types import Doubles, Indices
from ..surface.adjacency import group_members
from .half_edges import (
    Stars,
    end_vertex,
    has_edge,
    is_adjacent,
    opposite_vertex,
    previous_edge,
    star_of,
    start_vertex,
)
from .quadrics import collapse_position, scaled_normal, vertex_quadrics

_ROUNDS = 400
_EDGES_PER_EXCESS_VERTEX = 2.0  # considered in a round, for each vertex that is still to go
_LEAST_SHARE, _MOST_SHARE = 0.15, 0.3  # but at least and at most so many, of all vertices
_COST_SAMPLES = 4096  # vertices by whose edges the bound on the cost is chosen

_BOUNDARY, _CHANGED = 0, 1  # columns of flags


class ShapeLimits(NamedTuple):
    """What a collapse may do to the faces around it.

    Attributes:
        min_cosine: between a face's normals before and after.
        min_aspect: height by longest edge; no new face is thinner, unless it was.
    """

    min_cosine: float
    min_aspect: float


STRICT, RELAXED = ShapeLimits(0.2, 0.03), ShapeLimits(-1.0, 0.0)


class _Mesh(NamedTuple):
    vertices: Doubles  # [V, 3]
    faces: Indices  # [F, 3]


class _VertexState(NamedTuple):
    quadrics: Doubles  # [V, 10]
    flags: NDArray[np.bool_]  # [V, 2]: on a boundary; moved in the last round


# numba 0.68 loses what a parallel loop writes to an array that it reaches through a tuple, unless
# that is bound to a name of its own before the loop.


@jit()
def collapse_edges(
    vertices: Doubles, faces: Indices, target: int, limits: ShapeLimits
) -> tuple[Doubles, Indices]:
    """At most `target` faces, or as few as the topology and `limits` allow.

    Args:
        vertices: [V, 3], moved in place.
        faces: [F, 3], a manifold, open or closed; boundaries stay boundaries.

    Returns:
        The vertices, unreferenced ones included, and the faces.
    """
    faces = faces.copy()
    costs = np.empty(faces.size, np.float32)
    stars = _stars_of(faces, len(vertices))
    flags = np.ones((len(vertices), 2), np.bool_)
    _find_boundaries(faces, stars, flags)
    state = _VertexState(vertex_quadrics(vertices, faces, stars), flags)
    retrying = False
    for _ in range(_ROUNDS):
        if len(faces) <= target:
            break
        mesh = _Mesh(vertices, faces)
        count, exhausted = _collapse_round(mesh, stars, state, limits, costs, target)
        if count == 0:
            if exhausted:  # edges rejected earlier may be valid now
                if retrying:
                    break
                retrying = True
                flags[:, _CHANGED] = True
            continue
        retrying = False
        faces, costs = _compact_faces(faces, costs)
        stars = _stars_of(faces, len(vertices))
    return vertices, faces


@jit()
def _collapse_round(
    mesh: _Mesh,
    stars: Stars,
    state: _VertexState,
    limits: ShapeLimits,
    costs: Floats,
    target: int,
) -> tuple[int, bool]:
    """Collapse a set of independent edges: how many, and whether none was left to choose from."""
    excess = len(mesh.faces) - target
    _update_costs(mesh, stars, state, costs)
    best = _cheapest_edges(mesh.faces, costs, stars)
    bound = _cost_bound(costs, best, excess // 2)
    chosen = _independent_edges(mesh.faces, stars, costs, best, bound)
    _reject_invalid(mesh, stars, state, limits, chosen, costs)
    _keep_cheapest(costs, chosen, (excess + 1) // 2)
    state.flags[:, _CHANGED] = False
    return _collapse(mesh, stars, state, chosen), bool((best < 0).all())


@jit()
def _stars_of(faces: Indices, count: int) -> Stars:
    starts, half_edges = group_members(faces.reshape(-1), count)
    return Stars(starts, half_edges)


@jit(parallel=True)
def _find_boundaries(faces: Indices, stars: Stars, flags: NDArray[np.bool_]) -> None:
    """Flag the ends of edges with one face."""
    for vertex in numba.prange(len(flags)):
        boundary = False
        star = star_of(stars, vertex)
        for edge in star:
            if not has_edge(faces, star, opposite_vertex(faces, edge)):
                boundary = True
            if not has_edge(faces, star_of(stars, end_vertex(faces, edge)), vertex):
                boundary = True
        flags[vertex, _BOUNDARY] = boundary


@jit(parallel=True)
def _update_costs(mesh: _Mesh, stars: Stars, state: _VertexState, costs: Floats) -> None:
    """Set the costs [3 F] of half-edges at changed vertices.

    Infinite for one of the two half-edges of an edge, and for chords between boundaries.
    """
    vertices, faces = mesh.vertices, mesh.faces
    quadrics, flags = state.quadrics, state.flags
    for face in numba.prange(len(faces)):
        for corner in range(3):
            a, b = faces[face, corner], faces[face, (corner + 1) % 3]
            if not (flags[a, _CHANGED] or flags[b, _CHANGED]):
                continue
            costs[3 * face + corner] = np.inf
            a_boundary, b_boundary = flags[a, _BOUNDARY], flags[b, _BOUNDARY]
            if a_boundary and b_boundary:
                if has_edge(faces, star_of(stars, b), a):
                    continue
            elif a > b:
                continue
            costs[3 * face + corner] = collapse_position(
                vertices[a], vertices[b], quadrics[a], quadrics[b], a_boundary, b_boundary
            )[3]


@jit(parallel=True)
def _cheapest_edges(faces: Indices, costs: Floats, stars: Stars) -> Indices:
    """[V] the cheapest half-edge that starts or ends at each vertex, or -1."""
    best = np.full(len(stars.starts) - 1, -1, np.int32)
    for vertex in numba.prange(len(best)):
        least, chosen = np.inf, -1
        for k in range(stars.starts[vertex], stars.starts[vertex + 1]):
            own = stars.half_edges[k]
            for edge in (np.int64(own), previous_edge(own)):
                cost = costs[edge]
                if cost < least or (cost == least and cost < np.inf and edge < chosen):
                    least, chosen = cost, edge
        best[vertex] = chosen
    return best


@jit()
def _cost_bound(costs: Floats, best: Indices, excess: int) -> float:
    """Highest cost of this round's edges, when `excess` vertices are to go."""
    step = 1 + len(best) // _COST_SAMPLES
    found = np.empty(len(best) // step + 1, np.float32)
    count = 0
    for vertex in range(0, len(best), step):
        if best[vertex] >= 0:
            found[count] = costs[best[vertex]]
            count += 1
    if count == 0:
        return np.inf
    share = _EDGES_PER_EXCESS_VERTEX * excess / (count * step)
    share = min(max(share, _LEAST_SHARE), _MOST_SHARE)
    return float(np.sort(found[:count])[int(share * (count - 1))])


@jit()
def _independent_edges(
    faces: Indices, stars: Stars, costs: Floats, best: Indices, bound: float
) -> Indices:
    """[V] the half-edge from each vertex that may collapse, or -1; no two touch a common face."""
    taken = np.zeros(len(best), np.bool_)
    chosen = np.full(len(best), -1, np.int32)
    for vertex in range(len(best)):
        edge = best[vertex]
        if edge < 0 or taken[vertex] or costs[edge] > bound:
            continue
        first, second = start_vertex(faces, edge), end_vertex(faces, edge)
        if taken[first] or taken[second]:
            continue
        chosen[first] = edge
        for end in (first, second):
            for around in star_of(stars, end):
                for corner in range(3):
                    taken[faces[around // 3, corner]] = True
    return chosen


@jit(parallel=True)
def _reject_invalid(
    mesh: _Mesh,
    stars: Stars,
    state: _VertexState,
    limits: ShapeLimits,
    chosen: Indices,
    costs: Floats,
) -> None:
    """Drop the chosen edges whose collapse would harm the mesh; their cost becomes infinite."""
    for vertex in numba.prange(len(chosen)):
        edge = chosen[vertex]
        if edge < 0:
            continue
        if not (
            _keeps_topology(mesh.faces, stars, state.flags, edge)
            and _keeps_shape(mesh, stars, state, limits, edge)
        ):
            costs[edge] = np.inf
            chosen[vertex] = -1


@jit()
def _keeps_topology(faces: Indices, stars: Stars, flags: NDArray[np.bool_], edge: int) -> bool:
    """Link condition: the ends share no neighbours but those opposite their edge."""
    a, b = start_vertex(faces, edge), end_vertex(faces, edge)
    a_star, b_star = star_of(stars, a), star_of(stars, b)
    shared, common = 0, 0
    for around in a_star:
        end, opposite = end_vertex(faces, around), opposite_vertex(faces, around)
        if b in (end, opposite):
            shared += 1
            third = end + opposite - b
            # A vertex of three faces, or of one at a boundary, would lose its last faces.
            least = 2 if flags[third, _BOUNDARY] else 4
            if stars.starts[third + 1] - stars.starts[third] < least:
                return False
        if end != b and is_adjacent(faces, b_star, end):
            common += 1
        if (
            flags[a, _BOUNDARY]
            and opposite != b
            and not has_edge(faces, a_star, opposite)
            and is_adjacent(faces, b_star, opposite)
        ):
            common += 1
    return common == shared and shared == (1 if flags[a, _BOUNDARY] and flags[b, _BOUNDARY] else 2)


@jit()
def _keeps_shape(
    mesh: _Mesh, stars: Stars, state: _VertexState, limits: ShapeLimits, edge: int
) -> bool:
    """Whether the remaining faces stay within the limits."""
    vertices, faces = mesh.vertices, mesh.faces
    a, b = start_vertex(faces, edge), end_vertex(faces, edge)
    position = np.empty(3, np.float64)
    position[0], position[1], position[2], _ = _merged(vertices, state, a, b)
    for kept, gone in ((a, b), (b, a)):
        for around in star_of(stars, kept):
            end, opposite = end_vertex(faces, around), opposite_vertex(faces, around)
            if gone in (end, opposite):
                continue
            p, q = vertices[end], vertices[opposite]
            ox, oy, oz = scaled_normal(vertices[kept], p, q)
            nx, ny, nz = scaled_normal(position, p, q)
            old = np.sqrt(ox * ox + oy * oy + oz * oz)
            new = np.sqrt(nx * nx + ny * ny + nz * nz)
            if ox * nx + oy * ny + oz * nz < limits.min_cosine * old * new:
                return False
            aspect = new / _squared_longest_edge(position, p, q)
            before = old / _squared_longest_edge(vertices[kept], p, q)
            if aspect < limits.min_aspect and aspect < before:
                return False
    return True


@jit()
def _merged(
    vertices: Doubles, state: _VertexState, a: int, b: int
) -> tuple[float, float, float, float]:
    """As `collapse_position`, of two vertices by number."""
    quadrics, flags = state.quadrics, state.flags
    return collapse_position(
        vertices[a],
        vertices[b],
        quadrics[a],
        quadrics[b],
        flags[a, _BOUNDARY],
        flags[b, _BOUNDARY],
    )


@jit()
def _squared_longest_edge(a: Doubles, b: Doubles, c: Doubles) -> float:
    """Of a triangle; not 0."""
    longest = 1e-300
    for p, q in ((a, b), (b, c), (c, a)):
        longest = max(longest, (p[0] - q[0]) ** 2 + (p[1] - q[1]) ** 2 + (p[2] - q[2]) ** 2)
    return longest


@jit()
def _keep_cheapest(costs: Floats, chosen: Indices, most: int) -> None:
    """Drop all but the `most` cheapest of the chosen edges."""
    count = 0
    for edge in chosen:
        count += edge >= 0
    if count <= most:
        return
    vertices = np.empty(count, np.int64)
    prices = np.empty(count, np.float64)
    count = 0
    for vertex in range(len(chosen)):
        edge = chosen[vertex]
        if edge >= 0:
            vertices[count], prices[count] = vertex, costs[edge]
            count += 1
    for rank in np.argsort(prices, kind="mergesort")[most:]:
        chosen[vertices[rank]] = -1


@jit(parallel=True)
def _collapse(mesh: _Mesh, stars: Stars, state: _VertexState, chosen: Indices) -> int:
    """Collapse the chosen edges into their first vertex; faces to be removed get a corner -1."""
    vertices, faces = mesh.vertices, mesh.faces
    quadrics, flags = state.quadrics, state.flags
    count = 0
    for vertex in numba.prange(len(chosen)):
        edge = chosen[vertex]
        if edge < 0:
            continue
        other = end_vertex(faces, edge)
        x, y, z, _ = _merged(vertices, state, vertex, other)
        vertices[vertex, 0], vertices[vertex, 1], vertices[vertex, 2] = x, y, z
        for i in range(10):
            quadrics[vertex, i] += quadrics[other, i]
        if flags[other, _BOUNDARY]:
            flags[vertex, _BOUNDARY] = True
        flags[vertex, _CHANGED] = True
        for k in range(stars.starts[other], stars.starts[other + 1]):
            face, corner = stars.half_edges[k] // 3, stars.half_edges[k] % 3
            if vertex in (faces[face, 0], faces[face, 1], faces[face, 2]):
                faces[face, 0] = -1
            else:
                faces[face, corner] = vertex
        count += 1
    return count


@jit()
def _compact_faces(faces: Indices, costs: Floats) -> tuple[Indices, Floats]:
    """The remaining faces and their costs, moved to the front."""
    count = 0
    for face in range(len(faces)):
        if faces[face, 0] >= 0:
            for corner in range(3):
                faces[count, corner] = faces[face, corner]
                costs[3 * count + corner] = costs[3 * face + corner]
            count += 1
    return faces[:count], costs[: 3 * count]
