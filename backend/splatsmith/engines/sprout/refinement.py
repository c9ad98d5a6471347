"""An asset brought nearer to the picture that it is made from, by what it shows.

First its latents are fitted: what comes of them stays what the decoder knows as an object, so that
its other sides follow. Then the colours of those Gaussians that the picture shows, by themselves:
they are what the decoder blurs.
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
from .model import CHANNELS, DISTANCE, FOV, PICTURE, TOKENS, SplatDecoder

_RATE, _FRAME_RATE = 0.02, 0.01  # Adam's, of latents and of the frame
_MOMENTS = (0.8, 0.95)
_PIXELS = 50.0  # by which the frame is shifted for what enlarges it e times
_RECOLORINGS = 6
_DOUBT = 1.0  # pixels that speak for a Gaussian's colour as it is
_OPAQUE = 0.5

Decoder = Callable[[Tensor], GaussianBatch]


@dataclass(frozen=True)
class View:
    """The picture that an asset is made from, and what is known of its camera."""

    picture: Tensor  # [4, 128, 128], framed: RGB on white and alpha, -1..1
    elevation: float  # degrees
    frame: Tensor | None = None  # [3], see model.FRAME; None = not known


@dataclass(frozen=True)
class _Shown:
    """The framed picture, and the camera that would take it were it not framed."""

    rgb: Tensor  # [3, 128, 128], 0..1 on white
    alpha: Tensor  # [128, 128]
    viewmat: Tensor  # [4, 4]
    k: Tensor  # [3, 3]

    @classmethod
    def of(cls, view: View) -> _Shown:
        cameras = orbit_cameras([0.0], view.elevation, DISTANCE, FOV, PICTURE)
        rgb, alpha = (view.picture / 2 + 0.5).split((3, 1))
        parts = (cameras.viewmats, cameras.Ks)
        camera = (torch.from_numpy(part[0]).to(view.picture) for part in parts)
        return cls(rgb, alpha[0], *camera)

    def framed(self, frame: Tensor) -> Tensor:
        """The camera's K [3, 3] with its picture enlarged and moved by `frame` [3]."""
        zoom, shift = frame[0].exp(), frame[1:] * _PIXELS
        scaled = torch.cat([self.k[:2, :2] * zoom, (self.k[:2, 2] + shift)[:, None]], 1)
        return torch.cat([scaled, self.k[2:]])

    def frame_of(self, alpha: Tensor) -> Tensor | None:
        """The frame [3] that lays an object of `alpha` as the picture's; None if it is empty."""
        ours, theirs = _box(alpha), _box(self.alpha)
        if ours is None or theirs is None:
            return None
        (middle, side), (wanted, wanted_side) = ours, theirs
        zoom = wanted_side / side
        shift = wanted - PICTURE / 2 - zoom * (middle - PICTURE / 2)
        return torch.cat([zoom.log()[None], shift / _PIXELS])


def recorded(decoder: SplatDecoder, device: str) -> Decoder:
    """`decoder` on a GPU, for one asset, faster; each answer is lost with the next one."""
    like = torch.zeros(1, TOKENS, CHANNELS, device=device)
    decode = graph_with_gradients(lambda x: tuple(vars(decoder(x)).values()), like)
    return lambda latents: GaussianBatch(*decode(latents))


def refine(
    decoder: Decoder,
    latents: Tensor,
    view: View,
    steps: int,
    after_step: Callable[[int], None],
) -> GaussianBatch:
    """The Gaussians of `latents` [1, 256, 16], fitted to what the picture shows of them; where the
    picture's frame is known, they lie as it says.

    Args:
        decoder: its parameters must not ask for gradients.
        view: the picture.
        steps: of the latents' fit.
        after_step: hears 1, 2, ...
    """
    with torch.inference_mode(False), torch.enable_grad():
        shown = _Shown.of(replace(view, picture=view.picture.clone()))
        start = latents.clone()
        frame = shown.frame_of(render(decoder(start), shown.viewmat, shown.k, PICTURE)[1])
        if frame is None:
            return decoder(start)
        fitted, frame = _fit(decoder, (start, frame), shown, steps, after_step)
        with torch.no_grad():
            gaussians = decoder(fitted)
        gaussians = _recolored(gaussians, shown, shown.framed(frame))
        return gaussians if view.frame is None else _moved(gaussians, shown, frame, view.frame)


