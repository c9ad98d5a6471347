"""Zero-1-to-G over HTTP, with small random networks, in the real service and its real worker."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from splatsmith.contract.cards import ConditionKind
from splatsmith.contract.cloud import read_cloud
from splatsmith.contract.jsonable import to_json
from splatsmith.contract.protocol import GenerateRequest, JobState, Product
from splatsmith.contract.wire import JobEvent
from tests.backend.service.service_process import RunningService, running_service

REQUEST = GenerateRequest(
    engine="zero1tog",
    variant="concatenated-128",
    parameters={"steps": 3, "opacity_threshold": 0.0},
    products=(Product.SPLATS,),
    turntables=(),
)


@pytest.fixture(scope="module")
def service(
    checkpoints: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningService]:
    with running_service(tmp_path_factory.mktemp("service") / "data") as running:
        yield running


def with_picture(service: RunningService) -> GenerateRequest:
    image = Image.new("RGBA", (96, 96))
    ImageDraw.Draw(image).ellipse((24, 14, 72, 80), fill="red")
    return replace(REQUEST, pictures={ConditionKind.IMAGE: service.upload_picture(image)})


def test_a_picture_gives_splats_while_its_views_sharpen(
    service: RunningService, tmp_path: Path
) -> None:
    with service.events() as events:
        job = service.post_job(with_picture(service))
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
    assert list(record["checkpoints"]) == ["zero1tog-concatenated-5", "zero1tog-zero123plus"]
    assert record["licences"]["zero1tog-zero123plus"]["commercial_use"] == "forbidden"


def test_cancelling_leaves_nothing_behind(service: RunningService) -> None:
    request = replace(with_picture(service), parameters={"steps": 1000})
    job = service.post_job(request)
    service.wait(job.id, lambda now: now.progress > 0.05)
    service.http.post(f"/v1/jobs/{job.id}/cancel").raise_for_status()
    assert service.wait(job.id).state is JobState.CANCELLED
    assert not service.files_of(job.id)


@pytest.mark.parametrize(
    ("parameters", "detail"),
    [({"steps": 0}, "steps is 0."), ({"attributes": "3"}, "attributes is '3'.")],
)
def test_impossible_requests_are_refused_with_a_problem_document(
    service: RunningService, parameters: dict[str, object], detail: str
) -> None:
    request = replace(
        REQUEST,
        pictures={ConditionKind.IMAGE: "0" * 64},
        parameters=parameters,  # pyright: ignore[reportArgumentType]
    )
    response = service.http.post("/v1/jobs", json={"kind": "generate", "request": to_json(request)})
    assert response.status_code == 422
    assert response.json()["detail"] == detail
    assert response.json()["remedy"]
