"""Preview files of an asset: a still for lists and thumbnails, and turntables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..contract.artifacts import PREPARED_PICTURE, PREVIEW, turntable_file
from ..contract.turntables import Turntable
from ..engines.base import FreeViews
from ..gaussians.preview_rendering import (
    PreviewImage,
    PreviewScene,
    TurntableSpec,
    render_growth,
    render_preview,
    render_turntable,
)
from ..progress import Progress

TURN_SECONDS = 3.0
ANIMATION = TurntableSpec(frames=36, size=320)  # light enough for lists and web pages
VIDEO = TurntableSpec(frames=90, size=512)
GIF = TurntableSpec(frames=30, size=320)  # its time unit is 10 ms: 100 ms a frame are exact
WEBP_QUALITY = 80  # of 100
MP4_QUALITY = 18  # x264's constant rate factor, lower is better: no visible artefacts
NO_SWING = "There is no swing: it shows views with depths, which this engine does not make."

Frames = Iterator[PreviewImage]


@dataclass(frozen=True)
class PreviewSources:
    """What previews show: splats, and RGBD views where an engine gives them."""

    scene: PreviewScene
    free_views: FreeViews | None = None


def write_previews(
    sources: PreviewSources, turntables: Sequence[Turntable], folder: Path, progress: Progress
) -> tuple[str, ...]:
    """Write preview.png and the `turntables` into `folder`; returns notes for the user.

    A growing one has two turns: in the first the Gaussians grow from nothing.
    """
    progress.step(0, 1)
    Image.fromarray(render_preview(sources.scene)).save(folder / PREVIEW)
    possible = [kind for kind in turntables if sources.free_views or not kind.swings]
    for number, kind in enumerate(possible):
        start, end = number / len(possible), (number + 1) / len(possible)
        _write_turntable(sources, kind, folder, progress.part(progress.stage, start, end))
    progress.step(1, 1)
    return () if len(possible) == len(turntables) else (NO_SWING,)


def write_prepared_picture(picture: NDArray[np.uint8] | None, folder: Path) -> None:
    """prepared.png, [H, W, 3]: the picture as the network saw it, where an engine says so."""
    if picture is not None:
        Image.fromarray(picture).save(folder / PREPARED_PICTURE)


def _write_turntable(
    sources: PreviewSources, kind: Turntable, folder: Path, progress: Progress
) -> None:
    path = folder / turntable_file(kind)
    spec, write = WRITERS[path.suffix]
    count = spec.frames * (2 if kind.grows else 1)
    write(path, _with_progress(_frames(sources, kind, spec), count, progress), spec)


def _frames(sources: PreviewSources, kind: Turntable, spec: TurntableSpec) -> Frames:
    if kind.swings and sources.free_views:
        yield from sources.free_views.swing(
            [i / spec.frames for i in range(spec.frames)], spec.size
        )
        return
    if kind.grows:
        yield from render_growth(sources.scene, spec)
    yield from render_turntable(sources.scene, spec)


def _with_progress(frames: Frames, count: int, progress: Progress) -> Frames:
    for done, frame in enumerate(frames):
        progress.step(done, count)
        yield frame


def _write_webp(path: Path, frames: Frames, spec: TurntableSpec) -> None:
    _write_animation(path, map(Image.fromarray, frames), spec)


def _write_gif(path: Path, frames: Frames, spec: TurntableSpec) -> None:
    """A palette of 256 colours for each frame, dithered."""
    _write_animation(path, (Image.fromarray(frame).quantize(256) for frame in frames), spec)


def _write_animation(path: Path, images: Iterator[Image.Image], spec: TurntableSpec) -> None:
    """Write an endless animation."""
    next(images).save(
        path,
        save_all=True,
        append_images=images,
        duration=round(1000 * TURN_SECONDS / spec.frames),
        loop=0,
        quality=WEBP_QUALITY,  # GIF has none
    )


def _write_mp4(path: Path, frames: Frames, spec: TurntableSpec) -> None:
    """H.264 with chroma at half the resolution, which every player and browser decodes."""
    with av.open(path, "w", options={"movflags": "faststart"}) as video:
        stream = video.add_stream("libx264", round(spec.frames / TURN_SECONDS))
        stream.width = stream.height = spec.size
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": str(MP4_QUALITY)}
        for frame in frames:
            video.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "rgb24")))
        video.mux(stream.encode())


WRITERS: dict[str, tuple[TurntableSpec, Callable[[Path, Frames, TurntableSpec], None]]] = {
    ".webp": (ANIMATION, _write_webp),
    ".mp4": (VIDEO, _write_mp4),
    ".gif": (GIF, _write_gif),
}
