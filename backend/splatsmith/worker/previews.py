"""The pictures of an asset: a still for lists and thumbnails, and turntables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import av
from PIL import Image

from ..contract.artifacts import PREVIEW, turntable_file
from ..contract.protocol import Turntable
from ..gaussians.preview_rendering import (
    Picture,
    PreviewScene,
    TurntableSpec,
    render_growth,
    render_preview,
    render_turntable,
)
from ..progress import Progress

TURN_SECONDS = 3.0
LIGHT = TurntableSpec(frames=36, size=320)  # for lists and web pages
SMOOTH = TurntableSpec(frames=90, size=512)  # for films
WEBP_QUALITY = 80  # of 100
MP4_QUALITY = 18  # x264's constant rate factor: less is better, and nobody sees a fault in this

Frames = Iterator[Picture]


def write_pictures(
    scene: PreviewScene, turntables: Sequence[Turntable], folder: Path, progress: Progress
) -> None:
    """Write preview.png and the `turntables` into `folder`.

    A growing one has a first turn in which the Gaussians grow, and a second one of what they are.
    """
    progress.step(0, 1)
    Image.fromarray(render_preview(scene)).save(folder / PREVIEW)
    for number, kind in enumerate(turntables):
        start, end = number / len(turntables), (number + 1) / len(turntables)
        _write_turntable(scene, kind, folder, progress.part(progress.stage, start, end))
    progress.step(1, 1)


def _write_turntable(
    scene: PreviewScene, kind: Turntable, folder: Path, progress: Progress
) -> None:
    path = folder / turntable_file(kind)
    turn, write = STYLES[path.suffix]
    frames = _turns(scene, turn, kind.grows)
    count = turn.frames * (2 if kind.grows else 1)
    write(path, _watched(frames, count, progress), turn)


def _turns(scene: PreviewScene, turn: TurntableSpec, grows: bool) -> Frames:
    if grows:
        yield from render_growth(scene, turn)
    yield from render_turntable(scene, turn)


def _watched(frames: Frames, count: int, progress: Progress) -> Frames:
    for done, frame in enumerate(frames):
        progress.step(done, count)
        yield frame


def _write_webp(path: Path, frames: Frames, turn: TurntableSpec) -> None:
    """An endless one."""
    first = Image.fromarray(next(frames))
    first.save(
        path,
        save_all=True,
        append_images=map(Image.fromarray, frames),
        duration=round(1000 * TURN_SECONDS / turn.frames),
        loop=0,
        quality=WEBP_QUALITY,
    )


def _write_mp4(path: Path, frames: Frames, turn: TurntableSpec) -> None:
    """H.264 with colours at half the resolution, which every player and browser shows."""
    with av.open(path, "w", options={"movflags": "faststart"}) as film:
        stream = film.add_stream("libx264", round(turn.frames / TURN_SECONDS))
        stream.width = stream.height = turn.size
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": str(MP4_QUALITY)}
        for frame in frames:
            film.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "rgb24")))
        film.mux(stream.encode())


STYLES: dict[str, tuple[TurntableSpec, Callable[[Path, Frames, TurntableSpec], None]]] = {
    ".webp": (LIGHT, _write_webp),
    ".mp4": (SMOOTH, _write_mp4),
}
