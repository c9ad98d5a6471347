"""LN3Diff's cases, recomputed by the engine's own code."""

from __future__ import annotations

from torch import Tensor

from splatsmith.engines.ln3diff.checkpoint import decoder_tensors
from splatsmith.engines.ln3diff.decoder import ConvConfig, Decoder, DecoderConfig
from splatsmith.engines.ln3diff.triplane import Triplane
from splatsmith.nn.checkpoint_loading import load_parameters

from .case import Case, Outputs, Registry

CHECKS = Registry()


@CHECKS("decode_latent")
def check_decoder(case: Case) -> Outputs:
    decoder = _decoder(case)
    tokens = decoder.upsample(case.inputs["latent"])
    of_planes = decoder.transformer(tokens)
    planes = decoder.to_planes(of_planes)
    density, color = Triplane(planes[0], decoder.point_mlp).evaluate(case.inputs["points"][0])
    return {
        "tokens_after_upsample": tokens,
        "tokens_after_vit": of_planes,
        "triplane_every8th_pixel": planes.flatten(1, 2)[..., ::8, ::8],
        "triplane_mean_abs": planes.abs().mean(),
        **_at_points(density, color),
    }


def _decoder(case: Case) -> Decoder:
    sizes, convolutions = case.config["dit2"], case.config["conv_sr"]
    channels = tuple(convolutions["ch"] * factor for factor in convolutions["ch_mult"])
    config = DecoderConfig(
        width=sizes["hidden_size"],
        layers=sizes["depth"],
        heads=sizes["num_heads"],
        conv=ConvConfig(channels, convolutions["num_res_blocks"]),
    )
    decoder = Decoder(config).eval()
    load_parameters(decoder, decoder_tensors(case.weights()))
    return decoder


def _at_points(density: Tensor, color: Tensor) -> dict[str, Tensor]:
    return {"point_sigma": density[None, :, None], "point_rgb": color[None]}
