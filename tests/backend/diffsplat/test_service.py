"""DiffSplat over HTTP, with small random networks, in the real service and its real worker."""

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
from tests.backend.service.service_process import RunningService, running_service

REQUEST = GenerateRequest(
    prompt="a red box",
    engine="diffsplat",
    parameters={"steps": 1},
    products=(Product.SPLATS,),
    turntables=(),
)


@pytest.fixture(scope="module")
def service(
    checkpoints: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningService]:
    with running_service(tmp_path_factory.mktemp("service") / "data") as running:
        yield running


def drawing() -> Image.Image:
    image = Image.new("RGB", (96, 96), "white")
    ImageDraw.Draw(image).rectangle((24, 24, 72, 72), fill="red")
    return image


def test_a_drawing_and_a_long_prompt_give_splats(service: RunningService, tmp_path: Path) -> None:
    pictures = {ConditionKind.CANNY: service.upload_picture(drawing())}
    request = replace(REQUEST, prompt="a red box, " * 3_334, pictures=pictures)

    job = service.run(request)

    assert job.state is JobState.SUCCEEDED, job.problem
    (note,) = job.notes
    assert note.startswith('The prompt was cut after "')
    artifacts = f"/v1/jobs/{job.id}/artifacts"
    (tmp_path / "splats.ply").write_bytes(service.http.get(f"{artifacts}/splats.ply").content)
    assert len(read_cloud(tmp_path / "splats.ply")) > 10_000
    record = json.loads(service.http.get(f"{artifacts}/job.json").content)
    assert "diffsplat-sd15-canny" in record["checkpoints"]
    assert record["notes"] == [note]


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ({"parameters": {"elevation": 95}}, "elevation is 95 degrees."),
        ({"variant": "sd16"}, "DiffSplat has no variant 'sd16'."),
        (
            {"pictures": {ConditionKind.IMAGE: "0" * 32, ConditionKind.CANNY: "0" * 32}},
            "DiffSplat (Stable Diffusion 1.5) takes image or canny, not both.",
        ),
    ],
)
def test_invalid_requests_are_refused_with_a_problem_document(
    service: RunningService, change: dict[str, object], detail: str
) -> None:
    request = replace(REQUEST, **change)  # pyright: ignore[reportArgumentType]
    response = service.http.post("/v1/jobs", json={"kind": "generate", "request": to_json(request)})
    assert response.status_code in (404, 422)
    assert response.json()["detail"] == detail
    assert response.json()["remedy"]
