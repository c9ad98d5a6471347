"""DiffusionGS's cases, recomputed by the engine's own code."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from splatsmith.contract.cloud import SH_C0
from splatsmith.diffusion.ddpm import DDPMSchedule
from splatsmith.engines.diffusiongs.card import Subject
from splatsmith.engines.diffusiongs.checkpoint import own_keys
from splatsmith.engines.diffusiongs.denoiser import Denoiser, DenoiserConfig
from splatsmith.engines.diffusiongs.gaussian_parameters import GaussianParameters
from splatsmith.engines.diffusiongs.pictures import published_picture, resize_bilinear
from splatsmith.engines.diffusiongs.pruning import visible, within_box
from splatsmith.engines.diffusiongs.rays import Rays
from splatsmith.engines.diffusiongs.sampling import Denoise, make_denoise, sample
from splatsmith.engines.diffusiongs.views import NEAR_PLANE
from splatsmith.gaussians.cameras import Cameras
from splatsmith.gaussians.gaussian_batch import GaussianBatch
from splatsmith.gaussians.view_renderer import ViewRenderer
from splatsmith.nn.checkpoint_loading import load_parameters

from .case import Case, Outputs, Registry
from .reference.diffusiongs_density import published_density
from .reference.diffusiongs_ply import write_published_ply

CHECKS = Registry()


@CHECKS("rays")
def check_rays(case: Case) -> Outputs:
    rays = _rays(case, case.inputs["height"], case.inputs["width"])
    origins = rays.origins.expand_as(rays.directions)
    return {
        "ray_o": origins.permute(0, 3, 1, 2)[None],
        "ray_d": rays.directions.permute(0, 3, 1, 2)[None],
    }


@CHECKS("schedule")
def check_schedule(case: Case) -> Outputs:
    schedule = DDPMSchedule.respaced(case.inputs["num_inference_steps"])
    names = ("betas", "alphas_cumprod", "posterior_mean_coef1", "posterior_mean_coef2")
    tables = {name: torch.from_numpy(getattr(schedule, name)) for name in names}
    return {
        "timestep_map": torch.from_numpy(schedule.timesteps),
        "log_variance": torch.from_numpy(schedule.log_variance),
        **tables,
    }


@CHECKS("denoiser")
def check_denoiser(case: Case) -> Outputs:
    images = case.inputs["images"]
    rays = _rays(case, *images.shape[-2:])
    denoise = _denoise(case, rays, images[0, :1])
    gaussians = denoise(images[0, 1:], torch.tensor(case.inputs["timestep"]))
    return {
        "xyz": gaussians.means,
        "features": gaussians.sh0[:, :, None],
        "scaling": gaussians.log_scales,
        "rotation": gaussians.quats,
        "opacity": gaussians.logits,
    }


@CHECKS("sampling_loop")
def check_loop(case: Case) -> Outputs:
    given = case.inputs
    picture = given["condition_image"][0]
    rays = _rays(case, *picture.shape[-2:])
    schedule = DDPMSchedule.respaced(given["num_inference_steps"])
    rendered: list[GaussianBatch] = []

    def play_back(gaussians: GaussianBatch) -> Tensor:
        rendered.append(gaussians)
        return given["renders"][len(rendered) - 1, 0]

    noise = iter(given["noise"][:, 0])
    denoise = _denoise(case, rays, picture)
    steps = list(sample(denoise, play_back, schedule, lambda: next(noise)))
    final = steps[-1].gaussians
    return {
        "timestep_map": torch.from_numpy(schedule.timesteps),
        "sample": torch.stack([step.sample[None] for step in steps]),
        "pred_xstart": torch.stack([step.views[None, 1:] for step in steps]),
        "step_xyz": torch.stack([gaussians.means[0] for gaussians in rendered]),
        "step_opacity": torch.stack([gaussians.opacities[0, :, None] for gaussians in rendered]),
        "final_xyz": final.means[0],
        "final_features_dc": final.sh0[0, :, None],
        "final_scaling": final.log_scales[0],
        "final_rotation": final.quats[0],
        "final_opacity": final.logits[0],
    }


@CHECKS("preprocess")
def check_pictures(case: Case) -> Outputs:
    given = case.inputs
    square = published_picture(given["rgba"].numpy(), given["foreground_ratio"])
    image = torch.from_numpy(resize_bilinear(square, given["target_size"]))
    return {"square_rgb_u8": torch.tensor(square), "image": image[None]}


@CHECKS("raster_reference")
def check_rasterizer(case: Case) -> Outputs:
    given = case.inputs
    width, height = given["width"], given["height"]
    k = np.eye(3, dtype=np.float32)
    k[[0, 1], [0, 1]] = np.array([width, height]) / given["tanfov"].numpy() / 2
    k[:2, 2] = width / 2, height / 2
    viewmat = given["viewmatrix"].T.contiguous().numpy()
    cameras = Cameras(viewmat[None], k[None], width, height, NEAR_PLANE)
    gaussians = GaussianBatch(
        means=given["xyz"][None],
        quats=given["rotation"][None],
        scales=given["scale"][None],
        opacities=given["opacity"][None, :, 0],
        colors=(0.5 + SH_C0 * given["sh_dc"]).clamp(min=0)[None],
    )
    background = tuple(given["background"].tolist())
    return {"image": ViewRenderer(cameras, "cpu", background=background)(gaussians)[0]}


@CHECKS("filter_and_ply")
def check_filter(case: Case) -> Outputs:
    kept = _cropped(case)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "cloud.ply")
        write_published_ply(path, kept)
        content = np.fromfile(path, np.uint8)
    return {
        "n_kept": torch.tensor(kept.means.shape[1]),
        "xyz": kept.means[0],
        "ply_bytes": torch.from_numpy(content),
    }


@CHECKS("density_field")
def check_density(case: Case) -> Outputs:
    gaussians = _cropped(case).activated()
    return published_density(gaussians, case.inputs["resolution"], case.inputs["num_blocks"])


def _cropped(case: Case) -> GaussianParameters:
    """The Gaussians that the engine keeps of the case's."""
    given = case.inputs
    parameters = GaussianParameters(
        means=given["xyz"][None],
        sh0=given["features_dc"][None, :, 0],
        log_scales=given["scaling"][None],
        quats=given["rotation"][None],
        logits=given["opacity"][None],
    )
    gaussians = parameters.activated()
    kept = visible(gaussians, given["opacity_threshold"])
    kept &= within_box(gaussians, given["crop_half_extent"])
    return GaussianParameters(*(part[:, kept] for part in vars(parameters).values()))


def _rays(case: Case, height: int, width: int) -> Rays:
    return Rays.of_cameras(case.inputs["c2w"][0], case.inputs["fxfycxcy"][0], height, width)


def _denoise(case: Case, rays: Rays, clean: Tensor) -> Denoise:
    """The engine's, with the case's network and clean views [K, 3, H, W]."""
    config = DenoiserConfig(
        subject=Subject.SCENE if case.config.get("ray_pe_type") == "plk" else Subject.OBJECT,
        width=case.config["width"],
        layers=case.config["num_layers"],
        head_width=case.config["dim_heads"],
        patch=case.config["patch_size"],
        global_gaussians=case.config["n_gaussians"],
    )
    network = Denoiser(config).eval()
    load_parameters(network, own_keys(case.weights()))
    return make_denoise(network.denoise, config, rays, clean)
