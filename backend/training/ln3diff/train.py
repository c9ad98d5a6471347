"""Train a small triplane autodecoder: LN3Diff's decoder, and a latent for each of a few objects.

    python -m training.ln3diff.train OBJECTS OUT ID ... [--seconds 1200]

It is fitted to the field itself, at points, which takes minutes on a CPU where rendering losses
would take hours: raw densities that pass the published level at the surface, and the colors of the
nearest surface. Writes OUT/triplanes.safetensors: the decoder in float16 under its own names, its
sizes in the metadata, and `latents`, one for each ID.
"""

# pyright: reportUnknownMemberType=false
from __future__ import annotations

import argparse
import json
import logging
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from splatsmith.engines.ln3diff.decoder import LATENT_CHANNELS, ConvConfig, Decoder, DecoderConfig
from splatsmith.engines.ln3diff.triplane import SURFACE_LEVEL, sample_planes
from training.ln3diff.field_samples import FieldSamples, sample_object
from training.objects import read_index, read_mesh

log = logging.getLogger(__name__)

CONFIG = DecoderConfig(width=128, layers=4, heads=4, conv=ConvConfig((32, 32, 32, 32)))
POINTS = 300_000  # of an object, prepared once
BATCH = 32_768  # of them in a step
SLOPE = 4000.0  # of the density across the surface, per unit of length
OUTER, INNER = -60.0, 120.0  # added to the level far from it
_DENSITY_UNIT = 30.0  # of the density's loss
_COLORED = 0.04  # distance from the surface within which colors count
_LATENT_NOISE = 0.02  # standard deviation; neighbours of a latent are decoded alike
_PEAK_LR, _LATENT_LR = 2e-3, 1e-2
_WARMUP = 40  # steps
_REPORT = 50  # steps
SEED = 0


@dataclass(frozen=True)
class Targets:
    """O objects' points [O, N, 3], densities [O, N], colors [O, N, 3], and which colors count."""

    points: Tensor
    densities: Tensor
    colors: Tensor
    colored: Tensor

    @classmethod
    def of(cls, samples: Sequence[FieldSamples]) -> Targets:
        distances = torch.from_numpy(np.stack([each.distances for each in samples]))
        return cls(
            points=torch.from_numpy(np.stack([each.points for each in samples])),
            densities=SURFACE_LEVEL + (-SLOPE * distances).clamp(OUTER, INNER),
            colors=torch.from_numpy(np.stack([each.colors for each in samples])),
            colored=distances.abs() < _COLORED,
        )


class Autodecoder(nn.Module):
    """The decoder and the latents [O, 12, S, S] of its objects."""

    def __init__(self, config: DecoderConfig, objects: int) -> None:
        super().__init__()
        self.decoder = Decoder(config)
        size = config.latent_size
        self.latents = nn.Parameter(torch.randn(objects, LATENT_CHANNELS, size, size))
        nn.init.normal_(self.decoder.transformer.pos_embed)
        for layer in (self.decoder.point_mlp.fc1, self.decoder.point_mlp.fc2):
            nn.init.normal_(layer.weight)  # it is scaled when it is used
        with torch.no_grad():
            self.decoder.point_mlp.fc2.weight[0] *= _DENSITY_UNIT

    def loss(self, targets: Targets, which: int) -> tuple[Tensor, Tensor]:
        """Of densities and of colors, at random points of one object."""
        latent = self.latents[which]
        planes = self.decoder((latent + _LATENT_NOISE * torch.randn_like(latent))[None])
        chosen = torch.randint(targets.points.shape[1], (BATCH,))
        density, color = self.decoder.point_mlp(
            sample_planes(planes, targets.points[which, chosen][None])
        )
        wanted = targets.densities[which, chosen]
        density_loss = F.smooth_l1_loss(density[0] / _DENSITY_UNIT, wanted / _DENSITY_UNIT)
        errors = (color[0] - targets.colors[which, chosen]).abs()
        return density_loss, errors[targets.colored[which, chosen]].mean()


def train(targets: Targets, seconds: float) -> Autodecoder:
    torch.manual_seed(SEED)
    model = Autodecoder(CONFIG, len(targets.points))
    groups = [
        {"params": list(model.decoder.parameters()), "peak": _PEAK_LR},
        {"params": [model.latents], "peak": _LATENT_LR},
    ]
    optimizer = torch.optim.AdamW(groups, lr=_PEAK_LR, betas=(0.9, 0.98), weight_decay=0.0)
    order: list[int] = []
    start, step, totals = time.monotonic(), 0, np.zeros(2)
    while (spent := (time.monotonic() - start) / seconds) < 1:
        order = order or torch.randperm(len(targets.points)).tolist()
        rate = min(1, (step + 1) / _WARMUP) * (0.02 + 0.49 * (1 + math.cos(math.pi * spent)))
        for group in optimizer.param_groups:
            group["lr"] = rate * group["peak"]
        losses = model.loss(targets, order.pop())
        optimizer.zero_grad()
        sum(losses, torch.zeros(())).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step += 1
        totals += [loss.item() for loss in losses]
        if step % _REPORT == 0:
            log.info("step %d: densities %.4f, colors %.4f", step, *(totals / _REPORT))
            totals[:] = 0
    return model


def save(model: Autodecoder, ids: Sequence[str], path: Path) -> None:
    tensors = {f"decoder.{name}": each.half() for name, each in model.decoder.state_dict().items()}
    tensors["latents"] = model.latents.detach().half()
    metadata = {"config": json.dumps(asdict(CONFIG)), "objects": json.dumps(list(ids))}
    save_file({name: each.contiguous() for name, each in tensors.items()}, path, metadata)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("objects", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("ids", nargs="+", metavar="ID")
    parser.add_argument("--seconds", type=float, default=1200)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    records = {record.id: record for record in read_index(arguments.objects)}
    meshes = [read_mesh(arguments.objects, records[each]) for each in arguments.ids]
    samples = [sample_object(mesh, POINTS, seed) for seed, mesh in enumerate(meshes)]
    log.info("sampled %d objects", len(samples))
    arguments.out.mkdir(parents=True, exist_ok=True)
    model = train(Targets.of(samples), arguments.seconds)
    save(model, arguments.ids, arguments.out / "triplanes.safetensors")


if __name__ == "__main__":
    main()
