"""Generate samples for an evaluation, and write them into folders.

    python -m training.ivid.sample OUT --count 1000 [--classes mod] [--viewset random]
        [--set guidance=0.5 steps=50 ...] [--device cuda]

--classes is `mod` (the seed modulo the number of classes), `uniform` (each as often, in order),
`random`, or numbers: 0-8,12. Seeds are 0, 1, 2 ...

Of each sample NAME, its seed in six digits, OUT has

    scenes/NAME.npz        all views: colors [V, N, N, 3] uint8, depths [V, N, N] float32, yaws and
                           pitches [V] in radians, class_number []
    results/NAME-VV.png    its views, which FID and IS are measured on
    grids/NAME.png         all views side by side, colors above depths
    conds/NAME.png         what earlier views showed of each further view
    videos/NAME.mp4        a swing before the scene, --videos alone

The same command goes on where it was interrupted: a scene is written last, so what has one is
complete. OUT/settings.json keeps the settings; others are refused.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from splatsmith.contract.parameters import ParameterValue
from splatsmith.engines.base import Engine, EngineInputs
from splatsmith.engines.ivid.card import CARD, CLASS, CLASS_LABELS
from splatsmith.engines.ivid.engine import load
from splatsmith.engines.ivid.fused_views import FusedViews
from splatsmith.engines.ivid.view_chain import RgbdView, ViewChain
from splatsmith.files import atomic_write
from splatsmith.progress import silent

log = logging.getLogger(__name__)

SCENES, RESULTS, GRIDS, CONDITIONS, VIDEOS = "scenes", "results", "grids", "conds", "videos"
SETTINGS = "settings.json"
VIDEO_FRAMES, FRAME_RATE = 60, 30  # of a swing, as published

Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class SampleSettings:
    """classes: see the module. parameters: of the engine's card, completed."""

    classes: str = "mod"
    parameters: Mapping[str, ParameterValue] = field(default_factory=dict[str, ParameterValue])
    has_videos: bool = False

    def class_of(self, seed: int) -> int:
        """A sample's class.

        Raises:
            ValueError: `classes` is none of what it may be.
        """
        match self.classes:
            case "mod" | "uniform":
                return seed % len(CLASS_LABELS)
            case "random":
                return int(np.random.default_rng([1, seed]).integers(len(CLASS_LABELS)))
            case _:
                numbers = numbers_of(self.classes)
                return numbers[seed % len(numbers)]


def numbers_of(text: str) -> list[int]:
    """Of `0-8,12`.

    Raises:
        ValueError: it is not such a list, or a number is no class.
    """
    numbers: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise ValueError(f"{text!r} is no list of classes. Write numbers: 0-8,12.")
        numbers += range(int(first), int(last or first) + 1)
    if not numbers or max(numbers) >= len(CLASS_LABELS):
        raise ValueError(f"Classes are 0 to {len(CLASS_LABELS) - 1}, not {text!r}.")
    return numbers


def write_samples(engine: Engine, settings: SampleSettings, count: int, out: Path) -> Iterator[int]:
    """Seeds of the samples, after each that was made; those that are complete are left as they are.

    Raises:
        ValueError: OUT has samples of other settings.
    """
    prepare_folder(settings, out)
    for seed in range(count):
        if not (out / SCENES / f"{seed:06}.npz").exists():
            _write_sample(_generate(engine, settings, seed), settings, seed, out)
            yield seed


def prepare_folder(settings: SampleSettings, out: Path) -> None:
    """Raises ValueError: OUT has samples of other settings."""
    text = json.dumps(asdict(settings), indent=2, sort_keys=True)
    kept = out / SETTINGS
    if kept.exists() and kept.read_text(encoding="utf-8") != text:
        raise ValueError(f"{out} has samples of other settings. Choose another folder.")
    for name in (SCENES, RESULTS, GRIDS, CONDITIONS, VIDEOS):
        (out / name).mkdir(parents=True, exist_ok=True)
    with atomic_write(kept) as part:
        part.write_text(text, encoding="utf-8")


def _generate(engine: Engine, settings: SampleSettings, seed: int) -> FusedViews:
    label = CLASS_LABELS[settings.class_of(seed)]
    parameters = {**settings.parameters, "seed": seed}
    generation = engine.generate(EngineInputs("", CLASS, {}, parameters, label), silent())
    assert isinstance(generation.free_views, FusedViews)
    return generation.free_views


