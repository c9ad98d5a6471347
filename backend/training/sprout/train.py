"""Both training stages, from rendered views and embedded texts.

    torchrun --nproc-per-node GPUS -m training.sprout.train VIEWS TEXTS.npz OUT
        [--autoencoder-seconds 180] [--denoiser-seconds 1000] [--resume WEIGHTS]

Writes OUT/sprout.safetensors (quantized averaged weights), image grids and metrics.txt during the
second stage and at its end. An existing OUT/autoencoder.pt replaces the first stage. --resume
continues from shipped weights; the first stage then trains an encoder for their decoder, unless
OUT/encoder.pt exists.
"""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import nn

from splatsmith.engines.sprout.checkpoint import read_networks, save_networks
from splatsmith.engines.sprout.model import LatentDenoiser, SplatDecoder, SproutConfig
from training.distributed import DistributedContext
from training.image_metrics import psnr_and_iou
from training.metric_networks import load_efficientnet
from training.splat_rendering import render_on_white
from training.sprout.autoencoder import encode, train_autoencoder, train_encoder
from training.sprout.denoiser import SproutNetworks, train_denoiser
from training.sprout.encoder import ViewEncoder
from training.sprout.text_dataset import TextDataset, load_texts
from training.sprout.validation import (
    ValidationMetrics,
    measure_estimates,
    measure_nearest_objects,
    unseen_views,
    validation_samples,
)
from training.sprout.validation_grids import GUIDANCE, save_estimate_grid, save_prompt_grid
from training.view_dataset import ViewDataset, load_views

log = logging.getLogger(__name__)


def train_first_stage(
    dataset: ViewDataset, out: Path, seconds: float, context: DistributedContext
) -> SproutNetworks:
    """A trained or saved autoencoder, and an untrained denoiser."""

    def train() -> dict[str, nn.Module]:
        encoder, decoder = train_autoencoder(dataset, seconds, context)
        return {"encoder": encoder, "decoder": decoder}

    encoder, decoder, denoiser = (
        ViewEncoder(),
        SplatDecoder(SproutConfig()),
        LatentDenoiser(SproutConfig()),
    )
    _load_or_train({"encoder": encoder, "decoder": decoder}, out / "autoencoder.pt", train, context)
    denoiser.feature_extractor = load_efficientnet()
    return SproutNetworks(denoiser, decoder, encoder)


def resume_networks(
    weights: Path, dataset: ViewDataset, out: Path, seconds: float, context: DistributedContext
) -> SproutNetworks:
    """The networks of shipped weights, and a trained or saved encoder for their decoder."""
    denoiser, decoder = read_networks(weights)
    denoiser.to(context.device)
    decoder.to(context.device)

    def train() -> dict[str, nn.Module]:
        return {"encoder": train_encoder(dataset, denoiser, decoder, seconds, context)}

    encoder = ViewEncoder()
    _load_or_train({"encoder": encoder}, out / "encoder.pt", train, context)
    return SproutNetworks(denoiser, decoder, encoder)


def _load_or_train(
    networks: dict[str, nn.Module],
    file: Path,
    train: Callable[[], dict[str, nn.Module]],
    context: DistributedContext,
) -> None:
    """Load `networks` from `file`; where it is missing, `train` them and save it first."""
    if not context.broadcast_value(file.exists()):
        trained = train()
        if context.is_main:
            torch.save({name: network.state_dict() for name, network in trained.items()}, file)
        context.broadcast_value(0)  # a barrier: the file is written
    state = torch.load(file, weights_only=True, map_location="cpu")
    for name, network in networks.items():
        network.load_state_dict(state[name])


@torch.inference_mode()
def measure_autoencoder(
    dataset: ViewDataset, encoder: ViewEncoder, decoder: SplatDecoder
) -> ValidationMetrics:
    """Reconstruction of validation objects by encoder and decoder: the bound of the latents."""
    metrics = []
    for objects in dataset.split_indices("val").split(16):
        sample = validation_samples(objects)
        target, azimuth, elevation = unseen_views(dataset, sample)
        cloud = decoder(encode(dataset, sample, encoder, decoder))
        image, alpha = render_on_white(cloud, azimuth, elevation)
        metrics.append(torch.stack(psnr_and_iou(image, alpha, target)))
    return ValidationMetrics.mean(metrics)


class TrainingReport:
    """Saves weights, image grids and metrics into `out` when called with the networks."""

    def __init__(self, dataset: ViewDataset, texts: TextDataset, out: Path) -> None:
        self._dataset, self._texts, self._out = dataset, texts, out
        out.mkdir(parents=True, exist_ok=True)
        self._started = time.monotonic()

    def write(self, line: str) -> None:
        log.info(line)
        with (self._out / "metrics.txt").open("a", encoding="utf-8") as file:
            file.write(f"{time.monotonic() - self._started:.0f} s: {line}\n")

    def __call__(self, denoiser: LatentDenoiser, decoder: SplatDecoder, fraction: float) -> None:
        networks = (denoiser, decoder)
        save_networks(denoiser, decoder, self._out / "sprout.safetensors")
        validation = self._dataset.split_indices("val")
        training = self._dataset.split_indices("train")[:160]
        for with_frames in (False, True):
            measure = partial(measure_estimates, self._dataset, with_frames=with_frames)
            val, train = (
                measure(rows, networks, render_on_white) for rows in (validation, training)
            )
            frames = "with frames" if with_frames else "without frames"
            self.write(f"{fraction:.0%}, {frames}: val {val}; train {train}")
        percent = f"{round(100 * fraction):03d}"
        save_estimate_grid(
            self._dataset,
            validation[::7][:20],
            networks,
            render_on_white,
            self._out / f"estimates-{percent}.png",
        )
        for guidance in (1.5, GUIDANCE):
            file = self._out / f"prompts-{guidance}-{percent}.png"
            save_prompt_grid(self._texts, networks, render_on_white, guidance, file)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("views", type=Path)
    parser.add_argument("texts", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--autoencoder-seconds", type=float, default=180)
    parser.add_argument("--denoiser-seconds", type=float, default=1000)
    parser.add_argument("--resume", type=Path, help="weights to continue from")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_float32_matmul_precision("high")
    context = DistributedContext.initialize()
    dataset = load_views(arguments.views, str(context.device))
    texts = load_texts(arguments.texts, dataset.records, str(context.device))
    report = TrainingReport(dataset, texts, arguments.out)
    stage = (dataset, arguments.out, arguments.autoencoder_seconds, context)
    networks = (
        resume_networks(arguments.resume, *stage) if arguments.resume else train_first_stage(*stage)
    )
    networks = networks.to(context.device)
    if context.is_main:
        autoencoder = measure_autoencoder(dataset, networks.encoder, networks.decoder)
        nearest = measure_nearest_objects(dataset, dataset.split_indices("val"))
        report.write(f"autoencoder {autoencoder}")
        report.write(f"nearest training object {nearest}")
    trained = train_denoiser(
        dataset,
        texts,
        networks,
        arguments.denoiser_seconds,
        context,
        report if context.is_main else lambda *_: None,
    )
    if context.is_main:
        report(*trained, 1.0)
    context.shutdown()


if __name__ == "__main__":
    main()
