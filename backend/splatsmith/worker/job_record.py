"""job.json: everything needed to reproduce an asset, or to compare it with its picture."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from ..contract.artifacts import JOB_RECORD, MEDIA_TYPES
from ..contract.cards import Checkpoint, EngineCard
from ..contract.cloud import LoadedCloud
from ..contract.job_records import FILES
from ..contract.jsonable import to_json
from ..contract.protocol import PROTOCOL_VERSION, ExtractRequest, GenerateRequest
from ..engines.base import Generation
from ..files import write_json
from ..weights import fingerprints

RECORDED_PACKAGES = ("torch", "numpy", "gsplat", "diffusers")


def describe_generation(
    request: GenerateRequest,
    card: EngineCard,
    generation: Generation,
    gaussians: int,
    seconds: Mapping[str, float],
    class_label: str,
) -> dict[str, object]:
    """The record of a generated asset.

    Args:
        gaussians: their number in the splat file.
        seconds: by stage.
        class_label: the class that the engine was given.
    """
    variant = card.variant(request.variant)
    checkpoints = variant.required_checkpoints(request.conditions, request.parameters)
    return {
        "request": to_json(request),
        "engine": card.id,
        "variant": variant.id,
        **({"class_label": class_label} if class_label else {}),
        "checkpoints": {each.id: fingerprints(each) for each in checkpoints},
        "licences": {each.id: _licence(each) for each in checkpoints},
        "conditioning_camera": to_json(generation.camera),
        "placement": generation.placement.value,
        **({"camera_path": to_json(generation.camera_path)} if generation.camera_path else {}),
        "representation": generation.representation.kind,
        "gaussians": gaussians,
        "notes": list(generation.notes),
        "seconds": {stage: round(value, 4) for stage, value in seconds.items()},
        "versions": _versions(),
    }


def describe_extraction(
    request: ExtractRequest, loaded: LoadedCloud, seconds: Mapping[str, float]
) -> dict[str, object]:
    """The record of a mesh or points extracted from a given cloud.

    The origin is where the zero of the files' coordinates lies in the cloud's world, with Y up.
    """
    return {
        "request": to_json(request),
        "up": loaded.up.value,
        "origin": loaded.origin.tolist(),
        "gaussians": len(loaded.cloud),
        "notes": list(loaded.notes),
        "seconds": {stage: round(value, 4) for stage, value in seconds.items()},
        "versions": _versions(),
    }


def write_record(folder: Path, record: Mapping[str, object]) -> None:
    """Write `record` as `folder`/job.json, with a list of the artifacts there."""
    files = [name for name in MEDIA_TYPES if name == JOB_RECORD or (folder / name).is_file()]
    write_json(folder / JOB_RECORD, {**record, FILES: files})


def _licence(checkpoint: Checkpoint) -> dict[str, str]:
    licence = checkpoint.licence
    return {
        "name": licence.name,
        "url": licence.url,
        "commercial_use": licence.commercial_use.value,
        "commercial_terms": licence.commercial_terms,
    }


def _versions() -> dict[str, str]:
    packages = {name: _installed(name) for name in RECORDED_PACKAGES}
    return {"protocol": str(PROTOCOL_VERSION), "python": platform.python_version(), **packages}


def _installed(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "absent"