def _write_sample(fused: FusedViews, settings: SampleSettings, seed: int, out: Path) -> None:
    name, views = f"{seed:06}", fused.views
    for number, view in enumerate(views):
        _write_picture(out / RESULTS / f"{name}-{number:02}.png", _bytes(view.colors))
    _write_picture(out / GRIDS / f"{name}.png", grid_of(views))
    if len(views) > 1:
        _write_picture(out / CONDITIONS / f"{name}.png", conditions_of(views))
    if settings.has_videos:
        _write_video(out / VIDEOS / f"{name}.mp4", fused)
    with atomic_write(out / SCENES / f"{name}.npz") as part, part.open("wb") as stream:
        np.savez(
            stream,
            colors=np.stack([_bytes(view.colors) for view in views]),
            depths=np.stack([view.depth for view in views]).astype(np.float32),
            yaws=np.array([view.pose.yaw for view in views]),
            pitches=np.array([view.pose.pitch for view in views]),
            class_number=np.array(settings.class_of(seed)),
        )


def grid_of(views: tuple[RgbdView, ...]) -> Bytes:
    """[2 N, V N, 3]: colours above depths, from left to right as the cameras stand."""
    ordered = sorted(views, key=lambda view: (view.pose.yaw, view.pose.pitch))
    colors = np.concatenate([_bytes(view.colors) for view in ordered], axis=1)
    depths = np.concatenate([_bytes(view.codes) for view in ordered], axis=1)
    return np.concatenate([colors, np.repeat(depths[..., None], 3, axis=-1)])


def conditions_of(views: tuple[RgbdView, ...]) -> Bytes:
    """[2 N, (V - 1) N, 3]: what each further view was given of those before it.

    As in the published order; in others, the network may have seen less.
    """
    chain = ViewChain("cpu")
    columns: list[Bytes] = []
    for view in views:
        if chain.views:
            warped = chain.warped(view.pose)
            codes = np.repeat(_bytes(warped.codes)[..., None], 3, axis=-1)
            columns.append(np.concatenate([_bytes(warped.colors), codes]))
        chain.add(view)
    return np.concatenate(columns, axis=1)


def _bytes(values: NDArray[np.float32]) -> Bytes:
    return np.rint(255 * np.clip(values, 0, 1)).astype(np.uint8)


def _write_picture(file: Path, pixels: Bytes) -> None:
    with atomic_write(file) as part:
        Image.fromarray(pixels).save(part, format="PNG")


def _write_video(file: Path, fused: FusedViews) -> None:
    turns = [number / VIDEO_FRAMES for number in range(VIDEO_FRAMES)]
    size = len(fused.views[0].codes)
    with atomic_write(file) as part, av.open(part, "w", format="mp4") as video:
        stream = video.add_stream("libx264", FRAME_RATE)
        stream.width = stream.height = size
        stream.pix_fmt = "yuv420p"
        for frame in fused.swing(turns, size):
            video.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "rgb24")))
        video.mux(stream.encode())


def completed(texts: list[str], viewset: str) -> Mapping[str, ParameterValue]:
    """The card's parameters with NAME=VALUE from the command line."""
    variant = CARD.variant(CLASS)
    types: dict[str, Callable[[str], object]] = {
        spec.name: type(spec.default) for spec in variant.parameters
    }
    given: dict[str, object] = {"viewset": viewset}
    for text in texts:
        name, _, value = text.partition("=")
        given[name] = types.get(name, str)(value)
    return CARD.check_parameters(variant, given)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--classes", default="mod")
    parser.add_argument("--viewset", default="random")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE")
    parser.add_argument("--videos", action="store_true")
    parser.add_argument("--device", default="cuda")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    parameters = completed(options.set, options.viewset)
    settings = SampleSettings(options.classes, parameters, options.videos)
    engine = load(CLASS, options.device)
    try:
        for seed in write_samples(engine, settings, options.count, options.out):
            log.info("sample %d of %d", seed + 1, options.count)
    except KeyboardInterrupt:
        log.info("stopped; the same command goes on from here")


if __name__ == "__main__":
    main()
