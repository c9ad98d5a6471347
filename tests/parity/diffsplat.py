"""DiffSplat's cases, recomputed by the engine's own code."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from torch import Tensor

from splatsmith.diffusion.schedulers import make_solver
from splatsmith.engines.diffsplat import elevest
from splatsmith.engines.diffsplat.cameras import (
    FOV,
    camera_to_world,
    plucker_rays,
    resize_rays,
    unproject,
)
from splatsmith.engines.diffsplat.checkpoint import BUILDERS, rename_elevest_keys
from splatsmith.engines.diffsplat.denoisers import (
    MultiViewPixArt,
    MultiViewUNet,
    TextEmbeddings,
    build_control_net,
    build_unet,
)
from splatsmith.engines.diffsplat.gsvae import GSVAE, LatentScale, to_gaussians
from splatsmith.engines.diffsplat.image_conditions import encode_image
from splatsmith.engines.diffsplat.image_preparation import (
    center_object,
    composite_on_white,
    control_views,
    downscale,
)
from splatsmith.engines.diffsplat.sampling import (
    DenoiserInputs,
    GuidedDenoiser,
    guidance_weights,
    sample,
)
from splatsmith.gaussians.cameras import orbit_cameras
from splatsmith.gaussians.rasterize import WHITE
from splatsmith.nn.checkpoint_loading import load_parameters
from splatsmith.nn.diffusers_config import from_config

from .case import Case, Outputs, Registry
from .reference.diffsplat_ply import write_published_ply
from .reference.gsrecon import GSRecon, GSReconConfig
from .reference.tiny_decoder import TinyDecoder

CHECKS = Registry()

NEAR, FAR = 0.01, 100.0  # of the published rasteriser


@CHECKS("camera_c2w")
def check_cameras(case: Case) -> Outputs:
    given = case.inputs
    c2w = camera_to_world(given["elevation_deg"], given["azimuths_deg"], given["radius"])
    return {"c2w": c2w}


@CHECKS("camera_plucker")
def check_plucker(case: Case) -> Outputs:
    given = case.inputs
    maps = plucker_rays(given["c2w"], given["fxfycxcy"], given["height"], given["width"])
    return {"plucker": maps, "plucker_latent": resize_rays(maps, given["latent_size"])}


@CHECKS("camera_unproject")
def check_unproject(case: Case) -> Outputs:
    given = case.inputs
    return {"xyz": unproject(given["depth"], given["c2w"], given["fxfycxcy"])}


@CHECKS("unet_mv")
@CHECKS("pixart_mv")
@CHECKS("sd3_mv")
def check_denoiser(case: Case) -> Outputs:
    given = case.inputs
    network = BUILDERS[case.part.removesuffix("_mv")](case.config, given["num_views"])
    load_parameters(network.network, case.weights())
    text = TextEmbeddings(
        given["encoder_hidden_states"],
        given.get("encoder_attention_mask"),
        given.get("pooled_projections"),
    )
    evaluate = network.eval()
    if isinstance(network, MultiViewPixArt):  # the engine leaves the variance out
        evaluate = network.with_variance
    return {"out": evaluate(given["sample"], torch.tensor(given["timestep"]), text)}


@CHECKS("controlnet_mv")
def check_control_net(case: Case) -> Outputs:
    given = case.inputs
    views = given["num_views"]
    unet = build_unet(case.config["unet"], views).eval()
    control_net = build_control_net(unet, _embedding_channels(case)).eval()
    load_parameters(unet.network, case.weights("unet"))
    load_parameters(control_net.network, case.weights("controlnet"))
    text = TextEmbeddings(given["encoder_hidden_states"])
    time, strength = torch.tensor(given["timestep"]), torch.tensor(given["conditioning_scale"])
    plain, guess = (
        control_net(given["sample"], time, text, given["controlnet_cond"], strength, guess)
        for guess in (False, True)
    )
    outputs = {"unet_out": unet(given["sample"], time, text, plain)}
    for residuals, ending in ((plain, ""), (guess, "_guess")):
        named = {f"down{i}{ending}": each for i, each in enumerate(residuals.down)}
        outputs |= {**named, f"mid{ending}": residuals.mid}
    return outputs


@CHECKS("gsvae_decode")
def check_gsvae_decode(case: Case) -> Outputs:
    gsvae = _gsvae(case)
    load_parameters(gsvae, case.state_dict, unused=("tiny_decoder.",))
    latents = case.inputs["diffusion_latents"]
    decoded = gsvae.decode(latents)
    return {
        "gsvae_latents": gsvae.scale.unscale(latents),
        "decoded_raw": decoded,
        "decoded": decoded.clamp(-1, 1),
    }


@CHECKS("gsvae_encode")
def check_gsvae_encode(case: Case) -> Outputs:
    gsvae = _gsvae(case)
    load_parameters(gsvae, case.state_dict, absent=("vae.decoder.", "vae.post_quant_conv."))
    images = case.inputs["gaussian_images"]
    return {"latents": gsvae.vae.encode(images, return_dict=False)[0].mode()}


@CHECKS("gsvae_tiny_decode")
def check_tiny_decode(case: Case) -> Outputs:
    config = case.config["tiny_autoencoder"]
    decoder = TinyDecoder(
        config["latent_channels"],
        config["decoder_block_out_channels"],
        config["num_decoder_blocks"],
    )
    load_parameters(decoder, case.state_dict, unused=("vae.",))
    post_quant_conv = None
    if case.config["vae"]["use_post_quant_conv"]:
        vae = _gsvae(case).vae
        load_parameters(vae, case.weights("vae"), absent=("encoder.", "decoder.", "quant_conv."))
        post_quant_conv = vae.post_quant_conv
    decoded = decoder.eval()(case.inputs["diffusion_latents"], post_quant_conv)
    return {"decoded": decoded.clamp(-1, 1)}


@CHECKS("decode_to_gaussians")
def check_decode_to_gaussians(case: Case) -> Outputs:
    given = case.inputs
    gsvae = _gsvae(case)
    load_parameters(gsvae, case.state_dict, absent=("vae.encoder.", "vae.quant_conv."))
    images = gsvae.decode_views(given["diffusion_latents"], batched=False)
    gaussians = to_gaussians(images, given["c2w"], given["fxfycxcy"], given["opacity_threshold"])
    with tempfile.TemporaryDirectory() as folder:
        files = {}
        for index, threshold in enumerate(given["ply_opacity_thresholds"]):
            path = Path(folder, f"{index}.ply")
            write_published_ply(path, gaussians, threshold)
            files[f"ply_bytes_{index}"] = torch.from_numpy(np.fromfile(path, np.uint8))
    return {
        "decoded": images.clamp(-1, 1),
        "xyz": gaussians.means[0],
        "rgb": gaussians.colors[0],
        "opacity": gaussians.opacities[0, :, None],
        "scale": gaussians.scales[0],
        "rotation": gaussians.quats[0],
        **_raster_arguments(given["c2w"], given["fxfycxcy"], given["render_res"]),
        **files,
    }


@CHECKS("gsrecon")
def check_gsrecon(case: Case) -> Outputs:
    names = ("dim", "num_blocks", "num_heads", "patch_size")
    network = GSRecon(GSReconConfig(**{name: case.config[name] for name in names}))
    load_parameters(network, case.state_dict)
    given = case.inputs
    return dict(network.eval()(given["images"], given["c2w"], given["fxfycxcy"]))


@CHECKS("elevest")
def check_elevest(case: Case) -> Outputs:
    backbone = case.config["backbone"]
    bins = case.config["elevest_num_classes"]
    config = elevest.ElevEstConfig(
        width=backbone["embed_dim"],
        depth=backbone["depth"],
        heads=backbone["num_heads"],
        bins=bins,
        bin_degrees=(case.config["ele_max"] - case.config["ele_min"]) / bins,
        patch=backbone["patch_size"],
        trained_size=backbone["img_size"],
        registers=backbone["num_register_tokens"],
    )
    network = elevest.ElevEst(config).eval()
    load_parameters(network, rename_elevest_keys(case.state_dict))
    estimate = network(case.inputs["images"])
    return {
        "cls_token": estimate.features,
        "logits": estimate.logits,
        "pred_internal_deg": estimate.internal,
        "elevation_deg": estimate.elevation,
    }


@CHECKS("rembg_and_center")
def check_pictures(case: Case) -> Outputs:
    given = case.inputs
    small = downscale(given["image_bgr"].numpy()[..., ::-1].copy(), given["size"])
    rgba = np.dstack([small, given["alpha"].numpy()])
    square = center_object(rgba, given["size"], given["border_ratio"])
    return {
        "matting_input_bgr": torch.from_numpy(small[..., ::-1].copy()),
        "out_bgra": torch.from_numpy(square[..., [2, 1, 0, 3]].copy()),
        "condition_rgb": composite_on_white(square, given["condition_size"]),
    }


@CHECKS("loop_sd15")
@CHECKS("loop_sd15_controlnet")
@CHECKS("loop_pixart")
@CHECKS("loop_sd3")
def check_loop(case: Case) -> Outputs:
    given = case.inputs
    denoiser = _guided_denoiser(case)
    solver = make_solver(
        given["scheduler_type"],
        case.config["scheduler"],
        given["prediction_type"],
        given["num_inference_steps"],
    )
    outputs: dict[str, Tensor] = {"timesteps": solver.timesteps}
    if "sigmas" in case.outputs:
        outputs["sigmas"] = torch.as_tensor(solver.scheduler.sigmas)  # pyright: ignore[reportAttributeAccessIssue]
    conditioning, latent = _denoiser_inputs(case, denoiser.denoiser.latent_size)
    if latent is not None:
        outputs["image_latent"] = latent
    outputs["latents"] = sample(denoiser, conditioning, solver, given["noise"], lambda _: None)
    return outputs


def _guided_denoiser(case: Case) -> GuidedDenoiser:
    kind = {"loop_pixart": "pixart", "loop_sd3": "sd3"}.get(case.part, "unet")
    component = "unet" if kind == "unet" else "transformer"
    views = len(case.inputs["plucker"])
    network = BUILDERS[kind](case.config[component], views)
    load_parameters(network.network, case.weights(component))
    if "controlnet" not in case.config:
        return GuidedDenoiser(network).eval()
    assert isinstance(network, MultiViewUNet)
    control_net = build_control_net(network, _embedding_channels(case))
    load_parameters(control_net.network, case.weights("controlnet"))
    return GuidedDenoiser(network, control_net).eval()


def _denoiser_inputs(case: Case, size: int) -> tuple[DenoiserInputs, Tensor | None]:
    given = case.inputs
    views = given["num_views"]
    least = given["min_guidance_scale"] if given["triangle_cfg_scaling"] else None
    weights = guidance_weights(given["guidance_scale"], views, least)
    latent = _picture_latent(case)
    control = given.get("control_image")
    conditioning = DenoiserInputs(
        tokens=_with_negative(case, "prompt_embeds", weights),
        rays=resize_rays(given["plucker"], size),
        mask=_with_optional_negative(case, "prompt_attention_mask", weights),
        pooled=_with_optional_negative(case, "pooled_prompt_embeds", weights),
        weights=weights,
        picture=latent,
        control=None if control is None else control_views(control, views),
        strength=torch.tensor(given.get("controlnet_conditioning_scale", 1.0)),
        guess=given.get("guess_mode", False),
    )
    return conditioning, latent


def _with_negative(case: Case, name: str, weights: Tensor | None) -> Tensor:
    positive = case.inputs[name]
    if weights is None:
        return positive
    return torch.cat([case.inputs[f"negative_{name}"], positive])


def _with_optional_negative(case: Case, name: str, weights: Tensor | None) -> Tensor | None:
    return _with_negative(case, name, weights) if name in case.inputs else None


def _picture_latent(case: Case) -> Tensor | None:
    if "image" not in case.inputs:
        return None
    encoder = from_config(AutoencoderKL, case.config["vae"])
    load_parameters(encoder, case.weights("vae"), absent=("decoder.", "post_quant_conv."))
    return encode_image(encoder, case.inputs["image"])


def _gsvae(case: Case) -> GSVAE:
    return GSVAE(case.config["vae"], _scale(case)).eval()


def _scale(case: Case) -> LatentScale:
    config = case.config["vae"]
    return LatentScale(config["scaling_factor"], config["shift_factor"] or 0.0)


def _embedding_channels(case: Case) -> tuple[int, ...]:
    return tuple(case.config["controlnet"]["conditioning_embedding_out_channels"])


def _raster_arguments(c2w: Tensor, fxfycxcy: Tensor, size: int) -> Outputs:
    """The engine's cameras as the published rasteriser takes them: transposed matrices."""
    positions = c2w[:, :3, 3]
    elevation = math.degrees(math.asin(positions[0, 1] / positions[0].norm()))
    azimuths = [math.degrees(math.atan2(x, z)) for x, _, z in positions.tolist()]
    cameras = orbit_cameras(azimuths, elevation, float(positions[0].norm()), FOV, size)
    views = torch.from_numpy(cameras.viewmats)
    focal = torch.from_numpy(cameras.Ks)[0, 0, 0] / size
    projection = torch.zeros(4, 4)
    projection[0, 0] = projection[1, 1] = 2 * focal
    projection[2, 2:] = torch.tensor([FAR, -FAR * NEAR]) / (FAR - NEAR)
    projection[3, 2] = 1
    return {
        "raster_viewmatrix": views.mT,
        "raster_projmatrix": (projection @ views).mT,
        "raster_campos": torch.from_numpy(cameras.positions),
        "raster_tanfov": 0.5 / focal.expand(2),
        "raster_bg": torch.tensor(WHITE),
        "raster_kernel_size": torch.tensor(0.0),
    }
