"""From noise to the latents of four views, guided by text, a picture, a map.

Batches are [untold, told] where there is guidance, else [told]; within them, a picture given as
a condition is a view of its own before the generated ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...diffusion.schedulers import Solver
from ...nn.cuda_graphs import GraphInputs
from .denoisers import MultiViewControlNet, MultiViewDenoiser, Residuals, Text


@dataclass(frozen=True)
class Told(GraphInputs):
    """What the denoiser is told, the same at every step. V' counts the condition view too.

    tokens, mask, pooled: the text of batch B, see networks.Text.
    rays: [V', 6, h, w] Plücker maps.
    weights: [V, 1, 1, 1] guidance of each view; None without guidance, then B is 1, else 2.
    picture: [1, C, h, w] the condition view's clean latents.
    control: [V', 3, H, W] the ControlNet's pictures, 0..1, with its strength [] and whether it
        is to guess: not to be told the text's absence.
    """

    tokens: Tensor
    rays: Tensor
    mask: Tensor | None = None
    pooled: Tensor | None = None
    weights: Tensor | None = None
    picture: Tensor | None = None
    control: Tensor | None = None
    strength: Tensor | None = None
    guess: bool = False

    @property
    def batch(self) -> int:
        return len(self.tokens)

    @property
    def text(self) -> Text:
        return Text(self.tokens, self.mask, self.pooled)


class GuidedDenoiser(nn.Module):
    """One evaluation: the prediction for the generated views [V, C, h, w], in float32."""

    def __init__(
        self, network: MultiViewDenoiser, control_net: MultiViewControlNet | None = None
    ) -> None:
        super().__init__()
        self.network = network
        self.control_net = control_net

    def forward(self, latents: Tensor, time: Tensor, told: Told) -> Tensor:
        inputs = self._inputs(latents, told).to(told.tokens.dtype)
        residuals = self._residuals(inputs, time, told)
        predicted = self.network(inputs, time, told.text, residuals).float()
        views = predicted.unflatten(0, (told.batch, -1))[:, -len(latents) :]
        if told.weights is None:
            return views[0]
        untold, all_told = views
        return untold + told.weights * (all_told - untold)

    def _inputs(self, latents: Tensor, told: Told) -> Tensor:
        """[B V', C + 6 (+ 1), h, w]: latents, rays and, with a picture, which view is noisy."""
        rays = told.rays
        if told.picture is None:
            return torch.cat([latents, rays], 1).repeat(told.batch, 1, 1, 1)
        noisy = torch.ones_like(rays[:, :1])
        noisy[0] = 0
        known = [torch.zeros_like(told.picture)] * (told.batch - 1) + [told.picture]
        return torch.cat(
            [torch.cat([torch.cat([view, latents]), rays, noisy], 1) for view in known]
        )

    def _residuals(self, inputs: Tensor, time: Tensor, told: Told) -> Residuals | None:
        if self.control_net is None or told.control is None or told.strength is None:
            return None
        if not told.guess:
            pictures = told.control.repeat(told.batch, 1, 1, 1)
            return self.control_net(inputs, time, told.text, pictures, told.strength, False)
        views = len(told.control)
        text = Text(told.tokens[-1:])
        guessed = self.control_net(inputs[-views:], time, text, told.control, told.strength, True)
        return guessed if told.batch == 1 else _silent_when_untold(guessed)


def sample(
    denoise: Callable[[Tensor, Tensor, Told], Tensor],
    told: Told,
    solver: Solver,
    noise: Tensor,
    after_step: Callable[[int], None],
) -> Tensor:
    """Solve from noise to latents [V, C, h, w].

    Args:
        noise: [1 + draws, V, C, h, w], unit variance: the start, and a draw for every step if the
            solver is random.
        after_step: hears 1, 2, ...
    """
    times = solver.timesteps.to(noise.device)
    latents = noise[0] * solver.initial_sigma
    for step in range(len(times)):
        predicted = denoise(solver.scale_input(latents, step), times[step], told)
        draw = noise[step + 1] if solver.is_stochastic else noise[0]
        latents = solver.step(predicted, step, latents, draw)
        after_step(step + 1)
    return latents


def draws_needed(solver: Solver) -> int:
    """How many draws of noise `sample` takes."""
    return 1 + len(solver.timesteps) * solver.is_stochastic


def guidance_weights(guidance: float, views: int, least: float | None = None) -> Tensor | None:
    """[V, 1, 1, 1], or None for no guidance at all (1 or less).

    With `least`, the "triangle": it rises from there to `guidance` halfway around the object and
    falls again, so that the view of the picture keeps to the picture and the back is made up.
    """
    if guidance <= 1:
        return None
    if least is None:
        return torch.full((views, 1, 1, 1), guidance)
    rising = torch.linspace(least, guidance, views // 2 + 1)
    falling = torch.linspace(guidance, least, views - views // 2 + 1)[1:-1]
    return torch.cat([rising, falling])[:, None, None, None]


def _silent_when_untold(told: Residuals) -> Residuals:
    def double(residual: Tensor) -> Tensor:
        return torch.cat([torch.zeros_like(residual), residual])

    return Residuals([double(residual) for residual in told.down], double(told.middle))
