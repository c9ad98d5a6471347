"""LN3Diff's cases, recomputed by the engine's own code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from splatsmith.engines.ln3diff.checkpoint import decoder_tensors, denoiser_tensors
from splatsmith.engines.ln3diff.decoder import ConvConfig, Decoder, DecoderConfig
from splatsmith.engines.ln3diff.denoiser import (
    IMAGE_CHANNELS,
    Conditioning,
    DenoiserConfig,
    ImageDenoiser,
    ImageFeatures,
    TextDenoiser,
    with_zeros,
)
from splatsmith.engines.ln3diff.pictures import CLIP_COLORS, DINO_COLORS, resize_for_encoders
from splatsmith.engines.ln3diff.sampling import (
    Flow,
    FlowSolver,
    SigmaSchedule,
    sample_diffusion,
    sample_flow,
    training_sigmas,
)
from splatsmith.engines.ln3diff.triplane import Triplane
from splatsmith.nn.checkpoint_loading import load_parameters

from .case import Case, Outputs, Registry
from .ln3diff_field import CHECKS as FIELD_CHECKS

CHECKS = Registry(FIELD_CHECKS)


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


@CHECKS("i23d_dit")
def check_image_denoiser(case: Case) -> Outputs:
    given, denoiser = case.inputs, _image_denoiser(case)
    features = _image_features(given)
    guided = []
    for index in range(len(given["x"])):
        one = slice(index, index + 1)
        inputs = _guided_by(denoiser, _image_features(given, one), given["cfg_scale"])
        guided.append(denoiser.denoise(given["x"][one], given["t"][index], inputs))
    return {
        "v": denoiser(given["x"], given["t"], denoiser.condition(features)),
        "v_cfg": torch.cat(guided),
    }


@CHECKS("i23d_ode")
def check_flow(case: Case) -> Outputs:
    given, denoiser = case.inputs, _image_denoiser(case)
    inputs = _guided_by(denoiser, _image_features(given), given["cfg_scale"])

    def predict(x: Tensor, time: Tensor) -> Tensor:
        return denoiser.denoise(x, time, inputs)

    flow = Flow(FlowSolver.DOPRI5, 0, rtol=given["rtol"], atol=given["atol"])
    return {"sample": sample_flow(predict, given["x0"], flow, lambda _share: None)}


@CHECKS("i23d_preproc")
def check_picture(case: Case) -> Outputs:
    resized = resize_for_encoders(case.inputs["image"])
    encoders = {"clip_in_every4th": CLIP_COLORS, "dino_in_every4th": DINO_COLORS}
    normalized = {name: colors.normalize(resized) for name, colors in encoders.items()}
    return {
        name: each[..., ::4, ::4]
        for name, each in {"resized_every4th": resized, **normalized}.items()
    }


@CHECKS("t23d_dit")
def check_text_denoiser(case: Case) -> Outputs:
    given, denoiser = case.inputs, _text_denoiser(case)
    return {"eps": denoiser(given["x"], given["t"], denoiser.condition(given["crossattn"]))}


@CHECKS("t23d_schedule")
def check_schedule(case: Case) -> Outputs:
    schedule = SigmaSchedule.spaced(case.inputs["num_steps"])
    return {
        "sigmas": torch.tensor([*schedule.sigmas, 0.0]),
        "table_1000": torch.from_numpy(training_sigmas()),
        "network_index": torch.from_numpy(schedule.times),
    }


@CHECKS("t23d_euler_loop")
def check_diffusion(case: Case) -> Outputs:
    given, denoiser = case.inputs, _text_denoiser(case)
    condition = denoiser.condition(with_zeros(given["crossattn"]))
    inputs = replace(condition, guidance=torch.tensor(given["cfg_scale"]))

    def predict(x: Tensor, time: Tensor) -> Tensor:
        return denoiser.denoise(x, time, inputs)

    schedule = SigmaSchedule.spaced(given["num_steps"])
    return {"sample": sample_diffusion(predict, given["z"], schedule, lambda _step: None)}


def _image_features(given: Mapping[str, Tensor], part: slice = slice(None)) -> ImageFeatures:
    clip, dino = given["crossattn"][part].split(IMAGE_CHANNELS, -1)
    return ImageFeatures(given["vector"][part], clip, dino)


def _guided_by(denoiser: ImageDenoiser, features: ImageFeatures, guidance: float) -> Conditioning:
    condition = denoiser.condition(features.with_unconditional())
    return replace(condition, guidance=torch.tensor(guidance))


def _image_denoiser(case: Case) -> ImageDenoiser:
    denoiser = ImageDenoiser(_denoiser_config(case)).eval()
    load_parameters(denoiser, denoiser_tensors(case.weights()))
    return denoiser


def _text_denoiser(case: Case) -> TextDenoiser:
    denoiser = TextDenoiser(_denoiser_config(case)).eval()
    load_parameters(denoiser, denoiser_tensors(case.weights()))
    return denoiser


def _denoiser_config(case: Case) -> DenoiserConfig:
    return DenoiserConfig(
        width=case.config["hidden_size"],
        layers=case.config["depth"],
        heads=case.config["num_heads"],
        latent_size=case.config["input_size"],
    )


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
