"""Zero-1-to-G's cases, recomputed by the engine's own code."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from splatsmith.engines.zero1tog.decoders import ZERO123PLUS
from splatsmith.engines.zero1tog.denoiser import DenoiserInputs, GuidedDenoiser, guide
from splatsmith.engines.zero1tog.joint_unet import JointConfig, JointUNet, attribute_labels
from splatsmith.engines.zero1tog.sampling import Diffusion, EulerAncestral
from splatsmith.engines.zero1tog.splatter_images import (
    Attribute,
    ValueRanges,
    decode_mosaics,
)
from splatsmith.nn.checkpoint_loading import load_parameters

from .case import Case, Outputs, Registry, Value

CHECKS = Registry()


@CHECKS("cfg_rescale")
def check_guidance(case: Case) -> Outputs:
    given = case.inputs
    scale = torch.tensor(given["guidance_scale"])
    both = given["uncond"], given["cond"]
    return {
        "guided": guide(*both, scale, torch.tensor(0.0)),
        "guided_rescaled": guide(*both, scale, torch.tensor(given["guidance_rescale"])),
    }


@CHECKS("class_labels")
def check_labels(case: Case) -> Outputs:
    return {"class_labels": attribute_labels(case.inputs["num_attributes"])}


@CHECKS("euler_ancestral_step")
def check_step(case: Case) -> Outputs:
    given, step = case.inputs, case.inputs["step"]
    solver = EulerAncestral(_diffusion(case), given["num_inference_steps"])
    clean = solver.clean(given["x"], given["model_output"], step)
    return {
        "timesteps": torch.from_numpy(solver.timesteps),
        "sigmas": torch.from_numpy(solver.sigmas),
        "scaled_model_input": solver.scale_input(given["x"], step),
        "x_prev": solver.step(given["x"], clean, step, given["noise"]),
    }


@CHECKS("latent_scalings")
def check_scalings(case: Case) -> Outputs:
    return {
        "unscaled_latents": ZERO123PLUS.unscale_latents(case.inputs["latents"]),
        "unscaled_image": ZERO123PLUS.unscale_image(case.inputs["image"]),
    }


@CHECKS("splatter_decode")
def check_splatter_images(case: Case) -> Outputs:
    order = [Attribute(name) for name in case.config["attribute_order"]]
    mosaics = dict(zip(order, case.inputs["attribute_images"], strict=True))
    maps = decode_mosaics(mosaics, _ranges(case.config["min_max"]))
    cloud = maps.gaussians
    columns = (cloud.means, cloud.opacities[..., None], cloud.scales, cloud.quats, cloud.colors)
    return {
        "decoded_pos": maps.position,
        "decoded_opacity": maps.opacity,
        "decoded_scale": maps.scale,
        "decoded_rotation": maps.rotation,
        "decoded_rgbs": maps.color,
        "gaussians": torch.cat(columns, -1),
    }


@CHECKS("unet_joint")
def check_unet(case: Case) -> Outputs:
    given, attributes = case.inputs, case.config["num_attributes"]
    unet = JointUNet(case.config["unet"], JointConfig(attributes)).eval()
    load_parameters(unet.network, case.weights("unet"))
    denoiser = GuidedDenoiser(unet)
    assert torch.equal(given["class_labels"][:attributes], denoiser.get_buffer("labels"))
    reference = _diffusion(case).add_noise(
        given["cond_lat"], given["cond_noise"], given["timestep"]
    )
    inputs = DenoiserInputs(_one_an_object(given["prompt_embeds"], attributes), reference)
    time = torch.tensor(given["timestep"])
    return {"v_pred": denoiser.predict(given["latents"], time, inputs)}


def _one_an_object(repeated: Tensor, attributes: int) -> Tensor:
    """[B A, ...], the same for all attributes of an object, to [B, ...]."""
    each = repeated.unflatten(0, (-1, attributes))
    assert (each == each[:, :1]).all()
    return each[:, 0]


def _diffusion(case: Case) -> Diffusion:
    return Diffusion.of(case.config["noise_scheduler"])


def _ranges(published: Mapping[str, Value]) -> ValueRanges:
    opacity = published.get("opacity")
    return ValueRanges(
        position=tuple(published["pos"]),
        scale=tuple(published["scale"]),
        rotation=tuple(published["rotation"]),
        opacity=opacity and tuple(opacity),
    )
