"""One job from request to files, with the test engine and without a service."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
import trimesh
from PIL import Image

from splatsmith.contract.artifacts import turntable_file
from splatsmith.contract.cards import ConditionKind
from splatsmith.contract.cloud import read_cloud
from splatsmith.contract.jsonable import from_json
from splatsmith.contract.points import read_points
from splatsmith.contract.protocol import (
    DEFAULT_ENGINE,
    ExtractionOptions,
    ExtractRequest,
    GenerateRequest,
    Product,
)
from splatsmith.contract.turntables import Turntable
from splatsmith.engines import registry
from splatsmith.engines.base import ConditioningCamera, EngineInputs, Generation
from splatsmith.errors import Cancelled, UnreadablePicture
from splatsmith.gaussians.cameras import orbit_cameras
from splatsmith.progress import Progress, silent
from splatsmith.representations.base import Representation
from splatsmith.representations.density_field import DensityField
from splatsmith.representations.rgbd_views import RgbdViews
from splatsmith.worker import pipeline
from splatsmith.worker.engine_cache import EngineCache
from splatsmith.worker.previews import NO_SWING
from tests.backend.engines.generated import cloud_of
from tests.backend.representations.mesh_samples import sample_mesh
from tests.backend.representations.subjects import metaball_function, solid_views

LATTICE = "tests.backend.engines.lattice"
EVERYTHING = {"splats.ply", "points.ply", "mesh.glb", "preview.png", "turntable.webp", "job.json"}
SMALL = ExtractionOptions(face_budget=500, point_count=700)


@pytest.fixture(autouse=True)
def lattice(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv(registry.ENGINES_VARIABLE, LATTICE)
    registry.clear_cache()
    yield
    registry.clear_cache()


@pytest.fixture
def engine_cache() -> EngineCache:
    return EngineCache("cpu")


def lattice_request(**changes: object) -> GenerateRequest:
    members: dict[str, object] = {"prompt": "a cube", "engine": "lattice", "extraction": SMALL}
    return GenerateRequest(**{**members, **changes}).completed(registry.card("lattice"))  # pyright: ignore[reportArgumentType]


def test_a_prompt_gives_every_artifact(tmp_path: Path, engine_cache: EngineCache) -> None:
    generation = pipeline.generate(lattice_request(), {}, tmp_path, engine_cache, silent())
    assert {path.name for path in tmp_path.iterdir()} == EVERYTHING
    assert len(read_cloud(tmp_path / "splats.ply")) == len(cloud_of(generation)) == 343
    assert len(read_points(tmp_path / "points.ply").positions) == 700
    mesh = trimesh.load_mesh(tmp_path / "mesh.glb")
    assert 100 < len(mesh.faces) <= 500
    assert mesh.extents == pytest.approx(
        [1.4, 1.4, 1.4], abs=0.15
    )  # 1.2 between the outermost means
    with Image.open(tmp_path / "turntable.webp") as turntable:
        assert turntable.n_frames == 36  # pyright: ignore[reportAttributeAccessIssue]


def test_an_mp4_turntable_is_a_video_of_one_turn(tmp_path: Path, engine_cache: EngineCache) -> None:
    request = lattice_request(products=(Product.SPLATS,), turntables=(Turntable.MP4,))
    pipeline.generate(request, {}, tmp_path, engine_cache, silent())
    with av.open(tmp_path / "turntable.mp4") as video:
        assert video.streams.video[0].codec_context.name == "h264"
        frames = [frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]
        assert video.duration == pytest.approx(3 * av.time_base, rel=0.02)
    assert len(frames) == 90
    assert frames[0].shape == (512, 512, 3)
    assert np.ptp(frames[0], axis=2).max() > 50  # in colour
    assert not (tmp_path / "turntable.webp").exists()


@pytest.mark.parametrize(("kind", "turns"), [(Turntable.GIF, 1), (Turntable.GROWING_GIF, 2)])
def test_a_gif_turntable_is_an_endless_animation_of_3_seconds_a_turn(
    tmp_path: Path, engine_cache: EngineCache, kind: Turntable, turns: int
) -> None:
    request = lattice_request(products=(Product.SPLATS,), turntables=(kind,))
    pipeline.generate(request, {}, tmp_path, engine_cache, silent())
    with Image.open(tmp_path / turntable_file(kind)) as animation:
        assert animation.format == "GIF"
        assert animation.n_frames == 30 * turns  # pyright: ignore[reportAttributeAccessIssue]
        assert animation.info["loop"] == 0
        animation.seek(30 * turns - 1)
        assert animation.info["duration"] == 100
        last = np.asarray(animation.convert("RGB"))
    assert last.shape == (320, 320, 3)
    assert np.ptp(last.astype(int), axis=2).max() > 50  # in colour


def test_without_views_with_depths_a_note_says_that_there_is_no_swing(
    tmp_path: Path, engine_cache: EngineCache
) -> None:
    asked = (Turntable.SWING_GIF, Turntable.WEBP)
    request = lattice_request(products=(Product.SPLATS,), turntables=asked)
    generation = pipeline.generate(request, {}, tmp_path, engine_cache, silent())
    assert NO_SWING in generation.notes
    assert (tmp_path / "turntable.webp").exists()
    assert not (tmp_path / "swing.gif").exists()


def test_only_the_requested_products_are_made(tmp_path: Path, engine_cache: EngineCache) -> None:
    pipeline.generate(
        lattice_request(products=(Product.SPLATS,)), {}, tmp_path, engine_cache, silent()
    )
    assert {path.name for path in tmp_path.iterdir()} == EVERYTHING - {"points.ply", "mesh.glb"}


def test_the_job_record_reproduces_the_asset(tmp_path: Path, engine_cache: EngineCache) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    pipeline.generate(lattice_request(parameters={"seed": 5}), {}, first, engine_cache, silent())
    record = json.loads((first / "job.json").read_text(encoding="utf-8"))
    assert record["conditioning_camera"] == {"elevation": 15, "distance": 3, "fov": 40}
    assert record["request"]["parameters"]["seed"] == 5
    assert {"load engine", "generate", "extract mesh"} <= set(record["seconds"])
    recorded = from_json(GenerateRequest, record["request"])
    pipeline.generate(recorded, {}, second, engine_cache, silent())
    assert (first / "splats.ply").read_bytes() == (second / "splats.ply").read_bytes()
    assert (first / "mesh.glb").read_bytes() == (second / "mesh.glb").read_bytes()


def test_cancel_stops_between_steps(tmp_path: Path, engine_cache: EngineCache) -> None:
    reported: list[float] = []
    progress = Progress(lambda at, _stage: reported.append(at), lambda: len(reported) > 5)
    with pytest.raises(Cancelled):
        pipeline.generate(
            lattice_request(parameters={"steps": 1000}), {}, tmp_path, engine_cache, progress
        )
    assert len(reported) == 6
    assert not list(tmp_path.iterdir())


def test_progress_is_monotonic(tmp_path: Path, engine_cache: EngineCache) -> None:
    reported: list[float] = []
    progress = Progress(lambda at, _stage: reported.append(at), lambda: False)
    pipeline.generate(lattice_request(), {}, tmp_path, engine_cache, progress)
    assert reported == sorted(reported)
    assert reported[0] == 0.0
    assert reported[-1] == 1.0


def test_a_transparent_picture_is_refused(tmp_path: Path, engine_cache: EngineCache) -> None:
    empty = tmp_path / "empty.png"
    Image.new("RGBA", (64, 64), (255, 0, 0, 0)).save(empty)
    request = lattice_request(prompt="", pictures={ConditionKind.IMAGE: "given"})
    with pytest.raises(UnreadablePicture):
        pipeline.generate(
            request, {ConditionKind.IMAGE: empty}, tmp_path / "out", engine_cache, silent()
        )


def rgbd_views() -> RgbdViews:
    return RgbdViews(solid_views(orbit_cameras(range(0, 360, 60), 25, 3.0, 40, 64)))


def density_field() -> DensityField:
    return DensityField(metaball_function(), 48)


@pytest.mark.parametrize(
    ("make", "kind"), [(density_field, "density field"), (rgbd_views, "RGBD views")]
)
def test_every_representation_gives_every_product_with_the_requested_options(
    tmp_path: Path, make: Callable[[], Representation], kind: str
) -> None:
    class Answering:
        def generate(self, inputs: EngineInputs, progress: Progress) -> Generation:
            return Generation(make(), ConditioningCamera(0, 3, 40))

    engine_cache = EngineCache("cpu")
    engine_cache.get = lambda engine, variant: Answering()  # pyright: ignore[reportAttributeAccessIssue]
    request = lattice_request(extraction=replace(SMALL, texture_size=512))
    pipeline.generate(request, {}, tmp_path, engine_cache, silent())
    assert {path.name for path in tmp_path.iterdir()} == EVERYTHING
    record = json.loads((tmp_path / "job.json").read_text(encoding="utf-8"))
    assert record["representation"] == kind
    assert record["gaussians"] == len(read_cloud(tmp_path / "splats.ply"))
    assert len(read_points(tmp_path / "points.ply")) == 700
    mesh = trimesh.load_mesh(tmp_path / "mesh.glb")
    assert 400 < len(mesh.faces) <= 500
    assert sample_mesh(mesh, 10).texture_size == 512


def test_mesh_and_points_are_extracted_from_a_splat_file(
    tmp_path: Path, engine_cache: EngineCache
) -> None:
    generated, extracted = tmp_path / "generated", tmp_path / "extracted"
    generated.mkdir()
    extracted.mkdir()
    pipeline.generate(
        lattice_request(products=(Product.SPLATS,)), {}, generated, engine_cache, silent()
    )
    request = ExtractRequest("given", (Product.MESH, Product.POINTS), SMALL, "cube")
    pipeline.extract(request, generated / "splats.ply", extracted, "cpu", silent())
    names = {path.name for path in extracted.iterdir()}
    assert {"mesh.glb", "points.ply", "job.json"} <= names


def test_an_engine_stays_loaded_until_another_is_requested(engine_cache: EngineCache) -> None:
    first = engine_cache.get("lattice", "cube")
    assert engine_cache.get("lattice", "cube") is first
    assert engine_cache.get("lattice", "picture") is not first


def test_a_warmed_up_cache_holds_the_built_in_engine(
    engine_cache: EngineCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline.warm_up(engine_cache)
    monkeypatch.setattr(registry, "load", None)
    assert engine_cache.get(DEFAULT_ENGINE, "base")
