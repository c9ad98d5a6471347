"""ivid's cases, recomputed by the engine's own code."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from splatsmith.engines.ivid.adm_unet import NO_CLASS, AdmUnet2d, AdmUnetConfig
from splatsmith.engines.ivid.aggregation import (
    Aggregate,
    RenderSettings,
    aggregate,
    mesh_arrays,
)
from splatsmith.engines.ivid.cameras import Pose
from splatsmith.engines.ivid.denoising import (
    Condition,
    DenoiserInputs,
    GuidedDenoiser,
    Pulls,
    pull_to_condition,
)
from splatsmith.engines.ivid.depth_code import decode_depth, encode_depth, is_continuous
from splatsmith.engines.ivid.depth_mesh import DepthMesh, MeshOptions, mesh_of_view
from splatsmith.engines.ivid.sampling import (
    AncestralSampler,
    DDIMSampler,
    clean_estimate,
    ddim_step,
    sample,
)
from splatsmith.engines.ivid.warping import RENDER_FAR, RENDER_NEAR, warped_view
from splatsmith.nn.checkpoint_loading import load_parameters

from .case import Case, Outputs, Registry, Value

CHECKS = Registry()


@CHECKS("unet_uncond")
@CHECKS("unet_cond")
def check_unet(case: Case) -> Outputs:
    unet, given = _unet(case), case.inputs
    no_classes = torch.full_like(given["classes"], NO_CLASS)
    return {
        "eps": unet(given["x"], given["t"], given["classes"]),
        "eps_null": unet(given["x"], given["t"], no_classes),
    }


@CHECKS("cfg")
def check_guidance(case: Case) -> Outputs:
    return {"eps": GuidedDenoiser(_unet(case))(case.inputs["x"], case.inputs["t"], _inputs(case))}


@CHECKS("ddpm_step")
def check_ddpm_step(case: Case) -> Outputs:
    given, sampler = case.inputs, AncestralSampler()
    clean = clean_estimate(given["x_t"], given["eps"], given["t0"])
    index = len(sampler.timesteps) - 1 - given["t0"]
    return {"x0": clean, "x_prev": sampler.step(given["x_t"], clean, index, given["noise"])}


@CHECKS("ddpm_loop")
def check_ddpm_loop(case: Case) -> Outputs:
    given, sampler = case.inputs, AncestralSampler()
    denoiser, inputs, noisy = GuidedDenoiser(_unet(case)), _inputs(case), given["x_start"]
    for number, noise in enumerate(given["noise"]):
        time = given["t_start"] - number
        predicted = denoiser(noisy, torch.tensor(time), inputs)
        index = len(sampler.timesteps) - 1 - time
        noisy = sampler.step(noisy, clean_estimate(noisy, predicted, time), index, noise)
    return {"x_end": noisy}


@CHECKS("ddim_step")
@CHECKS("cond_ddim_step")
def check_ddim_step(case: Case) -> Outputs:
    given = case.inputs
    clean = clean_estimate(given["x_t"], given["eps"], given["t"] - 1)
    if "cond" in given:
        is_last = given["t_prev"] == 0
        clean = pull_to_condition(clean, _condition(case), _pulls(case), is_last=is_last)
    following = given["t_prev"] - 1 if given["t_prev"] else None
    return {"x0": clean, "x_prev": ddim_step(given["x_t"], clean, given["t"] - 1, following)}


@CHECKS("ddim_loop")
def check_ddim_loop(case: Case) -> Outputs:
    denoiser, inputs = GuidedDenoiser(_unet(case)), _inputs(case)
    steps = sample(
        lambda noisy, time: denoiser(noisy, time, inputs),
        DDIMSampler(case.inputs["steps"]),
        lambda: case.inputs["x_T"],
    )
    return {"samples": list(steps)[-1][1]}


@CHECKS("cond_inputs")
def check_condition(case: Case) -> Outputs:
    noise = torch.cat([case.inputs["noise_rgb"], case.inputs["noise_depth"]], dim=1)
    channels = _condition(case).channels(noise)
    return {"net_input": torch.cat([case.inputs["x"], channels], dim=1)}


@CHECKS("cond_ddim_loop")
def check_conditional_loop(case: Case) -> Outputs:
    given, condition, inputs = case.inputs, _condition(case), _inputs(case)
    denoiser, pulls = GuidedDenoiser(_unet(case)), _pulls(case)
    hidden: Iterator[Tensor] = iter(torch.cat([given["noise_rgb"], given["noise_depth"]], dim=2))

    def denoise(noisy: Tensor, time: Tensor) -> Tensor:
        return denoiser(noisy, time, inputs.with_condition(condition.channels(next(hidden))))

    steps = sample(
        denoise,
        DDIMSampler(given["steps"]),
        lambda: given["x_T"],
        lambda clean, is_last: pull_to_condition(clean, condition, pulls, is_last=is_last),
    )
    return {"samples": list(steps)[-1][1]}


@CHECKS("camera_view")
def check_cameras(case: Case) -> Outputs:
    matrices = [Pose(*pose).world_to_camera for pose in case.inputs["yaw_pitch"].tolist()]
    return {"world_to_camera": torch.from_numpy(np.stack(matrices))}


@CHECKS("depth_zbuffer")
def check_depth_codes(case: Case) -> Outputs:
    planes = case.inputs["near"], case.inputs["far"]
    depth = decode_depth(case.inputs["zbuffer"].numpy(), *planes)
    return {
        "linear_depth": torch.from_numpy(depth),
        "zbuffer_again": torch.from_numpy(encode_depth(depth, *planes)),
    }


@CHECKS("depth_edge")
def check_edges(case: Case) -> Outputs:
    """The published function gives what is kept, not the edges."""
    given = case.inputs
    kept = is_continuous(given["depth"].numpy()[..., 0], given["atol"], given["rtol"])
    return {"edge": torch.from_numpy(kept)[..., None]}


@CHECKS("mesh_from_depth")
def check_mesh(case: Case) -> Outputs:
    given = case.inputs
    depth, pose = given["linear_depth"].numpy()[..., 0], Pose(*given["yaw_pitch"])
    mesh = mesh_of_view(depth, pose, _mesh_options(case), given["fov_deg"])
    arrays = {
        "position": mesh.positions.reshape(-1, 3),
        "normal": mesh.normals.reshape(-1, 3),
        "uv": mesh.uvs.reshape(-1, 2),
        "flag": mesh.flags.reshape(-1, 1),
        "faces": mesh.faces,
    }
    return {name: torch.from_numpy(np.ascontiguousarray(each)) for name, each in arrays.items()}


@CHECKS("aggregate_conditions")
def check_aggregation(case: Case) -> Outputs:
    """The recorded outputs are those of the last view alone, however many views are given; the
    free view's are of all, as the engine's.
    """
    size = case.inputs["size"] * case.inputs["ssaa"]
    settings = RenderSettings(size, RENDER_NEAR, RENDER_FAR, case.inputs["fov_deg"])
    seen = _aggregate(case, settings, [len(case.inputs["rgb"]) - 1])
    warped = warped_view(seen, _mesh_options(case), case.inputs["ssaa"])
    return {
        **_raw(seen),
        "color": torch.from_numpy(warped.colors),
        "depth": torch.from_numpy(warped.codes)[..., None],
        "mask": torch.from_numpy(warped.mask)[..., None],
        "mask_rgb": torch.from_numpy(warped.color_mask)[..., None],
        "depth_convex": torch.from_numpy(warped.bounds)[..., None],
    }


@CHECKS("free_view")
def check_free_view(case: Case) -> Outputs:
    given = case.inputs
    planes = given["render_near"], given["render_far"]
    settings = RenderSettings(given["size"] * given["ssaa"], *planes, given["fov_deg"])
    return _raw(_aggregate(case, settings, range(len(given["rgb"]))))


def _aggregate(case: Case, settings: RenderSettings, views: Sequence[int]) -> Aggregate:
    given = case.inputs
    meshes: list[DepthMesh] = [
        mesh_of_view(
            given["linear_depth"][view].numpy()[..., 0],
            Pose(*given["yaw_pitch"][view]),
            _mesh_options(case),
            given["fov_deg"],
        )
        for view in views
    ]
    images = np.stack([given["rgb"][view].numpy() for view in views])
    target = Pose(*given["target_yaw_pitch"])
    return aggregate(mesh_arrays(meshes, images), target, settings)


def unet_config(published: dict[str, Value]) -> AdmUnetConfig:
    """From the constructor's values that a case or key list names."""
    return AdmUnetConfig(
        image_size=published["image_size"],
        in_channels=published["in_channels"],
        model_channels=published["model_channels"],
        res_blocks=published["num_res_blocks"],
        classes=published["num_classes"] or 0,
        channel_mult=tuple(published["channel_mult"]),
        attention_resolutions=tuple(published["attention_resolutions"]),
        groups=published["num_groups"],
        head_channels=published["num_head_channels"],
    )


