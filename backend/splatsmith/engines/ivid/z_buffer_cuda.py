"""`z_buffer` by torch's operations, for GPUs: all meshes at once.

Samples of padding and discontinuities count only where nothing else is; beside others, whose
weights are at least ten thousand times theirs, the CPU's version adds them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .depth_mesh import DISCONTINUOUS, ERODED, PADDING
from .sample_weights import COLOR_LIMIT, ERODED_FACTOR, GAZE_FALLOFF, MIN_WEIGHT
from .triangle_setup import BOUNDS_TOLERANCE, EDGE_TOLERANCE
from .z_buffer import Lens, MeshArrays, Sums

_TRIANGLE_BITS = 32


@dataclass(frozen=True)
class _Triangles:
    """T triangles: vertices [T, 3] among all meshes', the mesh [T], and in the camera: edge
    functions [T, 3, 3] (see `triangle_setup`), whether it is a front face, and bounds [T, 4] in
    pixels: x0, x1, y0, y1.
    """

    vertices: Tensor
    meshes: Tensor
    edges: Tensor
    is_front: Tensor
    bounds: Tensor

    def select(self, chosen: Tensor) -> _Triangles:
        each = (self.vertices, self.meshes, self.edges, self.is_front, self.bounds)
        return _Triangles(*(tensor[chosen] for tensor in each))


@dataclass(frozen=True)
class _Samples:
    """What M meshes show at each pixel: weights, inverse depths [M, P], colors [M, P, 3]; and
    whether anything is there, and whether it is reliable.
    """

    weights: Tensor
    inverses: Tensor
    colors: Tensor
    is_hit: Tensor
    is_reliable: Tensor


def draw_on_gpu(
    meshes: MeshArrays, world_to_camera: NDArray[np.float64], lens: Lens, device: str
) -> Sums:
    """The sums of `z_buffer.draw_meshes`."""
    flags = torch.from_numpy(meshes.flags).to(device).reshape(-1).int()
    triangles = _set_up(meshes, torch.from_numpy(world_to_camera).to(device), lens, flags)
    nearest, inverses = _nearest(triangles, lens, len(meshes.positions))
    return _blend(_shade(meshes, triangles, nearest, inverses, flags, lens), lens.size)


def _set_up(meshes: MeshArrays, view: Tensor, lens: Lens, flags: Tensor) -> _Triangles:
    """Those that may be seen."""
    positions = torch.from_numpy(meshes.positions).to(view).reshape(-1, 3)
    flip = torch.tensor([1.0, -1.0, -1.0]).to(view)
    local = (positions @ view[:3, :3].T + view[:3, 3]) * flip
    vertices = _vertices(torch.from_numpy(meshes.flips).to(view.device))
    p = local[vertices]
    edges = torch.stack([torch.linalg.cross(p[:, i - 2], p[:, i - 1]) for i in range(3)], dim=1)
    determinant = (edges[:, 0] * p[:, 0]).sum(dim=1)
    is_padding = (flags[vertices] & PADDING).any(dim=1)
    bounds = _bounds(p, lens)
    kept = (determinant != 0) & ~((determinant > 0) & is_padding)
    kept &= (bounds[:, 0] <= bounds[:, 1]) & (bounds[:, 2] <= bounds[:, 3])
    edges = edges / torch.where(determinant != 0, determinant, 1.0)[:, None, None]
    owners = vertices[:, 0] // meshes.positions.shape[1]
    return _Triangles(vertices, owners, edges, determinant < 0, bounds).select(kept)


def _vertices(flips: Tensor) -> Tensor:
    """[T, 3] of all meshes' quads; see `triangle_setup.quad_corners`."""
    count, rows, columns = flips.shape
    grid = torch.arange(count * (rows + 1) * (columns + 1), device=flips.device)
    grid = grid.reshape(count, rows + 1, columns + 1)
    a, b, c, d = grid[:, :-1, :-1], grid[:, :-1, 1:], grid[:, 1:, :-1], grid[:, 1:, 1:]
    first = torch.stack([b, a, torch.where(flips, c, d)], dim=-1)
    second = torch.stack([c, d, torch.where(flips, b, a)], dim=-1)
    return torch.stack([first, second], dim=-2).reshape(-1, 3)


