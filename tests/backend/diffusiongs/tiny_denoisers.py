"""Small denoisers, with random weights and trained ones, as published checkpoints on disk."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from splatsmith.contract.cards import Checkpoint
from splatsmith.contract.transform import Y_UP_TO_Z_UP
from splatsmith.engines.diffusiongs.card import Subject
from splatsmith.engines.diffusiongs.checkpoint import published_keys
from splatsmith.engines.diffusiongs.denoiser import Denoiser, DenoiserConfig
from splatsmith.engines.diffusiongs.object_cameras import regenerated_views
from splatsmith.engines.diffusiongs.published_checkpoints import (
    CAMERA_TEMPLATE,
    OBJECT_512,
    SCENE_256,
    SCENE_512,
)
from splatsmith.progress import silent
from splatsmith.weights.hashing import hash_file
from splatsmith.weights.path_patterns import stored_path
from splatsmith.weights.records import CheckpointRecord, RecordedFile, write_record

TRAINED = Path(__file__).with_name("trained") / "object-128-small.safetensors"
TINY = {subject: DenoiserConfig(subject, width=64, layers=2) for subject in Subject}
CHECKPOINTS = {
    OBJECT_512: Subject.OBJECT,
    SCENE_256: Subject.SCENE,
    SCENE_512: Subject.SCENE,
}


def random_denoiser(config: DenoiserConfig, seed: int = 0) -> Denoiser:
    """Its Gaussians are some pixels large, and of all opacities and colours."""
    torch.manual_seed(seed)
    denoiser = Denoiser(config).eval().requires_grad_(False)
    denoiser.global_tokens.normal_()
    for head in (denoiser.global_head, denoiser.pixel_head):
        head.linear.weight *= 4
    return denoiser


def save_denoiser(denoiser: Denoiser, file: Path) -> None:
    tensors = published_keys(denoiser.state_dict())
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, file)


def template_tensors(*, mirrored: bool = True, elevation: float = 20.0) -> dict[str, Tensor]:
    """A camera template of 512 pixels, with the world mirrored as published, or as Blender's."""
    views = regenerated_views(elevation, 3.0, 512)
    c2w = views.c2w if mirrored else Y_UP_TO_Z_UP @ views.to_asset.poses(views.c2w)[:, :3]
    template = np.tile(np.eye(4), (1, 4, 1, 1))
    template[0, :, :3] = c2w[:, :3]
    tensors = {"gen_c2w": template, "gen_fxfycxcys": views.fxfycxcy[None]}
    return {name: torch.from_numpy(each).float() for name, each in tensors.items()}


def write_template(file: Path, *, mirrored: bool = True, elevation: float = 20.0) -> None:
    save_file(template_tensors(mirrored=mirrored, elevation=elevation), file)


def install(checkpoint: Checkpoint, folder: Path) -> None:
    """Record the checkpoint's one file in `folder` as downloaded."""
    path = stored_path(checkpoint.files[0].path)
    digest = hash_file(folder / path, silent())
    file = RecordedFile(path, (folder / path).stat().st_size, digest)
    write_record(
        CheckpointRecord(checkpoint.id, checkpoint.repository, "", str(folder), (file,), True)
    )


def install_trained(folder: Path) -> None:
    """The weights that were trained on objects, as the objects' checkpoint."""
    shutil.copy(TRAINED, folder / stored_path(OBJECT_512.files[0].path))
    install(OBJECT_512, folder)


def install_all(folder: Path) -> None:
    """Tiny networks and a template as all of the engine's checkpoints."""
    for checkpoint, subject in CHECKPOINTS.items():
        save_denoiser(
            random_denoiser(TINY[subject]), folder / stored_path(checkpoint.files[0].path)
        )
        install(checkpoint, folder)
    write_template(folder / stored_path(CAMERA_TEMPLATE.files[0].path))
    install(CAMERA_TEMPLATE, folder)
