"""The guided denoiser, and sampling the views' latents with it.

Batches are [unconditional, conditional] with classifier-free guidance, else [conditional]. A
conditioning picture is one more view before the generated ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...diffusion.schedulers import Solver
from ...nn.cuda_graphs import Denoiser, GraphInputs
from .denoisers import MultiViewControlNet, MultiViewDenoiser, Residuals, TextEmbeddings


@dataclass(frozen=True)
class DenoiserInputs(GraphInputs):
    """The conditioning, constant over the steps. V generated views; V' with the condition view.

    tokens, mask, pooled: text of batch B, see denoisers.TextEmbeddings.
    rays: [V', 6, h, w] Plücker rays.
    weights: [V, 1, 1, 1] guidance of each view; None without guidance. B is 2, or 1 without.
    picture: [1, C, h, w] clean latents of the condition view.
    control: [V', 3, H, W] the ControlNet's images, 0..1; strength: [], their weight;
        guess: evaluate the ControlNet for the conditional half of the batch only.
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
    def text(self) -> TextEmbeddings:
        return TextEmbeddings(self.tokens, self.mask, self.pooled)


class GuidedDenoiser(nn.Module):
    """Denoiser, ControlNet and guidance: one evaluation predicts [V, C, h, w] in float32."""

    def __init__(
        self, denoiser: MultiViewDenoiser, control_net: MultiViewControlNet | None = None
    ) -> None:
        super().__init__()
        self.denoiser = denoiser
        self.control_net = control_net

    def forward(self, latents: Tensor, time: Tensor, inputs: DenoiserInputs) -> Tensor:
        sample = self._concatenate(latents, inputs).to(inputs.tokens.dtype)
        residuals = self._residuals(sample, time, inputs)
        predicted = self.denoiser(sample, time, inputs.text, residuals).float()
        views = predicted.unflatten(0, (inputs.batch, -1))[:, -len(latents) :]
        if inputs.weights is None:
            return views[0]
        unconditional, conditional = views
        return unconditional + inputs.weights * (conditional - unconditional)

    def _concatenate(self, latents: Tensor, inputs: DenoiserInputs) -> Tensor:
        """[B V', C + 6 (+ 1), h, w]: latents, rays and, with a picture, the mask of noisy views.

        The unconditional half sees zeros in place of the picture.
        """
        rays = inputs.rays
        if inputs.picture is None:
            return torch.cat([latents, rays], 1).repeat(inputs.batch, 1, 1, 1)
        is_noisy = torch.ones_like(rays[:, :1])
        is_noisy[0] = 0
        pictures = [torch.zeros_like(inputs.picture)] * (inputs.batch - 1) + [inputs.picture]
        return torch.cat(
            [torch.cat([torch.cat([view, latents]), rays, is_noisy], 1) for view in pictures]
        )

    def _residuals(self, sample: Tensor, time: Tensor, inputs: DenoiserInputs) -> Residuals | None:
        if self.control_net is None or inputs.control is None or inputs.strength is None:
            return None
        if not inputs.guess:
            images = inputs.control.repeat(inputs.batch, 1, 1, 1)
            return self.control_net(sample, time, inputs.text, images, inputs.strength, False)
        views = len(inputs.control)
        text = TextEmbeddings(inputs.tokens[-1:])
        residuals = self.control_net(
            sample[-views:], time, text, inputs.control, inputs.strength, True
        )
        return residuals if inputs.batch == 1 else _zero_unconditional(residuals)


def sample(
    denoise: Denoiser[DenoiserInputs],
    inputs: DenoiserInputs,
    solver: Solver,
    noise: Tensor,
    on_step: Callable[[int], None],
    start: Tensor | None = None,
) -> Tensor:
    """Solve from noise to latents [V, C, h, w].

    Args:
        noise: [1 + draws, V, C, h, w], unit variance: the initial noise, then a draw for every
            step if the solver is stochastic.
        on_step: called with 1, 2, ...
        start: [V, C, h, w] clean latents to add the initial noise to; None = pure noise.
    """
    timesteps = solver.timesteps.to(noise.device)
    if start is None:
        latents = noise[0] * solver.initial_sigma
    else:
        latents = solver.add_noise(start, noise[0])
    for step in range(len(timesteps)):
        predicted = denoise(solver.scale_input(latents, step), timesteps[step], inputs)
        draw = noise[step + 1] if solver.is_stochastic else noise[0]
        latents = solver.step(predicted, step, latents, draw)
        on_step(step + 1)
    return latents


def noise_draws(solver: Solver) -> int:
    """The first dimension of `sample`'s noise."""
    return 1 + len(solver.timesteps) * solver.is_stochastic


def guidance_weights(guidance: float, views: int, minimum: float | None = None) -> Tensor | None:
    """[V, 1, 1, 1], or None for no guidance at all (1 or less).

    With `minimum`, "triangle" guidance: it rises linearly from there at the front to `guidance` at
    the back and falls again, so that the front keeps to the picture.
    """
    if guidance <= 1:
        return None
    if minimum is None:
        return torch.full((views, 1, 1, 1), guidance)
    rising = torch.linspace(minimum, guidance, views // 2 + 1)
    falling = torch.linspace(guidance, minimum, views - views // 2 + 1)[1:-1]
    return torch.cat([rising, falling])[:, None, None, None]


def _zero_unconditional(conditional: Residuals) -> Residuals:
    """For a batch [unconditional, conditional]."""

    def prepend_zeros(residual: Tensor) -> Tensor:
        return torch.cat([torch.zeros_like(residual), residual])

    down = [prepend_zeros(residual) for residual in conditional.down]
    return Residuals(down, prepend_zeros(conditional.mid))
