"""Preview files of an asset: a still for lists and thumbnails, and turntables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..contract.artifacts import PREPARED_PICTURE, PREVIEW, turntable_file
from ..contract.protocol import Turntable
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

Frames = Iterator[PreviewImage]


def write_previews(
    scene: PreviewScene, turntables: Sequence[Turntable], folder: Path, progress: Progress
) -> None:
    """Write preview.png and the `turntables` into `folder`.

    A growing one has two turns: in the first the Gaussians grow from nothing.
    """
    progress.step(0, 1)
    Image.fromarray(render_preview(scene)).save(folder / PREVIEW)
    for number, kind in enumerate(turntables):
        start, end = number / len(turntables), (number + 1) / len(turntables)
        _write_turntable(scene, kind, folder, progress.part(progress.stage, start, end))
    progress.step(1, 1)


def write_prepared_picture(picture: NDArray[np.uint8] | None, folder: Path) -> None:
    """prepared.png, [H, W, 3]: the picture as the network saw it, where an engine says so."""
    if picture is not None:
        Image.fromarray(picture).save(folder / PREPARED_PICTURE)


def _write_turntable(
    scene: PreviewScene, kind: Turntable, folder: Path, progress: Progress
) -> None:
    path = folder / turntable_file(kind)
    spec, write = WRITERS[path.suffix]
    count = spec.frames * (2 if kind.grows else 1)
    write(path, _with_progress(_frames(scene, spec, kind.grows), count, progress), spec)


def _frames(scene: PreviewScene, spec: TurntableSpec, grows: bool) -> Frames:
    if grows:
        yield from render_growth(scene, spec)
    yield from render_turntable(scene, spec)


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
