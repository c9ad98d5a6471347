"""Files of weights over HTTP: uploaded, recognised, converted and used."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from splatsmith.contract.jsonable import from_json, to_json
from splatsmith.contract.protocol import (
    GenerateRequest,
    ImportRequest,
    JobState,
    JobStatus,
    Product,
)
from splatsmith.contract.wire import Upload
from splatsmith.settings import DATA_VARIABLE
from splatsmith.weights import files_of
from tests.backend.engines.quarry.card import NARROW, WIDE
from tests.backend.service.service_process import RunningService, running_service
from tests.backend.weights.pickles import Calls, pickled, state_dict, training_checkpoint

WIDE_STONE = GenerateRequest("a", engine="quarry", variant="wide", products=(Product.SPLATS,))


@pytest.fixture
def importing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningService]:
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path / "weights of my own"))
    with running_service(tmp_path / "data") as service:
        yield service


def upload(service: RunningService, content: bytes) -> str:
    response = service.http.post("/v1/weights", content=content)
    assert response.status_code == 201, response.text
    return from_json(Upload, response.json()).id


def run_import(service: RunningService, request: ImportRequest) -> JobStatus:
    body = {"kind": "import", "request": to_json(request)}
    response = service.http.post("/v1/jobs", json=body)
    assert response.status_code == 202, response.text
    return service.wait(from_json(JobStatus, response.json()).id)


def test_an_uploaded_pickle_becomes_the_checkpoint_that_it_is(importing: RunningService) -> None:
    name = upload(importing, pickled(training_checkpoint(rows=16)))

    job = run_import(importing, ImportRequest(name, "quarry", file_name="last.ckpt"))

    assert job.state is JobState.SUCCEEDED, job.problem
    assert (job.title, job.notes) == ("Import last.ckpt", ("Quarry, wide was imported.",))
    assert job.artifacts == ()
    assert not (importing.data / "uploads" / name).exists()
    assert importing.run(WIDE_STONE).state is JobState.SUCCEEDED
    assert files_of(WIDE, "stone.safetensors")


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (pickled(state_dict(rows=5)), "weights-damaged", "a.pt is not of Quarry, narrow: "),
        (pickled({"net.x": Calls(print, "it ran")}), "unsafe-weights", "a.pt holds code (print)"),
    ],
    ids=["another network", "code"],
)
def test_a_file_that_does_not_fit_fails_its_job(
    importing: RunningService, content: bytes, code: str, words: str
) -> None:
    request = ImportRequest(
        upload(importing, content), "quarry", checkpoints=(NARROW.id,), file_name="a.pt"
    )

    job = run_import(importing, request)

    assert job.state is JobState.FAILED
    assert job.problem is not None
    assert job.problem.code == code
    assert words in job.problem.detail
    assert importing.files_of(job.id) == []


def test_what_is_no_file_of_weights_is_refused_at_the_door(importing: RunningService) -> None:
    response = importing.http.post("/v1/weights", content=b"no weights")

    assert response.status_code == 422
    assert "The upload is neither a safetensors file nor" in response.json()["detail"]
    assert list((importing.data / "uploads").iterdir()) == []


@pytest.mark.parametrize(
    ("members", "status", "words"),
    [
        ({"upload": "0" * 64, "engine": "quarry"}, 404, "no upload"),
        ({"engine": "quarry"}, 422, "lacks 'upload'"),
        ({"upload": "0" * 64, "engine": "lattice"}, 422, "no weights to import"),
        ({"upload": "0" * 64, "engine": "quarry", "checkpoints": ["x"]}, 404, "no checkpoint 'x'"),
        ({"upload": "0" * 64, "engine": "quarry", "variant": "x"}, 404, "no variant 'x'"),
        ({"upload": "0" * 64, "engine": "quarry", "file_name": "../x"}, 422, "name is none"),
    ],
)
def test_an_impossible_import_is_refused(
    service: RunningService, members: dict[str, object], status: int, words: str
) -> None:
    response = service.http.post("/v1/jobs", json={"kind": "import", "request": members})

    assert response.status_code == status
    assert words in response.text