def _unet(case: Case) -> AdmUnet2d:
    unet = AdmUnet2d(unet_config(case.config)).eval()
    load_parameters(unet, case.weights())
    return unet


def _inputs(case: Case) -> DenoiserInputs:
    return DenoiserInputs(case.inputs["classes"], torch.tensor(case.inputs["strength"]))


def _condition(case: Case) -> Condition:
    given = case.inputs
    bound = given.get("depth_convex", torch.zeros_like(given["mask"]))
    return Condition(given["cond"], given["mask"], given["mask_rgb"], bound)


def _pulls(case: Case) -> Pulls:
    return Pulls(*(case.inputs[f"weight_{name}"] for name in ("rgb", "depth", "constrain")))


def _mesh_options(case: Case) -> MeshOptions:
    given = case.inputs
    padding = given.get("padding", "frustum")
    pixels = None if padding == "frustum" else int(padding)
    return MeshOptions(given["atol"], given["rtol"], given["erode_rgb"], pixels)


def _raw(seen: Aggregate) -> dict[str, Tensor]:
    return {
        "raw_color": torch.from_numpy(seen.colors),
        "raw_depth": torch.from_numpy(seen.depths)[..., None],
        "raw_mask_color": torch.from_numpy(seen.is_color_seen)[..., None],
        "raw_mask_depth": torch.from_numpy(seen.is_seen)[..., None],
    }
