"""The planes in which rays meet Gaussians' surfaces, for rasterisers that blend only constants."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from .rendering import EDGE_MARGIN, NEAR_PLANE


def projection_jacobian(
    centers: Tensor, viewmats: Tensor, ks: Tensor, size: tuple[int, int]
) -> Tensor:
    """[C, N, 2, 3]: the projection linearised at each centre (Zwicker et al. 2001, eq. 29).

    Far outside the image it diverges; there it is taken at the image's margin.

    Args:
        centers: [C, N, 3] in camera coordinates.
        viewmats: [C, 4, 4].
        ks: [C, 3, 3] in pixels.
        size: width and height, pixels.
    """
    z = centers[..., 2:]
    extent = torch.tensor(size, dtype=centers.dtype, device=centers.device)
    focal, middle = ks[:, None, [0, 1], [0, 1]], ks[:, None, :2, 2]
    margin = EDGE_MARGIN * 0.5 * extent / focal
    slopes = centers[..., :2] / z
    slopes = slopes.clamp(-middle / focal - margin, (extent - middle) / focal + margin)
    jacobian = torch.zeros(*centers.shape[:2], 2, 3, dtype=centers.dtype, device=centers.device)
    jacobian[..., [0, 1], [0, 1]] = focal / z
    jacobian[..., 2] = -focal * slopes / z
    return jacobian @ viewmats[:, None, :3, :3]


class SplatGeometry(NamedTuple):
    """N Gaussians for all cameras; or, with C in front, N for each of C cameras.

    Attributes:
        means: [N, 3].
        covariances: [N, 3, 3].
        surface_offsets: [N], as `rendering.surface_offset` has them.
    """

    means: Tensor
    covariances: Tensor
    surface_offsets: Tensor


def depth_planes(
    gaussians: SplatGeometry,
    viewmats: Tensor,
    ks: Tensor,
    size: tuple[int, int],
    eps2d: float,
) -> Tensor:
    """[C, N, 3]: a, b and c of the z-depth a + b x + c y at which rays meet a Gaussian's surface.

    x and y are pixels from the image's principal point.

    Args:
        viewmats: [C, 4, 4].
        ks: [C, 3, 3] in pixels.
        size: width and height, pixels.
        eps2d: added to the 2D variances, pixels^2.
    """
    means, covariances, offsets = gaussians
    centers = means @ viewmats[:, :3, :3].mT + viewmats[:, None, :3, 3]
    linear = projection_jacobian(centers, viewmats, ks, size)
    projected = linear @ covariances @ linear.mT + eps2d * torch.eye(2, device=means.device)
    axis = viewmats[:, None, 2, :3, None]
    across = (linear @ covariances @ axis)[..., 0]
    along = (axis.mT @ covariances @ axis)[..., 0, 0]
    slopes = _solve(projected, across)
    conditional = (along - (slopes * across).sum(-1)).clamp(min=0)
    points = centers[..., :2] / centers[..., 2:] * ks[:, None, [0, 1], [0, 1]]
    constant = centers[..., 2] - offsets * conditional.sqrt() - (slopes * points).sum(-1)
    # Nothing is drawn behind the camera, but a NaN would spread through the blending.
    visible = centers[..., 2:] > NEAR_PLANE
    planes = torch.cat([constant[..., None], slopes], dim=-1)
    return torch.where(visible & planes.isfinite().all(-1, keepdim=True), planes, 0.0)


def _solve(matrices: Tensor, sides: Tensor) -> Tensor:
    """[..., 2]: x of matrices [..., 2, 2] x = sides [..., 2]. Faster than LU for many matrices."""
    (a, b), (c, d) = (row.unbind(-1) for row in matrices.unbind(-2))
    x, y = sides.unbind(-1)
    return torch.stack([d * x - b * y, a * y - c * x], dim=-1) / (a * d - b * c)[..., None]
