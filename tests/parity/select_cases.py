"""Copy the small set of cases that the repository carries out of the full set.

    python -m tests.parity.select_cases FULL_SET

FULL_SET: the folder with one folder of cases for each system, and `keys`. Writes tests/parity/cases
anew, compressed; at most 1.5 MB a system. GSVAE cases are cut to their first view, which is
independent of the others.
"""

from __future__ import annotations

import gzip
import io
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

CASES = Path(__file__).with_name("cases")
KEYS = CASES / "keys"
LIMIT = 1_500_000  # bytes a system
KEY_SYSTEMS = ("diffsplat",)
SELECTION = {
    "diffsplat": (
        "camera_c2w__four_view_e10",
        "camera_plucker__e10_16",
        "camera_unproject__e10_16",
        "gsvae_decode__sd",
        "gsvae_encode__sd",
        "loop_pixart__image_dpmsolver++",  # PixArt, and the image VAE
        "loop_sd15_controlnet__normal",  # U-Net and ControlNet
        "loop_sd3__text_flow",  # SD3
        "rembg_and_center__case0",
    ),
    "diffusiongs": (
        "denoiser__object_t517",
        "denoiser__scene_t999",
        "density_field__thr0.02_crop0.91",
        "filter_and_ply__thr0.02_crop0.91",
        "preprocess__case0",
        "raster_reference__view1",
        "rays__object",
        "sampling_loop__steps4",
        "schedule__steps30",
        "schedule__steps4",
    ),
    "ivid": (
        "aggregate_conditions__one_view",
        "aggregate_conditions__two_views",
        "camera_view__lookat",
        "cfg__strength0.5",
        "cond_ddim_loop__steps4",
        "cond_ddim_step__20_0",
        "cond_ddim_step__600_580",
        "cond_inputs__basic",
        "ddim_loop__steps5",
        "ddim_step__1000_900",
        "ddpm_step__t0",
        "ddpm_step__t500",
        "depth_edge__grid",
        "depth_zbuffer__clamping",
        "depth_zbuffer__grid",
        "free_view__two_views",
        "mesh_from_depth__frustum",
        "mesh_from_depth__pad32",
        "unet_cond__tiny",
    ),
    "ln3diff": (  # without the decoder's and the image DiT's cases, of 1.8 MB each
        "density_grid__grid12",
        "i23d_preproc__from256",
        "marching_cubes__median_iso",
        "rays__res16",
        "render__res16",
        "t23d_euler_loop__steps5",
        "t23d_schedule__steps250",
        "t23d_schedule__steps5",
    ),
    "zero1tog": (  # without the U-Net's case, of 1.7 MB
        "cfg_rescale__g5_r0.7",
        "class_labels__a4",
        "euler_ancestral_step__step0_of30",
        "euler_ancestral_step__step17_of30",
        "latent_scalings__july_branch",
        "splatter_decode__branch_320_2dgs",
        "splatter_decode__branch_finetune_decoder",
    ),
}
PER_VIEW = ("gsvae_decode__sd", "gsvae_encode__sd")


def main(arguments: Sequence[str]) -> int:
    (full_set,) = map(Path, arguments)
    shutil.rmtree(CASES, ignore_errors=True)
    for system, names in SELECTION.items():
        folder = CASES / system
        folder.mkdir(parents=True)
        sizes = [
            _write(full_set / system / f"{name}.pt", folder / f"{name}.pt.gz") for name in names
        ]
        if sum(sizes) > LIMIT:
            raise SystemExit(f"{system}: {sum(sizes)} bytes, more than {LIMIT}.")
    KEYS.mkdir()
    for system in KEY_SYSTEMS:
        for path in sorted((full_set / "keys").glob(f"{system}-*.json.gz")):
            shutil.copyfile(path, KEYS / path.name)
    return 0


def _write(source: Path, target: Path) -> int:
    """The size of the compressed case."""
    content = torch.load(source, weights_only=True)
    if target.name.startswith(PER_VIEW):
        content = {
            **content,
            **{part: _first_view(content[part]) for part in ("inputs", "outputs")},
        }
    buffer = io.BytesIO()
    torch.save(content, buffer)
    target.write_bytes(gzip.compress(buffer.getvalue(), 9, mtime=0))
    return target.stat().st_size


def _first_view(tensors: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value[:1].clone() if isinstance(value, torch.Tensor) else value
        for name, value in tensors.items()
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