def _bounds(p: Tensor, lens: Lens) -> Tensor:
    """[T, 4] first and last column and row of triangles [T, 3, 3], as far as beyond the near plane;
    the first greater than the last where nothing is.
    """
    q = p.roll(-1, dims=1)
    is_beyond, crosses = p[..., 2] >= lens.near, (p[..., 2] < lens.near) != (q[..., 2] < lens.near)
    share = (lens.near - p[..., 2]) / torch.where(crosses, q[..., 2] - p[..., 2], 1.0)
    crossing = p + share[..., None] * (q - p)
    points = torch.cat([p, crossing], dim=1)
    exists = torch.cat([is_beyond, crosses], dim=1)
    pixels = points[..., :2] / points[..., 2:].clamp(min=lens.near) * lens.focal + 0.5 * lens.size
    low = torch.where(exists[..., None], pixels, torch.inf).amin(dim=1)
    high = torch.where(exists[..., None], pixels, -torch.inf).amax(dim=1)
    first = (low - 0.5 - BOUNDS_TOLERANCE).ceil().clamp(0, lens.size)
    last = (high - 0.5 + BOUNDS_TOLERANCE).floor().clamp(-1, lens.size - 1)
    return torch.stack([first[:, 0], last[:, 0], first[:, 1], last[:, 1]], dim=1).long()


def _nearest(triangles: _Triangles, lens: Lens, meshes: int) -> tuple[Tensor, Tensor]:
    """The number of each mesh's nearest triangle at each pixel, or -1, and its inverse depth, [M
    P].
    """
    bounds, middle = triangles.bounds, 0.5 * lens.size - 0.5
    owner, row = _expand(bounds[:, 2], bounds[:, 3])
    y = (row - middle) / lens.focal
    edges = triangles.edges[owner]
    offsets = edges[..., 1] * y[:, None] + edges[..., 2]
    slopes = edges[..., 0]
    roots = (
        -(offsets + EDGE_TOLERANCE) / torch.where(slopes != 0, slopes, 1.0) * lens.focal + middle
    )
    low = torch.where(slopes > 0, roots, -torch.inf).amax(dim=1)
    high = torch.where(slopes < 0, roots, torch.inf).amin(dim=1)
    is_empty = ((slopes == 0) & (offsets < -EDGE_TOLERANCE)).any(dim=1)
    first = torch.maximum(low.ceil().clamp(max=lens.size), bounds[owner, 0])
    last = torch.minimum(high.floor().clamp(min=-1), bounds[owner, 1])
    span, column = _expand(first.long(), torch.where(is_empty, first - 1, last).long())
    values = (slopes.sum(dim=1)[span] * ((column - middle) / lens.focal)) + offsets.sum(dim=1)[span]
    owner, row = owner[span], row[span]
    visible = (values > 1 / lens.far) & (values <= 1 / lens.near)
    pixel = (triangles.meshes[owner] * lens.size + row) * lens.size + column
    # The nearest first, then that of the lower number, as on the CPU.
    bits = values.float().view(torch.int32).long()
    keys = (bits << _TRIANGLE_BITS) | (2**31 - 1 - owner)
    depths = torch.full((meshes * lens.size**2,), -1, dtype=torch.long, device=keys.device)
    depths.scatter_reduce_(0, pixel[visible], keys[visible], "amax")
    number = torch.where(depths >= 0, 2**31 - 1 - (depths & (2**_TRIANGLE_BITS - 1)), -1)
    return number, (depths >> _TRIANGLE_BITS).int().view(torch.float32)


def _expand(first: Tensor, last: Tensor) -> tuple[Tensor, Tensor]:
    """All whole numbers from first to last [T]: whose they are, and the numbers."""
    counts = (last - first + 1).clamp(min=0)
    owner = torch.repeat_interleave(counts)
    start = counts.cumsum(0) - counts
    numbers = torch.arange(len(owner), device=owner.device) - start[owner] + first[owner]
    return owner, numbers


