"""Edge collapses by quadric error, on all cores.

In every round edges collapse that are the cheapest at one of their ends, and cheap among all. No
two of them have a face in common, so that they can do it side by side, and the result does not
depend on the number of cores.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from ...gaussians.numba_jit import Floats, jit
from ..surface.adjacency import Doubles, Indices, group_members
from .half_edges import end_vertex, has_edge, inward, is_adjacent, opposite_vertex, start_vertex
from .quadrics import across, meeting, vertex_quadrics

_ROUNDS = 400
_EAGERNESS = 2.0  # edges that may collapse in a round, for each vertex that is still too many
_LEAST, _MOST = 0.15, 0.3  # of the vertices: but no fewer and no more of them
_SAMPLES = 4096  # vertices by whose edges the bound on the cost is chosen
_TURNED = 0.2  # cosine: no face turns further
_SLIM = 0.03  # height by longest edge: no new face is slimmer, unless it was

# Two columns rather than two arrays: numba 0.68 loses what parallel loops write to arrays of one
# dimension that came in a tuple.
_RIM, _CHANGED = 0, 1
Flags = NDArray[np.bool_]  # [V, 2]: whether it is on a rim, and whether it has just moved


@jit()
def collapse_edges(vertices: Doubles, faces: Indices, target: int) -> tuple[Doubles, Indices]:
    """At most `target` faces, or as few as there can be without changing the topology.

    Args:
        vertices: [V, 3], moved in place.
        faces: [F, 3], a manifold, open or closed; rims stay rims.

    Returns:
        The vertices, also those that no face uses any longer, and the faces.
    """
    faces = faces.copy()
    costs = np.empty(faces.size, np.float32)
    starts, around = group_members(faces.reshape(-1), len(vertices))
    flags = np.ones((len(vertices), 2), np.bool_)
    _find_rims(faces, starts, around, flags)
    quadrics = vertex_quadrics(vertices, faces, starts, around)
    anew = False
    for _ in range(_ROUNDS):
        if len(faces) <= target:
            break
        _weigh(vertices, faces, (starts, around), (quadrics, flags), costs)
        best = _cheapest(faces, costs, starts, around)
        bound = _bound(costs, best, (len(faces) - target) // 2)
        chosen = _apart(faces, (starts, around), costs, best, bound)
        _reject((vertices, faces), (starts, around), (quadrics, flags), chosen, costs)
        _spare(costs, chosen, (len(faces) - target + 1) // 2)
        flags[:, _CHANGED] = False
        count = _collapse((vertices, faces), (starts, around), chosen, (quadrics, flags))
        if count == 0:
            if (best < 0).all():  # what could not collapse may do so now that others have
                if anew:
                    break
                anew = True
                flags[:, _CHANGED] = True
            continue
        anew = False
        faces, costs = _kept(faces, costs)
        starts, around = group_members(faces.reshape(-1), len(vertices))
    return vertices, faces


@jit(parallel=True)
def _find_rims(faces: Indices, starts: Indices, around: Indices, flags: Flags) -> None:
    """Set whether an edge of one face alone ends at each vertex."""
    for vertex in numba.prange(len(flags)):
        rim = False
        star = around[starts[vertex] : starts[vertex + 1]]
        for edge in star:
            if not has_edge(faces, star, opposite_vertex(faces, edge)):
                rim = True
            other = end_vertex(faces, edge)
            if not has_edge(faces, around[starts[other] : starts[other + 1]], vertex):
                rim = True
        flags[vertex, _RIM] = rim


@jit(parallel=True)
def _weigh(
    vertices: Doubles,
    faces: Indices,
    stars: tuple[Indices, Indices],
    known: tuple[Doubles, Flags],
    costs: Floats,
) -> None:
    """Set the costs [F, 3] of edges that end at a changed vertex, each once.

    Those of half-edges towards a lower vertex are infinite, unless they are alone.
    """
    starts, around = stars
    quadrics, flags = known
    for face in numba.prange(len(faces)):
        for corner in range(3):
            a, b = faces[face, corner], faces[face, (corner + 1) % 3]
            if not (flags[a, _CHANGED] or flags[b, _CHANGED]):
                continue
            costs[3 * face + corner] = np.inf
            rims = (flags[a, _RIM], flags[b, _RIM])
            if rims[0] and rims[1]:
                if has_edge(faces, around[starts[b] : starts[b + 1]], a):
                    continue  # a chord from rim to rim
            elif a > b:
                continue
            both = (quadrics[a], quadrics[b])
            costs[3 * face + corner] = meeting(vertices[a], vertices[b], both, rims)[3]


@jit(parallel=True)
def _cheapest(faces: Indices, costs: Floats, starts: Indices, around: Indices) -> Indices:
    """[V] the cheapest half-edge that starts or ends at each vertex, or -1."""
    best = np.full(len(starts) - 1, -1, np.int32)
    for vertex in numba.prange(len(best)):
        least, chosen = np.inf, -1
        for k in range(starts[vertex], starts[vertex + 1]):
            for edge in (np.int64(around[k]), inward(around[k])):
                cost = costs[edge]
                if cost < least or (cost == least and cost < np.inf and edge < chosen):
                    least, chosen = cost, edge
        best[vertex] = chosen
    return best


@jit()
def _bound(costs: Floats, best: Indices, too_many: int) -> float:
    """What an edge may cost in this round, where `too_many` vertices are to go."""
    step = 1 + len(best) // _SAMPLES
    found = np.empty(len(best) // step + 1, np.float32)
    count = 0
    for vertex in range(0, len(best), step):
        if best[vertex] >= 0:
            found[count] = costs[best[vertex]]
            count += 1
    if count == 0:
        return np.inf
    share = min(max(_EAGERNESS * too_many / (count * step), _LEAST), _MOST)
    return float(np.sort(found[:count])[int(share * (count - 1))])


@jit()
def _apart(
    faces: Indices,
    stars: tuple[Indices, Indices],
    costs: Floats,
    best: Indices,
    bound: float,
) -> Indices:
    """[V] the half-edge from each vertex that may collapse, or -1: no two of them at one face."""
    starts, around = stars
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
            for k in range(starts[end], starts[end + 1]):
                face = around[k] // 3
                for corner in range(3):
                    taken[faces[face, corner]] = True
    return chosen


@jit(parallel=True)
def _reject(
    mesh: tuple[Doubles, Indices],
    stars: tuple[Indices, Indices],
    known: tuple[Doubles, Flags],
    chosen: Indices,
    costs: Floats,
) -> None:
    """Take back what would harm the mesh, and let it cost too much from now on."""
    vertices, faces = mesh
    starts, around = stars
    for vertex in numba.prange(len(chosen)):
        edge = chosen[vertex]
        if edge < 0:
            continue
        other = end_vertex(faces, edge)
        one = around[starts[vertex] : starts[vertex + 1]]
        two = around[starts[other] : starts[other + 1]]
        if not (
            _keeps_topology(faces, stars, known[1], edge)
            and _keeps_shape(vertices, faces, (one, two), known, edge)
        ):
            costs[edge] = np.inf
            chosen[vertex] = -1


@jit()
def _keeps_topology(
    faces: Indices, stars: tuple[Indices, Indices], flags: Flags, edge: int
) -> bool:
    """The link condition: the ends have no neighbours in common but the tops of their edge."""
    starts, around = stars
    a, b = start_vertex(faces, edge), end_vertex(faces, edge)
    one, two = around[starts[a] : starts[a + 1]], around[starts[b] : starts[b + 1]]
    shared, common = 0, 0
    for beside in one:
        end, top = end_vertex(faces, beside), opposite_vertex(faces, beside)
        if b in (end, top):
            shared += 1
            third = end + top - b
            # A vertex of three faces, or of one at a rim, would have nothing left around it.
            if starts[third + 1] - starts[third] < (2 if flags[third, _RIM] else 4):
                return False
        if end != b and is_adjacent(faces, two, end):
            common += 1
        if (
            flags[a, _RIM]
            and top != b
            and not has_edge(faces, one, top)
            and is_adjacent(faces, two, top)
        ):
            common += 1
    return common == shared and shared == (1 if flags[a, _RIM] and flags[b, _RIM] else 2)


@jit()
def _keeps_shape(
    vertices: Doubles,
    faces: Indices,
    around: tuple[Indices, Indices],
    known: tuple[Doubles, Flags],
    edge: int,
) -> bool:
    """Whether no face that stays turns over or becomes a needle."""
    a, b = start_vertex(faces, edge), end_vertex(faces, edge)
    place = np.empty(3, np.float64)
    place[0], place[1], place[2], _ = meeting(
        vertices[a], vertices[b], (known[0][a], known[0][b]), (known[1][a, _RIM], known[1][b, _RIM])
    )
    for star, gone in ((around[0], b), (around[1], a)):
        for beside in star:
            end, top = end_vertex(faces, beside), opposite_vertex(faces, beside)
            if gone in (end, top):
                continue
            p, q = vertices[end], vertices[top]
            ox, oy, oz = across(vertices[start_vertex(faces, beside)], p, q)
            nx, ny, nz = across(place, p, q)
            old = np.sqrt(ox * ox + oy * oy + oz * oz)
            new = np.sqrt(nx * nx + ny * ny + nz * nz)
            if ox * nx + oy * ny + oz * nz < _TURNED * old * new:
                return False
            slim = new / _longest(place, p, q)
            if slim < _SLIM and slim < old / _longest(vertices[start_vertex(faces, beside)], p, q):
                return False
    return True


@jit()
def _longest(a: Doubles, b: Doubles, c: Doubles) -> float:
    """The square of a triangle's longest edge; not 0."""
    longest = 1e-300
    for p, q in ((a, b), (b, c), (c, a)):
        longest = max(longest, (p[0] - q[0]) ** 2 + (p[1] - q[1]) ** 2 + (p[2] - q[2]) ** 2)
    return longest


