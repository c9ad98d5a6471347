"""The whole training, once views are drawn and texts embedded.

    torchrun --nproc-per-node GPUS -m training.sprout.train VIEWS TEXTS.npz OUT
        [--autoencoder-seconds 180] [--denoiser-seconds 1000] [--resume WEIGHTS]

Writes OUT/sprout.safetensors (half precision, averaged weights), contact sheets and figures.txt,
now and then in the second stage and at its end. OUT/autoencoder.pt, if it exists, is taken up.
--resume goes on from shipped weights; the first stage then makes an encoder for their decoder, or
takes up OUT/encoder.pt.
"""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from splatsmith.engines.sprout.checkpoint import read_networks, save_networks
from splatsmith.engines.sprout.model import LatentDenoiser, SplatDecoder, SproutConfig
from training.distributed import Team
from training.judge_networks import photo_classifier
from training.splat_rendering import draw_on_white
from training.sprout.autoencoder import encode, train_autoencoder, train_encoder
from training.sprout.denoiser import Students, train_denoiser
from training.sprout.encoder import ViewEncoder
from training.sprout.text_dataset import TextBank, load_texts
from training.sprout.validation import (
    Figures,
    compare,
    front_samples,
    measure_estimates,
    measure_looking_up,
    unseen_views,
)
from training.sprout.validation_grids import GUIDANCE, estimate_sheet, prompt_sheet
from training.view_dataset import ViewBank, load_views

log = logging.getLogger(__name__)


def first_stage(bank: ViewBank, out: Path, seconds: float, team: Team) -> Students:
    """The autoencoder, and a denoiser that knows nothing yet."""

    def train() -> dict[str, nn.Module]:
        encoder, decoder = train_autoencoder(bank, seconds, team)
        return {"encoder": encoder, "decoder": decoder}

    config = SproutConfig()
    encoder, decoder, denoiser = ViewEncoder(), SplatDecoder(config), LatentDenoiser(config)
    _trained({"encoder": encoder, "decoder": decoder}, out / "autoencoder.pt", train, team)
    denoiser.feature_extractor = photo_classifier()
    return Students(denoiser, decoder, encoder)


def taken_up(weights: Path, bank: ViewBank, out: Path, seconds: float, team: Team) -> Students:
    """The networks of shipped weights, and an encoder for them, which does not ship."""
    denoiser, decoder = read_networks(weights)
    denoiser.to(team.device)
    decoder.to(team.device)

    def train() -> dict[str, nn.Module]:
        return {"encoder": train_encoder(bank, denoiser, decoder, seconds, team)}

    encoder = ViewEncoder()
    _trained({"encoder": encoder}, out / "encoder.pt", train, team)
    return Students(denoiser, decoder, encoder)


def _trained(
    networks: dict[str, nn.Module],
    file: Path,
    train: Callable[[], dict[str, nn.Module]],
    team: Team,
) -> None:
    """Fill `networks` from `file`, which `train` makes where it is missing."""
    if not team.agree(file.exists()):
        trained = train()
        if team.leads:
            torch.save({name: network.state_dict() for name, network in trained.items()}, file)
        team.agree(0)  # the file is there
    state = torch.load(file, weights_only=True, map_location="cpu")
    for name, network in networks.items():
        network.load_state_dict(state[name])


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
        known = self._bank.members("train")[:160]
        for framed in (False, True):
            unseen, seen = (
                measure_estimates(self._bank, some, networks, draw_on_white, framed=framed)
                for some in (validation, known)
            )
            frames = "frames told" if framed else "frames not told"
            self.say(f"{fraction:.0%}, {frames}: val {unseen}; training objects {seen}")
        sheet = f"{round(100 * fraction):03d}"
        estimate_sheet(
            self._bank,
            validation[::7][:20],
            networks,
            draw_on_white,
            self._out / f"estimates-{sheet}.png",
        )
        for guidance in (1.5, GUIDANCE):
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
    first = (bank, arguments.out, arguments.autoencoder_seconds, team)
    students = taken_up(arguments.resume, *first) if arguments.resume else first_stage(*first)
    students = students.to(team.device)
    if team.leads:
        report.say(f"autoencoder {measure_autoencoder(bank, students.encoder, students.decoder)}")
        report.say(f"looking up {measure_looking_up(bank, bank.members('val'))}")
    trained = train_denoiser(
        bank,
        texts,
        students,
        arguments.denoiser_seconds,
        team,
        report if team.leads else lambda *_: None,
    )
    if team.leads:
        report(*trained, 1.0)
    team.part()


if __name__ == "__main__":
    main()