def _shade(
    meshes: MeshArrays,
    triangles: _Triangles,
    nearest: Tensor,
    inverses: Tensor,
    flags: Tensor,
    lens: Lens,
) -> _Samples:
    """Weights and colours of the front faces among the nearest triangles."""
    pixels, count = lens.size**2, len(meshes.positions)
    is_hit = (nearest >= 0) & triangles.is_front[nearest.clamp(min=0)]
    index = is_hit.nonzero()[:, 0]
    number = nearest[index]
    vertices, owner = triangles.vertices[number], triangles.meshes[number]
    place = index % pixels
    middle = 0.5 * lens.size - 0.5
    ray = torch.stack([place % lens.size - middle, place // lens.size - middle], dim=1) / lens.focal
    edges = triangles.edges[number]
    shares = edges[..., 0] * ray[:, :1] + edges[..., 1] * ray[:, 1:] + edges[..., 2]
    shares = (shares / shares.sum(dim=1, keepdim=True)).float()
    of_vertices = flags[vertices]
    is_reliable = ~(of_vertices & PADDING).any(dim=1) & ~(of_vertices & DISCONTINUOUS).all(dim=1)
    weights = _gaze_weights(meshes, vertices, owner, shares)
    weights = torch.where((of_vertices & ERODED).all(dim=1), weights * ERODED_FACTOR, weights)
    colors = _texels(meshes, vertices, owner, shares)
    planes = (count, pixels)
    scattered = torch.zeros(count * pixels, device=index.device)
    reliable = torch.zeros(count * pixels, dtype=torch.bool, device=index.device)
    image = torch.zeros(count * pixels, 3, device=index.device)
    scattered[index], reliable[index], image[index] = weights, is_reliable, colors
    return _Samples(
        scattered.reshape(planes),
        inverses.reshape(planes),
        image.reshape(*planes, 3),
        is_hit.reshape(planes),
        reliable.reshape(planes),
    )


def _gaze_weights(meshes: MeshArrays, vertices: Tensor, owner: Tensor, shares: Tensor) -> Tensor:
    """By how directly the meshes' cameras see the points."""
    device = shares.device
    arrays = (meshes.positions, meshes.normals)
    positions, normals = (torch.from_numpy(each).to(device).reshape(-1, 3) for each in arrays)
    points = (shares[..., None] * positions[vertices]).sum(dim=1)
    normals = (shares[..., None] * normals[vertices]).sum(dim=1)
    gaze = torch.from_numpy(meshes.eyes).to(device)[owner] - points
    lengths = (gaze.square().sum(dim=1) * normals.square().sum(dim=1)).clamp(min=1e-30).sqrt()
    angles = ((gaze * normals).sum(dim=1) / lengths).clamp(0, 1).acos()
    return (-GAZE_FALLOFF * angles).exp().clamp(min=MIN_WEIGHT)


def _texels(meshes: MeshArrays, vertices: Tensor, owner: Tensor, shares: Tensor) -> Tensor:
    """[N, 3] colours of the nearest texels."""
    images = torch.from_numpy(meshes.images).to(shares.device)
    size, columns = images.shape[1], meshes.flips.shape[2] + 1
    within = vertices % meshes.positions.shape[1]
    grid = torch.stack([within // columns, within % columns], dim=-1)
    texels = (grid - 1).clamp(0, size - 1) + 0.5
    place = (shares[..., None] * texels).sum(dim=1).long().clamp(0, size - 1)
    return images[owner, place[:, 0], place[:, 1]]


def _blend(samples: _Samples, size: int) -> Sums:
    """Weighted sums of reliable samples; where there are none, the farthest of the others."""
    reliable = samples.is_reliable
    weights = torch.where(reliable, samples.weights, 0.0)
    count = reliable.sum(dim=0)
    others = samples.is_hit & ~reliable & (count == 0)
    depth, farthest = torch.where(others, samples.inverses, torch.inf).min(dim=0)
    is_other = others.any(dim=0)
    color = (weights[..., None] * samples.colors).sum(dim=0)
    pixel = torch.arange(size**2, device=count.device)
    color = torch.where(is_other[:, None], samples.colors[farthest, pixel], color)
    inverse = torch.where(reliable, samples.inverses, 0.0).sum(dim=0)
    weight = torch.where(is_other, 1.0, weights.sum(dim=0))
    inverse = torch.where(is_other, depth, inverse)
    inverse_weight = torch.where(is_other, 1.0, count.float())
    planes = torch.cat([color, torch.stack([weight, inverse, inverse_weight], dim=1)], dim=1)
    counts = torch.stack([count, (weights > COLOR_LIMIT).sum(dim=0)], dim=1).byte()
    return Sums(*(each.reshape(size, size, -1).cpu().numpy() for each in (planes, counts)))
