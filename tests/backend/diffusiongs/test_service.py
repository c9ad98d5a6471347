"""DiffusionGS over HTTP, with small random networks, in the real service and its real worker."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from splatsmith.contract.camera_path import CameraPath
from splatsmith.contract.cards import ConditionKind
from splatsmith.contract.cloud import read_cloud
from splatsmith.contract.jsonable import from_json, to_json
from splatsmith.contract.protocol import GenerateRequest, JobState, Product
from splatsmith.contract.turntables import Turntable
from splatsmith.contract.wire import JobEvent
from splatsmith.engines.diffusiongs.card import SIDES
from tests.backend.service.service_process import RunningService, running_service

REQUEST = GenerateRequest(
    engine="diffusiongs",
    variant="object-256",
    parameters={"steps": 4},
    products=(Product.SPLATS,),
    turntables=(),
)


@pytest.fixture(scope="module")
def service(
    checkpoints: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningService]:
    with running_service(tmp_path_factory.mktemp("service") / "data") as running:
        yield running


def cutout() -> Image.Image:
    image = Image.new("RGBA", (96, 96))
    ImageDraw.Draw(image).ellipse((24, 14, 72, 80), fill="red")
    return image


def with_pictures(service: RunningService, *sides: ConditionKind) -> GenerateRequest:
    return replace(REQUEST, pictures={side: service.upload_picture(cutout()) for side in sides})


def test_a_picture_gives_splats_while_its_views_sharpen(
    service: RunningService, tmp_path: Path
) -> None:
    with service.events() as events:
        job = service.post_job(with_pictures(service, ConditionKind.IMAGE))
        payloads = []
        for event in events:
            if isinstance(event.payload, JobEvent) and event.payload.job.id == job.id:
                payloads.append(event.payload)
                if event.payload.job.state.is_final:
                    break
    assert payloads[-1].job.state is JobState.SUCCEEDED, payloads[-1].job.problem
    assert any(payload.preview for payload in payloads)
    artifacts = f"/v1/jobs/{job.id}/artifacts"
    (tmp_path / "splats.ply").write_bytes(service.http.get(f"{artifacts}/splats.ply").content)
    assert len(read_cloud(tmp_path / "splats.ply")) > 1_000
    record = json.loads(service.http.get(f"{artifacts}/job.json").content)
    assert record["placement"] == "ground"
    assert "camera_path" not in record
    assert list(record["checkpoints"]) == ["diffusiongs-object-512"]
    assert record["licences"]["diffusiongs-object-512"]["commercial_use"] == "unknown"


def test_all_four_sides_are_taken(service: RunningService) -> None:
    job = service.run(with_pictures(service, *SIDES))
    assert job.state is JobState.SUCCEEDED, job.problem


def test_a_scene_s_record_has_its_camera_path(service: RunningService) -> None:
    picture = service.upload_picture(Image.new("RGB", (160, 90), "skyblue"))
    request = replace(
        REQUEST,
        variant="scene-256",
        pictures={ConditionKind.IMAGE: picture},
        parameters={"steps": 4, "path": "orbit"},
        turntables=(Turntable.WEBP,),
    )
    job = service.run(request)
    assert job.state is JobState.SUCCEEDED, job.problem
    assert {each.name for each in job.artifacts} >= {"preview.png", "turntable.webp"}
    content = service.http.get(f"/v1/jobs/{job.id}/artifacts/job.json").content
    record = json.loads(content)
    assert record["placement"] == "camera"
    path = from_json(CameraPath, record["camera_path"])
    assert (len(path.poses), path.fov) == (4, 60.0)


def test_cancelling_leaves_nothing_behind(service: RunningService) -> None:
    request = replace(with_pictures(service, ConditionKind.IMAGE), parameters={"steps": 1000})
    job = service.post_job(request)
    service.wait(job.id, lambda now: now.progress > 0.11)
    service.http.post(f"/v1/jobs/{job.id}/cancel").raise_for_status()
    assert service.wait(job.id).state is JobState.CANCELLED
    assert not service.files_of(job.id)


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ({"parameters": {"steps": 0}}, "steps is 0."),
        ({"parameters": {"steps": 2000}}, "steps is 2,000."),
        (
            {"pictures": dict.fromkeys((*SIDES, ConditionKind.DEPTH), "0" * 64)},
            "DiffusionGS (Object, 256) takes no depth.",
        ),
        (
            {"pictures": {ConditionKind.BACK: "0" * 64}},
            "DiffusionGS (Object, 256) needs a picture.",
        ),
    ],
    ids=["0 steps", "2,000 steps", "five pictures", "no front"],
)
def test_impossible_requests_are_refused_with_a_problem_document(
    service: RunningService, change: dict[str, object], detail: str
) -> None:
    front = {ConditionKind.IMAGE: "0" * 64}
    request = replace(REQUEST, **{"pictures": front, **change})  # pyright: ignore[reportArgumentType]
    response = service.http.post("/v1/jobs", json={"kind": "generate", "request": to_json(request)})
    assert response.status_code == 422
    assert response.json()["detail"] == detail
    assert response.json()["remedy"]


def test_a_panorama_of_a_place_fails_its_job_with_a_reason(service: RunningService) -> None:
    pictures = {
        ConditionKind.IMAGE: service.upload_picture(Image.new("RGB", (300, 100), "skyblue"))
    }
    job = service.run(replace(REQUEST, variant="scene-256", pictures=pictures))
    assert job.state is JobState.FAILED
    assert job.problem is not None
    assert job.problem.detail.startswith("The picture is 3.0 times as wide as high")
    assert not service.files_of(job.id)
