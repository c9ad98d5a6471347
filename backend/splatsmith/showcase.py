"""The pictures of an asset: a still for lists and thumbnails, and a turntable."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from .contract.cloud import GaussianCloud
from .engines.base import ConditioningCamera
from .gaussians.preview import render_preview, render_turntable
from .progress import Progress

TURNTABLE_FRAMES = 36
TURNTABLE_SECONDS = 3.0


def write_pictures(
    cloud: GaussianCloud,
    camera: ConditioningCamera,
    folder: Path,
    device: str,
    progress: Progress,
) -> None:
    """Write preview.png and turntable.webp (one endless turn) into `folder`."""
    progress.step(0, 2)
    still = render_preview(cloud, camera, device)
    Image.fromarray(still).save(folder / "preview.png")
    progress.step(1, 2)
    frames = [Image.fromarray(f) for f in render_turntable(cloud, camera, device, TURNTABLE_FRAMES)]
    duration = round(1000 * TURNTABLE_SECONDS / TURNTABLE_FRAMES)
    frames[0].save(
        folder / "turntable.webp",
        save_all=True,
        append_images=frames[1:],
        duration=duration,
        loop=0,
        quality=80,
    )
    progress.step(2, 2)
