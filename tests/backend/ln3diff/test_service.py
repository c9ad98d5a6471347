"""LN3Diff over HTTP, with small random networks, in the real service and its real worker."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from splatsmith.contract.cards import ConditionKind
from splatsmith.contract.jsonable import to_json
from splatsmith.contract.protocol import (
    ExtractionOptions,
    GenerateRequest,
    JobState,
    JobStatus,
    Product,
)
from tests.backend.service.service_process import RunningService, running_service

from .view_sheets import ball_sheet

LEVEL = 5.0  # which small random networks' fields reach
SMALL_MESH = ExtractionOptions(face_budget=300, texture_size=512, resolution=32)
TEXT = GenerateRequest(
    prompt="a stone",
    engine="ln3diff",
    variant="text",
    parameters={"steps": 2, "level": LEVEL},
    products=(Product.SPLATS,),
    turntables=(),
    extraction=SMALL_MESH,
)


@pytest.fixture(scope="module")
def service(
    checkpoints: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningService]:
    with running_service(tmp_path_factory.mktemp("service") / "data") as running:
        yield running


def from_picture(service: RunningService) -> GenerateRequest:
    image = Image.new("RGBA", (96, 96))
    ImageDraw.Draw(image).ellipse((24, 14, 72, 80), fill="red")
    picture = service.upload_picture(image)
    return replace(
        TEXT,
        prompt="",
        variant="image",
        pictures={ConditionKind.IMAGE: picture},
        parameters={"steps": 2, "solver": "euler", "level": LEVEL},
    )


def content(service: RunningService, job: JobStatus, name: str) -> bytes:
    return service.http.get(f"/v1/jobs/{job.id}/artifacts/{name}").raise_for_status().content


@pytest.mark.slow
def test_a_picture_gives_a_mesh_and_the_picture_as_it_was_seen(service: RunningService) -> None:
    job = service.run(replace(from_picture(service), products=(Product.SPLATS, Product.MESH)))
    assert job.state is JobState.SUCCEEDED, job.problem
    assert {each.name for each in job.artifacts} >= {"splats.ply", "mesh.glb", "prepared.png"}
    assert Image.open(io.BytesIO(content(service, job, "prepared.png"))).size == (224, 224)
    record = json.loads(content(service, job, "job.json"))
    assert record["licences"]["ln3diff-i23d"]["commercial_use"] == "forbidden"
    assert record["licences"]["ln3diff-i23d"]["name"] == "S-Lab License 1.0"
    assert set(record["checkpoints"]) == {"ln3diff-i23d", "ln3diff-clip", "ln3diff-dinov2"}
    assert record["request"]["parameters"]["level"] == LEVEL


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["image", "text"])
def test_an_object_is_varied(service: RunningService, variant: str) -> None:
    sheet = service.upload_picture(Image.fromarray(ball_sheet(64)))
    request = replace(
        TEXT if variant == "text" else from_picture(service),
        variant=variant,
        pictures={ConditionKind.VIEWS: sheet},
    )
    parameters = {**request.parameters, "strength": 0.5}
    job = service.run(replace(request, parameters=parameters))
    assert job.state is JobState.SUCCEEDED, job.problem
    record = json.loads(content(service, job, "job.json"))
    assert record["request"]["parameters"]["strength"] == 0.5
    assert set(record["request"]["pictures"]) == {"views"}


def test_a_sheet_of_another_size_is_refused(service: RunningService) -> None:
    sheet = service.upload_picture(Image.fromarray(ball_sheet(16)))
    job = service.run(replace(TEXT, pictures={ConditionKind.VIEWS: sheet}))
    assert job.problem is not None
    assert "96 x 32 pixels instead of 384 x 128" in job.problem.detail


def test_cancelling_leaves_nothing_behind(service: RunningService) -> None:
    job = service.post_job(replace(TEXT, parameters={"steps": 250, "samples": 8}))
    service.wait(job.id, lambda now: now.progress > 0.11)
    service.http.post(f"/v1/jobs/{job.id}/cancel").raise_for_status()
    assert service.wait(job.id).state is JobState.CANCELLED
    assert not service.files_of(job.id)


def test_a_request_without_a_prompt_is_refused(service: RunningService) -> None:
    request = to_json(replace(TEXT, prompt="  "))
    response = service.http.post("/v1/jobs", json={"kind": "generate", "request": request})
    assert response.status_code == 422
    assert response.json()["detail"] == "There is no prompt."
