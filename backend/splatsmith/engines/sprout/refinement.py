"""Fit an asset to the picture that it is generated from, by differentiable rendering.

First the latents are optimised: the result stays in the decoder's distribution, so that hidden
sides change consistently. Then the colours of the visible Gaussians are corrected one by one, as
the decoder blurs them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ...gaussians.cameras import orbit_cameras
from ...gaussians.differentiable_rasterizer import render
from ...gaussians.gaussian_batch import GaussianBatch
from ...nn.cuda_graphs import graph_with_gradients
from .model import CHANNELS, DISTANCE, FOV, PICTURE_SIZE, TOKENS, SplatDecoder

_LATENT_RATE, _FRAME_RATE = 0.02, 0.01  # Adam's learning rates
_BETAS = (0.8, 0.95)
_SHIFT_UNIT = 50.0  # pixels; makes shift and log zoom similar in scale for Adam
_COLOR_ITERATIONS = 6
_COLOR_PRIOR = 1.0  # pixels' worth of weight for a Gaussian's present colour
_OPAQUE = 0.5

Decoder = Callable[[Tensor], GaussianBatch]


@dataclass(frozen=True)
class TargetView:
    """The picture to fit.

    picture: [4, 128, 128], framed: RGB on white and alpha, -1..1.
    elevation: of its camera, degrees.
    frame: [3], see model.DenoiserInputs; None = unknown.
    """

    picture: Tensor
    elevation: float
    frame: Tensor | None = None


@dataclass(frozen=True)
class _Target:
    """The framed picture, and the camera that looks at the origin from its elevation.

    A fitted frame is [log zoom, shift x, shift y] of the picture relative to that camera's image,
    the shift in _SHIFT_UNIT.
    """

    rgb: Tensor  # [3, 128, 128], 0..1 on white
    alpha: Tensor  # [128, 128]
    viewmat: Tensor  # [4, 4]
    k: Tensor  # [3, 3]

    @classmethod
    def of(cls, view: TargetView) -> _Target:
        cameras = orbit_cameras([0.0], view.elevation, DISTANCE, FOV, PICTURE_SIZE)
        rgb, alpha = (view.picture / 2 + 0.5).split((3, 1))
        parts = (cameras.viewmats, cameras.Ks)
        camera = (torch.from_numpy(part[0]).to(view.picture) for part in parts)
        return cls(rgb, alpha[0], *camera)

    def framed_k(self, frame: Tensor) -> Tensor:
        """The intrinsics [3, 3] with the image zoomed and shifted by a fitted `frame` [3]."""
        zoom, shift = frame[0].exp(), frame[1:] * _SHIFT_UNIT
        scaled = torch.cat([self.k[:2, :2] * zoom, (self.k[:2, 2] + shift)[:, None]], 1)
        return torch.cat([scaled, self.k[2:]])

    def initial_frame(self, alpha: Tensor) -> Tensor | None:
        """The frame [3] that brings the bounding box of `alpha`, rendered unframed, onto that of
        the picture; None if either is empty.
        """
        rendered, wanted = _bounding_box(alpha), _bounding_box(self.alpha)
        if rendered is None or wanted is None:
            return None
        (centre, side), (target_centre, target_side) = rendered, wanted
        zoom = target_side / side
        shift = target_centre - PICTURE_SIZE / 2 - zoom * (centre - PICTURE_SIZE / 2)
        return torch.cat([zoom.log()[None], shift / _SHIFT_UNIT])


def graphed_decoder(decoder: SplatDecoder, device: str) -> Decoder:
    """`decoder` with its backward pass as CUDA graphs, for a batch of one; each result is
    overwritten by the next.
    """
    example = torch.zeros(1, TOKENS, CHANNELS, device=device)
    decode = graph_with_gradients(lambda x: tuple(vars(decoder(x)).values()), example)
    return lambda latents: GaussianBatch(*decode(latents))


def refine(
    decoder: Decoder,
    latents: Tensor,
    view: TargetView,
    steps: int,
    on_step: Callable[[int], None],
) -> GaussianBatch:
    """The Gaussians of `latents` [1, 256, 16], fitted to the picture; moved to where its frame, if
    known, says that they lie.

    Args:
        decoder: its parameters must not require gradients.
        steps: of the optimisation of latents and frame.
        on_step: called with 1, 2, ...
    """
    with torch.inference_mode(False), torch.enable_grad():
        target = _Target.of(replace(view, picture=view.picture.clone()))
        initial = latents.clone()
        alpha = render(decoder(initial), target.viewmat, target.k, PICTURE_SIZE)[1]
        frame = target.initial_frame(alpha)
        if frame is None:
            return decoder(initial)
        fitted, frame = _optimise(decoder, initial, frame, target, steps, on_step)
        with torch.no_grad():
            gaussians = decoder(fitted)
        gaussians = _fit_colors(gaussians, target, target.framed_k(frame))
        if view.frame is None:
            return gaussians
        return _move_to_frame(gaussians, target, frame, view.frame)


def place_by_frame(gaussians: GaussianBatch, view: TargetView) -> GaussianBatch:
    """`gaussians` moved to where the picture's frame says that they lie; unchanged if it is
    unknown.
    """
    if view.frame is None:
        return gaussians
    target = _Target.of(view)
    alpha = render(gaussians, target.viewmat, target.k, PICTURE_SIZE)[1]
    frame = target.initial_frame(alpha)
    return gaussians if frame is None else _move_to_frame(gaussians, target, frame, view.frame)


def _optimise(
    decoder: Decoder,
    latents: Tensor,
    frame: Tensor,
    target: _Target,
    steps: int,
    on_step: Callable[[int], None],
) -> tuple[Tensor, Tensor]:
    """Latents and frame after `steps` of Adam."""
    latents, frame = (part.detach().requires_grad_() for part in (latents, frame))
    groups = [{"params": [latents], "lr": _LATENT_RATE}, {"params": [frame], "lr": _FRAME_RATE}]
    optimizer = torch.optim.Adam(groups, betas=_BETAS)
    for step in range(1, steps + 1):
        colors, alpha = render(
            decoder(latents), target.viewmat, target.framed_k(frame), PICTURE_SIZE
        )
        residual = colors + (1 - alpha) - target.rgb
        silhouette = (alpha - target.alpha).square().mean()
        loss = 2 * residual.square().mean() + 0.3 * residual.abs().mean() + 0.5 * silhouette
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        on_step(step)
    return latents.detach(), frame.detach()


def _fit_colors(gaussians: GaussianBatch, target: _Target, k: Tensor) -> GaussianBatch:
    """`gaussians` with the visible ones' colours fitted to the picture.

    SIRT (Gilbert 1972): each colour moves by the mean residual of its pixels, weighted by its
    contribution to them, repeatedly.
    """
    inside = target.alpha > _OPAQUE
    colors = gaussians.colors
    contributions = None
    for _ in range(_COLOR_ITERATIONS):
        variable = colors.detach().requires_grad_()
        rendered, alpha = render(
            replace(gaussians, colors=variable), target.viewmat, k, PICTURE_SIZE
        )
        if contributions is None:
            (contributions,) = torch.autograd.grad(rendered.sum(), variable, retain_graph=True)
        residual = (target.rgb - rendered - (1 - alpha)).detach() * inside
        (weighted,) = torch.autograd.grad((rendered * residual).sum(), variable)
        colors = (variable.detach() + weighted / (contributions + _COLOR_PRIOR)).clamp(0, 1)
    return replace(gaussians, colors=colors)


def _move_to_frame(
    gaussians: GaussianBatch, target: _Target, fitted: Tensor, known: Tensor
) -> GaussianBatch:
    """`gaussians`, which match the picture under the `fitted` frame, translated in the image plane
    and scaled about the origin to match it under the `known` one (see DenoiserInputs.frame).
    """
    zoom = (-known[2]).exp()
    shift = -zoom * known[:2] * (PICTURE_SIZE / 2)
    scale = fitted[0].exp() / zoom
    translation = (fitted[1:] * _SHIFT_UNIT - shift) * DISTANCE / (zoom * target.k[0, 0])
    return replace(
        gaussians,
        means=gaussians.means * scale + translation @ target.viewmat[:2, :3],
        scales=gaussians.scales * scale,
    )


def _bounding_box(alpha: Tensor) -> tuple[Tensor, Tensor] | None:
    """Centre [2] (x, y) and longer side of the box around opaque pixels; None without any."""
    rows, columns = (torch.nonzero((alpha > _OPAQUE).any(axis))[:, 0] for axis in (1, 0))
    if not len(rows):
        return None
    first = torch.stack([columns[0], rows[0]]).float()
    last = torch.stack([columns[-1], rows[-1]]).float() + 1
    return (first + last) / 2, (last - first).max()
