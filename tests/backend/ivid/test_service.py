"""ivid over HTTP, with small random networks, in the real service and its real worker."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence

from splatsmith.contract.camera_path import CameraPath
from splatsmith.contract.cards import ConditionKind
from splatsmith.contract.cloud import read_cloud
from splatsmith.contract.jsonable import from_json, to_json
from splatsmith.contract.protocol import (
    ExtractionOptions,
    GenerateRequest,
    JobState,
    Product,
)
from splatsmith.contract.turntables import Turntable
from tests.backend.service.service_process import RunningService, running_service

REQUEST = GenerateRequest(
    engine="ivid",
    class_label="207",
    parameters={
        "sampler": "fast",
        "steps": 2,
        "view_steps": 2,
        "viewset": "custom",
        "yaws": "10, -10",
        "pitches": "0",
    },
    products=(Product.SPLATS, Product.POINTS, Product.MESH),
    extraction=ExtractionOptions(face_budget=300, texture_size=0, resolution=32, point_count=500),
    turntables=(Turntable.SWING_GIF,),
)


@pytest.fixture(scope="module")
def service(
    checkpoints: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningService]:
    with running_service(tmp_path_factory.mktemp("service") / "data") as running:
        yield running


def test_a_class_gives_splats_points_and_a_mesh_at_its_camera(
    service: RunningService, tmp_path: Path
) -> None:
    job = service.run(REQUEST)
    assert job.state is JobState.SUCCEEDED, job.problem
    names = {each.name for each in job.artifacts}
    assert names >= {"splats.ply", "points.ply", "mesh.glb", "preview.png", "swing.gif"}
    artifacts = f"/v1/jobs/{job.id}/artifacts"
    with Image.open(BytesIO(service.http.get(f"{artifacts}/swing.gif").content)) as swing:
        frames = [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(swing)]
    assert len(frames) == 30
    assert frames[0].shape == (320, 320, 3)
    assert not np.array_equal(frames[0], frames[15])  # at the other side
    (tmp_path / "splats.ply").write_bytes(service.http.get(f"{artifacts}/splats.ply").content)
    assert len(read_cloud(tmp_path / "splats.ply")) > 500
    record = json.loads(service.http.get(f"{artifacts}/job.json").content)
    assert record["placement"] == "camera"
    assert from_json(CameraPath, record["camera_path"]).fov == 45.0
    assert set(record["checkpoints"]) == {"ivid-uncond", "ivid-cond"}
    assert record["licences"]["ivid-cond"]["commercial_use"] == "allowed"


def test_a_picture_with_depths_is_continued(service: RunningService) -> None:
    ramp = np.tile(np.arange(64, dtype=np.uint8)[:, None] * 3, (1, 64))
    pictures = {
        ConditionKind.IMAGE: service.upload_picture(Image.new("RGB", (64, 64), "skyblue")),
        ConditionKind.DEPTH: service.upload_picture(Image.fromarray(ramp)),
    }
    given = {name: value for name, value in REQUEST.parameters.items() if name != "steps"}
    request = replace(
        REQUEST,
        variant="picture",
        class_label="",
        pictures=pictures,
        parameters={**given, "depth_values": "nearer"},
        products=(Product.SPLATS,),
    )
    job = service.run(request)
    assert job.state is JobState.SUCCEEDED, job.problem
    missing = service.run(replace(request, parameters=given))
    assert missing.state is JobState.FAILED
    assert missing.problem is not None
    assert "farther or nearer" in missing.problem.detail


def test_cancelling_leaves_nothing_behind_and_says_how_many_views_were_done(
    service: RunningService,
) -> None:
    parameters = {**REQUEST.parameters, "view_steps": 1000, "sampler": "ddim"}
    job = service.post_job(replace(REQUEST, parameters=parameters))
    service.wait(job.id, lambda now: now.stage.startswith("1 of 3"))
    service.http.post(f"/v1/jobs/{job.id}/cancel").raise_for_status()
    ended = service.wait(job.id)
    assert ended.state is JobState.CANCELLED
    assert ended.stage.endswith("of 3 views done")
    assert not service.files_of(job.id)


@pytest.mark.parametrize(
    ("change", "status", "detail"),
    [
        ({"parameters": {"steps": 0}}, 422, "steps is 0."),
        ({"class_label": "golden retreiver"}, 404, "There is no class 'golden retreiver'."),
        ({"class_label": "1000"}, 404, "There is no class of the number 1,000."),
    ],
)
def test_impossible_requests_are_refused_with_a_problem_document(
    service: RunningService, change: dict[str, object], status: int, detail: str
) -> None:
    request = replace(REQUEST, **change)  # pyright: ignore[reportArgumentType]
    response = service.http.post("/v1/jobs", json={"kind": "generate", "request": to_json(request)})
    assert response.status_code == status
    assert response.json()["detail"] == detail
    assert response.json()["remedy"]
