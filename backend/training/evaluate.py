"""Print the figures of the shipped weights over validation objects; runs on a CPU.

    python -m training.evaluate OBJECTS [--limit 40] [--detail 0.5 --steps 20]

The estimate from one picture (or, with --detail, what is sampled from it), over the unseen views.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from splatsmith.contract.cloud import SH_C0, GaussianCloud
from splatsmith.diffusion.flow import add_noise, sample, sampling_times
from splatsmith.engines.sprout.card import WEIGHTS
from splatsmith.engines.sprout.checkpoint import FOLDER, read_networks
from splatsmith.engines.sprout.model import Condition, LatentDenoiser
from splatsmith.gaussians.cameras import orbit
from splatsmith.gaussians.rasterize import rasterize
from splatsmith.gaussians.splat_grid import Gaussians
from training.measures import measure_estimates
from training.objects import read_index
from training.render_views import DISTANCE, FOV, SIZE, render_all
from training.views import load_views


class Resampler:
    """Estimates that are noised to `detail` and sampled anew in `steps`, as the engine does."""

    def __init__(self, denoiser: LatentDenoiser, detail: float, steps: int) -> None:
        self._denoiser = denoiser
        self._detail = detail
        self._times = sampling_times(steps, detail)

    def estimate(self, condition: Condition) -> Tensor:
        """Latents [B, 256, 16]; the noise is always the same."""
        estimate = self._denoiser.estimate(condition)
        noise = torch.randn(estimate.shape, generator=torch.Generator().manual_seed(0))
        noisy = add_noise(estimate, noise, torch.full((len(estimate),), self._detail))
        return sample(
            lambda x, t: self._denoiser(x, t, condition), noisy, self._times, lambda _: None
        )


def draw_on_cpu(clouds: Gaussians, azimuth: Tensor, elevation: Tensor) -> tuple[Tensor, Tensor]:
    """RGB on white [B, C, 3, 128, 128] and alpha, by the rasteriser that users see."""
    colors, alphas = [], []
    for index in range(len(clouds.means)):
        cameras = orbit(azimuth[index].numpy(), elevation[index].numpy(), DISTANCE, FOV, SIZE)
        drawn = rasterize(_cloud(clouds, index), cameras)
        colors.append(torch.from_numpy(drawn.colors).permute(0, 3, 1, 2))
        alphas.append(torch.from_numpy(drawn.alphas))
    return torch.stack(colors), torch.stack(alphas)


def _cloud(clouds: Gaussians, index: int) -> GaussianCloud:
    parts = (
        clouds.means,
        clouds.quats,
        clouds.scales,
        clouds.opacities,
        (clouds.colors - 0.5) / SH_C0,
    )
    arrays = (part[index].float().contiguous().numpy() for part in parts)
    return GaussianCloud(*arrays, shN=np.zeros((clouds.means.shape[1], 0, 3), np.float32))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("objects", type=Path)
    parser.add_argument("--limit", type=int, help="of the validation objects")
    parser.add_argument("--detail", type=float, default=0.0)
    parser.add_argument("--steps", type=int, default=20)
    arguments = parser.parse_args()
    denoiser, decoder = read_networks(FOLDER / WEIGHTS.files[0].path)
    estimator = (
        Resampler(denoiser, arguments.detail, arguments.steps) if arguments.detail else denoiser
    )
    records = [record for record in read_index(arguments.objects) if record.split == "val"]
    with tempfile.TemporaryDirectory() as folder:
        render_all(arguments.objects, Path(folder), records[: arguments.limit], copies=1)
        bank = load_views(Path(folder), "cpu")
        everything, ring = measure_estimates(
            bank, bank.members("val"), (estimator, decoder), draw_on_cpu
        )
    print(f"{len(bank.records)} objects: all unseen views {everything}; ring only {ring}")


if __name__ == "__main__":
    main()
