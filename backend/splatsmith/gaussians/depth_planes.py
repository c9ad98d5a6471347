"""The planes in which rays meet Gaussians' skins, for rasterisers that blend only constants."""

from __future__ import annotations

import torch
from torch import Tensor

from .rendering import EDGE_MARGIN, NEAR_PLANE


def linearise(centres: Tensor, viewmats: Tensor, ks: Tensor, size: tuple[int, int]) -> Tensor:
    """[C, N, 2, 3]: the projection linearised at each centre (Zwicker et al. 2001, eq. 29).

    Far outside the picture it would explode; there it is taken at the picture's margin.

    Args:
        centres: [C, N, 3] along the cameras' axes.
        size: width and height, pixels.
    """
    z = centres[..., 2:]
    extent = torch.tensor(size, dtype=centres.dtype, device=centres.device)
    focal, middle = ks[:, None, [0, 1], [0, 1]], ks[:, None, :2, 2]
    margin = EDGE_MARGIN * 0.5 * extent / focal
    slopes = centres[..., :2] / z
    slopes = slopes.clamp(-middle / focal - margin, (extent - middle) / focal + margin)
    jacobian = torch.zeros(*centres.shape[:2], 2, 3, dtype=centres.dtype, device=centres.device)
    jacobian[..., [0, 1], [0, 1]] = focal / z
    jacobian[..., 2] = -focal * slopes / z
    return jacobian @ viewmats[:, None, :3, :3]


def depth_planes(
    gaussians: tuple[Tensor, Tensor, Tensor],
    viewmats: Tensor,
    ks: Tensor,
    size: tuple[int, int],
    eps2d: float,
) -> Tensor:
    """[C, N, 3]: a, b and c of the depth a + b x + c y at which rays meet a Gaussian's skin.

    x and y are pixels from the picture's principal point.

    Args:
        gaussians: means [N, 3], covariances [N, 3, 3], skins [N] as `rendering.skin` has them; or
            each camera's own, with C in front.
        size: width and height, pixels.
    """
    means, covariances, skins = gaussians
    centres = means @ viewmats[:, :3, :3].mT + viewmats[:, None, :3, 3]
    linear = linearise(centres, viewmats, ks, size)
    flat = linear @ covariances @ linear.mT + eps2d * torch.eye(2, device=means.device)
    ahead = viewmats[:, None, 2, :3, None]
    across = (linear @ covariances @ ahead)[..., 0]
    along = (ahead.mT @ covariances @ ahead)[..., 0, 0]
    slopes = _solve(flat, across)
    left = (along - (slopes * across).sum(-1)).clamp(min=0)
    points = centres[..., :2] / centres[..., 2:] * ks[:, None, [0, 1], [0, 1]]
    constant = centres[..., 2] - skins * left.sqrt() - (slopes * points).sum(-1)
    # Behind the camera nothing is drawn, but a NaN would spread through the blending.
    seen = centres[..., 2:] > NEAR_PLANE
    planes = torch.cat([constant[..., None], slopes], dim=-1)
    return torch.where(seen & planes.isfinite().all(-1, keepdim=True), planes, 0.0)


def _solve(matrices: Tensor, sides: Tensor) -> Tensor:
    """[..., 2]: x of matrices [..., 2, 2] x = sides [..., 2]. Thousands at once, faster than LU."""
    (a, b), (c, d) = (row.unbind(-1) for row in matrices.unbind(-2))
    x, y = sides.unbind(-1)
    return torch.stack([d * x - b * y, a * y - c * x], dim=-1) / (a * d - b * c)[..., None]