@jit()
def _spare(costs: Floats, chosen: Indices, most: int) -> None:
    """Keep but the `most` cheapest of the chosen edges."""
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
    for place in np.argsort(prices, kind="mergesort")[most:]:
        chosen[vertices[place]] = -1


@jit(parallel=True)
def _collapse(
    mesh: tuple[Doubles, Indices],
    stars: tuple[Indices, Indices],
    chosen: Indices,
    known: tuple[Doubles, Flags],
) -> int:
    """Let the chosen edges collapse into their first vertex; faces that go have a corner of -1."""
    vertices, faces = mesh
    starts, around = stars
    quadrics, flags = known
    count = 0
    for vertex in numba.prange(len(chosen)):
        edge = chosen[vertex]
        if edge < 0:
            continue
        other = end_vertex(faces, edge)
        x, y, z, _ = meeting(
            vertices[vertex],
            vertices[other],
            (quadrics[vertex], quadrics[other]),
            (flags[vertex, _RIM], flags[other, _RIM]),
        )
        vertices[vertex, 0], vertices[vertex, 1], vertices[vertex, 2] = x, y, z
        for i in range(10):
            quadrics[vertex, i] += quadrics[other, i]
        if flags[other, _RIM]:
            flags[vertex, _RIM] = True
        flags[vertex, _CHANGED] = True
        for k in range(starts[other], starts[other + 1]):
            face = around[k] // 3
            if vertex in (faces[face, 0], faces[face, 1], faces[face, 2]):
                faces[face, 0] = -1
            else:
                faces[face, around[k] % 3] = vertex
        count += 1
    return count


@jit()
def _kept(faces: Indices, costs: Floats) -> tuple[Indices, Floats]:
    """The faces that are left, and their costs, moved to the front."""
    count = 0
    for face in range(len(faces)):
        if faces[face, 0] >= 0:
            for corner in range(3):
                faces[count, corner] = faces[face, corner]
                costs[3 * count + corner] = costs[3 * face + corner]
            count += 1
    return faces[:count], costs[: 3 * count]