def placed(gaussians: GaussianBatch, view: View) -> GaussianBatch:
    """`gaussians` where the picture's frame says that they lie; as they are where it is not
    known.
    """
    if view.frame is None:
        return gaussians
    shown = _Shown.of(view)
    frame = shown.frame_of(render(gaussians, shown.viewmat, shown.k, PICTURE)[1])
    return gaussians if frame is None else _moved(gaussians, shown, frame, view.frame)


def _fit(
    decoder: Decoder,
    start: tuple[Tensor, Tensor],
    shown: _Shown,
    steps: int,
    after_step: Callable[[int], None],
) -> tuple[Tensor, Tensor]:
    """Latents and frame after `steps` of Adam."""
    latents, frame = (part.detach().requires_grad_() for part in start)
    groups = [{"params": [latents], "lr": _RATE}, {"params": [frame], "lr": _FRAME_RATE}]
    optimizer = torch.optim.Adam(groups, betas=_MOMENTS)
    for step in range(1, steps + 1):
        colors, alpha = render(decoder(latents), shown.viewmat, shown.framed(frame), PICTURE)
        gap = colors + (1 - alpha) - shown.rgb
        outline = (alpha - shown.alpha).square().mean()
        loss = 2 * gap.square().mean() + 0.3 * gap.abs().mean() + 0.5 * outline
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        after_step(step)
    return latents.detach(), frame.detach()


def _recolored(gaussians: GaussianBatch, shown: _Shown, k: Tensor) -> GaussianBatch:
    """`gaussians` in the colours in which the picture shows them, those that are hidden unchanged.

    Each Gaussian takes the mean of what its pixels lack, weighted by its share in them, again and
    again (SIRT, Gilbert 1972).
    """
    inside = shown.alpha > _OPAQUE
    colors = gaussians.colors
    shares = None
    for _ in range(_RECOLORINGS):
        asked = colors.detach().requires_grad_()
        drawn, alpha = render(replace(gaussians, colors=asked), shown.viewmat, k, PICTURE)
        if shares is None:
            (shares,) = torch.autograd.grad(drawn.sum(), asked, retain_graph=True)
        lacking = (shown.rgb - drawn - (1 - alpha)).detach() * inside
        (wanted,) = torch.autograd.grad((drawn * lacking).sum(), asked)
        colors = (asked.detach() + wanted / (shares + _DOUBT)).clamp(0, 1)
    return replace(gaussians, colors=colors)


def _moved(gaussians: GaussianBatch, shown: _Shown, fitted: Tensor, known: Tensor) -> GaussianBatch:
    """`gaussians`, which lie in the picture by the frame `fitted` to them, moved across the line
    of sight and scaled about the origin, so that they lie in it by the `known` one.
    """
    zoom = (-known[2]).exp()
    shift = -zoom * known[:2] * (PICTURE / 2)
    scale = fitted[0].exp() / zoom
    across = (fitted[1:] * _PIXELS - shift) * DISTANCE / (zoom * shown.k[0, 0])
    return replace(
        gaussians,
        means=gaussians.means * scale + across @ shown.viewmat[:2, :3],
        scales=gaussians.scales * scale,
    )


def _box(alpha: Tensor) -> tuple[Tensor, Tensor] | None:
    """Middle [2] (x, y) and longer side of the box around opaque pixels; None without any."""
    rows, columns = (torch.nonzero((alpha > _OPAQUE).any(axis))[:, 0] for axis in (1, 0))
    if not len(rows):
        return None
    first = torch.stack([columns[0], rows[0]]).float()
    last = torch.stack([columns[-1], rows[-1]]).float() + 1
    return (first + last) / 2, (last - first).max()
