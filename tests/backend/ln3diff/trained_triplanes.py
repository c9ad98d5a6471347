"""A small decoder trained on a dozen real objects, and fields of them.

`training.ln3diff.train` made trained/triplanes.safetensors of objects under CC0, in 21 minutes on
one core. And the field of the recorded cases: translucent everywhere.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import torch
from safetensors import safe_open

from splatsmith.engines.ln3diff.decoder import ConvConfig, Decoder, DecoderConfig
from splatsmith.engines.ln3diff.triplane import PointMlp, Triplane
from tests.parity.case import read_case

TRAINED = Path(__file__).parent / "trained" / "triplanes.safetensors"
_CASES = Path(__file__).parents[2] / "parity" / "cases" / "ln3diff"
CASES_LEVEL = 3.38  # the recorded contour's; the published level is nowhere reached


@cache
def trained_decoder() -> tuple[Decoder, torch.Tensor, tuple[str, ...]]:
    """The decoder, a latent [O, 12, 32, 32] of each object, and their names."""
    with safe_open(TRAINED, "pt") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
    sizes = json.loads(metadata["config"])
    conv = ConvConfig(tuple(sizes["conv"]["channels"]), sizes["conv"]["layers"])
    decoder = Decoder(DecoderConfig(**{**sizes, "conv": conv})).eval().requires_grad_(False)
    latents = tensors.pop("latents")
    decoder.load_state_dict({name.removeprefix("decoder."): each for name, each in tensors.items()})
    return decoder, latents, tuple(json.loads(metadata["objects"]))


def trained_triplane(name: str, device: str = "cpu") -> Triplane:
    """Of the object whose id contains `name`."""
    decoder, latents, objects = trained_decoder()
    (number,) = (i for i, each in enumerate(objects) if name in each)
    with torch.inference_mode():
        planes = decoder(latents[number : number + 1])[0]
    mlp = PointMlp()
    mlp.load_state_dict(decoder.point_mlp.state_dict())
    return Triplane(planes.to(device), mlp.to(device).requires_grad_(False))


def cases_triplane(device: str = "cpu") -> Triplane:
    """The triplane of the recorded grid of densities."""
    case = read_case(_CASES / "density_grid__grid12.pt.gz")
    mlp = PointMlp()
    prefix = "triplane_decoder.decoder.net."
    for number, layer in (("0", mlp.fc1), ("2", mlp.fc2)):
        layer.load_state_dict(
            {name: case.state_dict[f"{prefix}{number}.{name}"] for name in ("weight", "bias")}
        )
    planes = case.inputs["planes"][0].unflatten(0, (3, -1))
    return Triplane(planes.to(device), mlp.to(device).requires_grad_(False))
