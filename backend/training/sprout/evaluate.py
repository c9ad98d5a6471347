"""Print all figures of the shipped weights, or of others; on a GPU where there is one.

    python -m training.sprout.evaluate OBJECTS [--weights FILE] [--split val] [--limit 40]
        [--only texts]

From one picture, over the views that were not shown: the direct estimate (detail 0), what the
engine samples from it, both with and without refinement, and the nearest training object. From
texts: nouns, colours, synonyms.
`features.py` says what must be installed beside the backend.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from splatsmith.diffusion.rectified_flow import add_noise, sample, sampling_times
from splatsmith.engines.sprout.card import WEIGHTS
from splatsmith.engines.sprout.checkpoint import FOLDER, read_networks
from splatsmith.engines.sprout.model import DenoiserInputs, LatentDenoiser, SplatDecoder
from splatsmith.engines.sprout.refinement import TargetView, place_by_frame, refine
from splatsmith.gaussians.cameras import orbit_cameras
from splatsmith.gaussians.gaussian_batch import GaussianBatch
from splatsmith.gaussians.rasterize import rasterize
from training.image_metrics import (
    NearestTrainingView,
    SingleViewTask,
    measure_nearest_objects,
    measure_reconstructions,
)
from training.judge_networks import PerceptualDistance
from training.objects import ObjectRecord, read_index
from training.orbit_views import METRIC_ORBIT
from training.render_views import DISTANCE, FOV, SIZE
from training.sprout.text_metrics import (
    ObjectRecognizer,
    PromptRenderer,
    as_cloud,
    color_accuracy,
    most_common_nouns,
    noun_accuracy,
    synonym_accuracy,
)
from training.sprout.validation import RenderFunction
from training.sprout.validation_grids import STEPS

DEFAULT = (0.25, 10)  # the engine's detail, and its steps of refinement
DETAILS = ((0.0, 0), (0.0, 10), (0.25, 0), DEFAULT)
Networks = tuple[LatentDenoiser, SplatDecoder]


@dataclass(frozen=True)
class EngineReconstruction:
    """Pictures to clouds, as the engine makes them with these settings."""

    networks: Networks
    detail: float
    refinement: int

    def __call__(self, condition: DenoiserInputs) -> GaussianBatch:
        denoiser, decoder = self.networks
        assert condition.picture is not None
        condition = replace(condition, features=denoiser.image_features(condition.picture))
        latents = denoiser.estimate(condition)
        if self.detail:
            latents = self._sampled_anew(latents, condition)
        clouds = [
            self._refined(one[None], view)
            for one, view in zip(latents, _views(condition), strict=True)
        ]
        parts = zip(*(vars(cloud).values() for cloud in clouds), strict=True)
        return GaussianBatch(*(torch.cat(part) for part in parts))

    def _refined(self, latents: Tensor, view: TargetView) -> GaussianBatch:
        decoder = self.networks[1]
        if self.refinement:
            return refine(decoder, latents, view, self.refinement, lambda _: None)
        return place_by_frame(decoder(latents), view)

    def _sampled_anew(self, estimate: Tensor, condition: DenoiserInputs) -> Tensor:
        """The noise is always the same."""
        noise = torch.randn(estimate.shape, generator=torch.Generator().manual_seed(0))
        detail = torch.full((len(estimate),), self.detail, device=estimate.device)
        noisy = add_noise(estimate, noise.to(estimate.device), detail)
        times = sampling_times(STEPS, self.detail)
        return sample(lambda x, t: self.networks[0](x, t, condition), noisy, times, lambda _: None)


def _views(condition: DenoiserInputs) -> list[TargetView]:
    pictures, elevations, frames = condition.picture, condition.elevation, condition.frame
    assert pictures is not None
    assert elevations is not None
    every = [None] * len(pictures) if frames is None else list(frames)
    return [TargetView(*each) for each in zip(pictures, elevations.tolist(), every, strict=True)]


def render_on_cpu(
    clouds: GaussianBatch, azimuth: Tensor, elevation: Tensor
) -> tuple[Tensor, Tensor]:
    """RGB on white [B, C, 3, 128, 128] and alpha, by the rasteriser that users see."""
    colors, alphas = [], []
    for index in range(len(clouds.means)):
        cameras = orbit_cameras(
            azimuth[index].numpy(), elevation[index].numpy(), DISTANCE, FOV, SIZE
        )
        drawn = rasterize(as_cloud(clouds, index), cameras)
        colors.append(torch.from_numpy(drawn.colors).permute(0, 3, 1, 2))
        alphas.append(torch.from_numpy(drawn.alphas))
    return torch.stack(colors), torch.stack(alphas)


def renderer_for(device: str) -> RenderFunction:
    """The rasteriser that users see, or on a GPU the one that training sees."""
    if device == "cpu":
        return render_on_cpu
    from training.splat_rendering import render_on_white  # noqa: PLC0415 - needs gsplat's kernels

    return render_on_white


def report_pictures(
    objects: Path,
    records: list[ObjectRecord],
    task: SingleViewTask,
    networks: Networks,
    device: str,
) -> None:
    """Print the baseline's figures, and the model's for each detail."""
    distance = PerceptualDistance(device)
    known = NearestTrainingView.of(
        objects, [record for record in records if record.split == "train"]
    )
    print(f"nearest training object: {measure_nearest_objects(task, known, distance)}", flush=True)
    for framed, (detail, refinement) in itertools.product((False, True), DETAILS):
        make = EngineReconstruction(networks, detail, refinement)
        figures = measure_reconstructions(
            task, make, renderer_for(device), distance, device, framed=framed
        )
        kept = ", framing kept" if framed else ""
        print(f"detail {detail}, refinement {refinement}{kept}: {figures}", flush=True)


def report_texts(
    objects: Path, records: list[ObjectRecord], networks: Networks, device: str
) -> None:
    """Print how often nouns, colours and synonyms come out as asked."""
    known = [record for record in records if record.split == "train"]
    renderer = PromptRenderer(networks, renderer_for(device), device)
    recognizer = ObjectRecognizer(objects, known, device)
    nouns = most_common_nouns(known)
    questions: dict[str, Callable[[], dict[str, float]]] = {
        f"{len(nouns)} nouns": lambda: noun_accuracy(renderer, recognizer, nouns),
        "colours": lambda: color_accuracy(renderer),
        "synonyms": lambda: synonym_accuracy(renderer, recognizer),
    }
    for title, asked in questions.items():
        shares = asked()
        mean = sum(shares.values()) / len(shares)
        listed = ", ".join(f"{name} {share:.0%}" for name, share in shares.items())
        print(f"{title}: {mean:.1%} as asked ({listed})", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("objects", type=Path)
    parser.add_argument("--weights", type=Path, default=FOLDER / WEIGHTS.files[0].path)
    parser.add_argument("--split", choices=("train", "val", "test"), default="val")
    parser.add_argument("--limit", type=int, help="of the split's objects")
    parser.add_argument("--only", choices=("pictures", "texts"))
    arguments = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    denoiser, decoder = read_networks(arguments.weights)
    networks = (denoiser.to(device), decoder.to(device).requires_grad_(False))
    records = read_index(arguments.objects)
    shown = [record for record in records if record.split == arguments.split][: arguments.limit]
    if arguments.only != "texts":
        print(f"{len(shown)} objects, one picture of each, {METRIC_ORBIT}:")
        task = SingleViewTask.of(arguments.objects, shown)
        report_pictures(arguments.objects, records, task, networks, device)
    if arguments.only != "pictures":
        report_texts(arguments.objects, records, networks, device)


if __name__ == "__main__":
    main()
