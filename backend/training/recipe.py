"""The whole training, once views are drawn and texts embedded.

    torchrun --nproc-per-node GPUS -m training.recipe VIEWS TEXTS.npz OUT
        [--autoencoder-seconds 180] [--denoiser-seconds 1000] [--resume WEIGHTS]

Writes OUT/sprout.safetensors (half precision, averaged weights), contact sheets and figures.txt,
now and then in the second stage and at its end. OUT/autoencoder.pt, if it exists, is taken up.
--resume goes on from shipped weights, whose encoder must be in OUT/autoencoder.pt.
"""

from __future__ import annotations

import argparse
import logging
import time
from pathlib import Path

import torch

from splatsmith.engines.sprout.checkpoint import read_networks, save_networks
from splatsmith.engines.sprout.model import LatentDenoiser, Shape, SplatDecoder
from training.autoencoder import encode, train_autoencoder
from training.denoiser import Students, train_denoiser
from training.encoder import ViewEncoder
from training.features import photo_classifier
from training.measures import (
    Figures,
    compare,
    front_samples,
    measure_estimates,
    measure_looking_up,
    unseen_views,
)
from training.parallel import Team
from training.sheets import estimate_sheet, prompt_sheet
from training.splat_rendering import draw_on_white
from training.texts import TextBank, load_texts
from training.views import ViewBank, load_views

log = logging.getLogger(__name__)


def first_stage(
    bank: ViewBank, out: Path, seconds: float, team: Team
) -> tuple[ViewEncoder, SplatDecoder]:
    file = out / "autoencoder.pt"
    if not team.agree(file.exists()):
        encoder, decoder = train_autoencoder(bank, seconds, team)
        if team.leads:
            torch.save({"encoder": encoder.state_dict(), "decoder": decoder.state_dict()}, file)
        team.agree(0)  # the file is there
    state = torch.load(file, weights_only=True, map_location="cpu")
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
        out.mkdir(parents=True, exist_ok=True)
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
    parser.add_argument("--autoencoder-seconds", type=float, default=180)
    parser.add_argument("--denoiser-seconds", type=float, default=1000)
    parser.add_argument("--resume", type=Path, help="weights to go on from")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_float32_matmul_precision("high")
    team = Team.assemble()
    bank = load_views(arguments.views, str(team.device))
    texts = load_texts(arguments.texts, bank.records, str(team.device))
    report = Report(bank, texts, arguments.out)
    encoder, decoder = first_stage(bank, arguments.out, arguments.autoencoder_seconds, team)
    if team.leads:
        report.say(f"autoencoder {measure_autoencoder(bank, encoder, decoder)}")
        report.say(f"looking up {measure_looking_up(bank, bank.members('val'))}")
    denoiser = LatentDenoiser(Shape())
    denoiser.features = photo_classifier()
    if arguments.resume:
        denoiser, trained_decoder = read_networks(arguments.resume)
        decoder.load_state_dict(trained_decoder.state_dict())
    trained = train_denoiser(
        bank,
        texts,
        Students(denoiser.to(team.device), decoder, encoder),
        arguments.denoiser_seconds,
        team,
        report if team.leads else lambda *_: None,
    )
    if team.leads:
        report(*trained, 1.0)
    team.part()


if __name__ == "__main__":
    main()
