"""The whole training, once views are drawn and texts embedded.

    python -m training.recipe VIEWS TEXTS.npz OUT [--autoencoder-seconds 330] [--denoiser-seconds
    1000]

Writes OUT/sprout.safetensors (half precision, averaged weights), contact sheets and figures.txt,
at every quarter of the second stage and at the end. OUT/autoencoder.pt, if it exists, is taken up.
"""

from __future__ import annotations

import argparse
import logging
import time
from pathlib import Path

import torch
from torch import Tensor

from splatsmith.engines.sprout.checkpoint import save_networks
from splatsmith.engines.sprout.model import LatentDenoiser, Shape, SplatDecoder
from splatsmith.gaussians.splat_grid import Gaussians
from training.autoencoder import encode, train_autoencoder
from training.denoiser import Batches, train_denoiser
from training.encoder import ViewEncoder
from training.measures import (
    Figures,
    compare,
    front_samples,
    measure_estimates,
    measure_looking_up,
    unseen_views,
)
from training.sheets import estimate_sheet, prompt_sheet
from training.splat_rendering import render
from training.texts import TextBank, load_texts
from training.views import ViewBank, load_views

log = logging.getLogger(__name__)


def draw_on_white(cloud: Gaussians, azimuth: Tensor, elevation: Tensor) -> tuple[Tensor, Tensor]:
    drawn = render(cloud, azimuth, elevation)
    return drawn.on(torch.ones(3, 1, 1, device=azimuth.device)), drawn.alpha


def first_stage(bank: ViewBank, out: Path, seconds: float) -> tuple[ViewEncoder, SplatDecoder]:
    file = out / "autoencoder.pt"
    if not file.exists():
        encoder, decoder = train_autoencoder(bank, seconds)
        torch.save({"encoder": encoder.state_dict(), "decoder": decoder.state_dict()}, file)
    state = torch.load(file, weights_only=True)
    encoder, decoder = ViewEncoder(), SplatDecoder(Shape())
    encoder.load_state_dict(state["encoder"])
    decoder.load_state_dict(state["decoder"])
    device = bank.rgba.device
    return encoder.to(device).eval().requires_grad_(False), decoder.to(device)


@torch.inference_mode()
def measure_autoencoder(bank: ViewBank, encoder: ViewEncoder, decoder: SplatDecoder) -> Figures:
    """What the latents can hold: validation objects through encoder and decoder."""
    rows = []
    for objects in bank.members("val").split(16):
        sample = front_samples(objects)
        target, azimuth, elevation = unseen_views(bank, sample)
        cloud = decoder(encode(bank, sample, encoder, decoder))
        rows.append(torch.stack(compare(*draw_on_white(cloud, azimuth, elevation), target)))
    psnr, iou = torch.cat(rows, 1).mean((1, 2)).tolist()
    return Figures(psnr, iou)


class Report:
    """Saves weights, sheets and figures into `out` when shown the networks."""

    def __init__(self, bank: ViewBank, texts: TextBank, out: Path) -> None:
        self._bank, self._texts, self._out = bank, texts, out
        self._start = time.monotonic()

    def say(self, line: str) -> None:
        log.info(line)
        with (self._out / "figures.txt").open("a", encoding="utf-8") as file:
            file.write(f"{time.monotonic() - self._start:.0f} s: {line}\n")

    def __call__(self, denoiser: LatentDenoiser, decoder: SplatDecoder, fraction: float) -> None:
        networks = (denoiser, decoder)
        save_networks(denoiser, decoder, self._out / "sprout.safetensors")
        validation = self._bank.members("val")
        everything, ring = measure_estimates(self._bank, validation, networks, draw_on_white)
        known, _ = measure_estimates(
            self._bank, self._bank.members("train")[:160], networks, draw_on_white
        )
        self.say(f"{fraction:.0%} val {everything}; ring only {ring}; training objects {known}")
        sheet = f"{round(100 * fraction):03d}"
        estimate_sheet(
            self._bank,
            validation[::7][:20],
            networks,
            draw_on_white,
            self._out / f"estimates-{sheet}.png",
        )
        for guidance in (1.5, 2.5):
            file = self._out / f"prompts-{guidance}-{sheet}.png"
            prompt_sheet(self._texts, networks, draw_on_white, guidance, file)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("views", type=Path)
    parser.add_argument("texts", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--autoencoder-seconds", type=float, default=330)
    parser.add_argument("--denoiser-seconds", type=float, default=1000)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_float32_matmul_precision("high")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    arguments.out.mkdir(parents=True, exist_ok=True)
    bank = load_views(arguments.views, device)
    texts = load_texts(arguments.texts, bank.records, device)
    report = Report(bank, texts, arguments.out)
    encoder, decoder = first_stage(bank, arguments.out, arguments.autoencoder_seconds)
    report.say(f"autoencoder {measure_autoencoder(bank, encoder, decoder)}")
    report.say(f"looking up {measure_looking_up(bank, bank.members('val'))}")
    trained = train_denoiser(
        bank, texts, (encoder, decoder), arguments.denoiser_seconds, Batches(), report
    )
    report(*trained, 1.0)


if __name__ == "__main__":
    main()
