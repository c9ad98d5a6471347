"""Jobs over HTTP: submitted, polled, fetched, cancelled, deleted."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from splatsmith.contract.cards import ConditionKind
from splatsmith.contract.cloud import read_cloud
from splatsmith.contract.jsonable import from_json, to_json
from splatsmith.contract.protocol import JobState, JobStatus, Product
from splatsmith.contract.wire import Upload
from tests.backend.contract.foreign_files import PlyForm, splat_columns
from tests.backend.service.service_process import RunningService, lattice

SLOW = {"steps": 1000, "pause": 0.05}


def test_generate_job_makes_all_products(service: RunningService, tmp_path: Path) -> None:
    job = service.run(replace(lattice(seed=5), products=tuple(Product)))

    assert job.state is JobState.SUCCEEDED, job.problem
    assert job.progress == 1
    names = [artifact.name for artifact in job.artifacts]
    assert names == [
        "splats.ply", "points.ply", "mesh.glb", "preview.png", "turntable.webp", "job.json",
    ]  # fmt: skip
    for artifact in job.artifacts:
        response = service.http.get(f"/v1/jobs/{job.id}/artifacts/{artifact.name}")
        assert len(response.content) == artifact.size_bytes
        assert hashlib.sha256(response.content).hexdigest() == artifact.sha256
        assert response.headers["content-type"].startswith(artifact.media_type)
        (tmp_path / artifact.name).write_bytes(response.content)
    assert len(read_cloud(tmp_path / "splats.ply")) == 343
    assert json.loads((tmp_path / "job.json").read_text())["request"] == job.request


def test_engine_notes_are_in_the_job(service: RunningService) -> None:
    job = service.run(replace(lattice(steps=1), prompt="cube " * 101))

    assert job.notes == ("The prompt was cut after word 100.",)


def test_defaults_are_filled_in_when_a_job_is_posted(service: RunningService) -> None:
    job = service.post_job(lattice(steps=1))

    assert job.request["variant"] == "cube"
    assert job.request["parameters"] == {
        "seed": 0, "steps": 1, "pause": 0.0, "hollow": False, "previews": False,
        "failure": "none",
    }  # fmt: skip
    service.wait(job.id)


def test_location_header_is_the_job(service: RunningService) -> None:
    body = {"kind": "generate", "request": to_json(lattice(steps=1))}
    response = service.http.post("/v1/jobs", json=body)

    followed = service.http.get(response.headers["Location"]).json()
    assert followed["id"] == response.json()["id"]
    service.wait(followed["id"])


def test_only_requested_products_are_made(service: RunningService) -> None:
    request = replace(lattice(), products=(Product.POINTS,))

    names = {artifact.name for artifact in service.run(request).artifacts}

    assert "points.ply" in names
    assert "mesh.glb" not in names


def test_uploaded_picture_is_used(service: RunningService) -> None:
    cutout = Image.new("RGBA", (32, 32), (0, 0, 0, 0))
    cutout.paste((200, 30, 30, 255), (8, 8, 24, 24))
    buffer = BytesIO()
    cutout.save(buffer, "PNG")
    response = service.http.post("/v1/images", content=buffer.getvalue())
    assert response.status_code == 201
    upload = from_json(Upload, response.json())
    pictures = {ConditionKind.IMAGE: upload.id}

    request = replace(lattice(), prompt="", pictures=pictures, variant="picture")
    job = service.run(request)

    assert job.state is JobState.SUCCEEDED, job.problem


def test_extract_job_takes_an_uploaded_cloud(service: RunningService) -> None:
    made = service.run(lattice())
    splats = service.http.get(f"/v1/jobs/{made.id}/artifacts/splats.ply").content
    cloud = service.http.post("/v1/clouds", content=splats).json()["id"]
    request = {"cloud": cloud, "products": ["mesh"], "extraction": {"face_budget": 300}}

    response = service.http.post("/v1/jobs", json={"kind": "extract", "request": request})
    job = service.wait(response.json()["id"])

    assert job.state is JobState.SUCCEEDED, job.problem
    assert "mesh.glb" in {artifact.name for artifact in job.artifacts}


def test_a_foreign_cloud_is_turned_and_its_notes_are_told(
    service: RunningService, tmp_path: Path
) -> None:
    columns = splat_columns(200) | {f"scale_{i}": np.full(200, -1.0) for i in range(3)}
    columns |= {"opacity": np.full(200, 4.0)}
    columns["x"][3] = np.nan
    path = PlyForm().write(tmp_path / "scan.ply", columns)
    cloud = service.http.post("/v1/clouds", content=path.read_bytes()).json()["id"]
    request = {"cloud": cloud, "products": ["points"], "up": "z", "extraction": {"point_count": 9}}

    response = service.http.post("/v1/jobs", json={"kind": "extract", "request": request})
    job = service.wait(response.json()["id"])

    assert job.state is JobState.SUCCEEDED, job.problem
    assert job.notes == ("Left out for values that are not numbers: 1 of 200 Gaussians.",)
    path.write_bytes(service.http.get(f"/v1/jobs/{job.id}/artifacts/splats.ply").content)
    heights = np.delete(columns["z"], 3)
    np.testing.assert_allclose(read_cloud(path).means[:, 1], heights, atol=1e-6)


def test_same_idempotency_key_gives_the_same_job(service: RunningService) -> None:
    first, second = (service.post_job(lattice(), **{"Idempotency-Key": "k1"}) for _ in range(2))

    assert first.id == second.id
    body = {"kind": "generate", "request": to_json(lattice(seed=9))}
    refused = service.http.post("/v1/jobs", json=body, headers={"Idempotency-Key": "k1"})
    assert refused.status_code == 422
    assert "another request" in refused.json()["detail"]


def test_artifact_range_and_etag(service: RunningService) -> None:
    job = service.run(lattice())
    path = f"/v1/jobs/{job.id}/artifacts/splats.ply"
    whole = service.http.get(path)
    tag = whole.headers["ETag"]

    part = service.http.get(path, headers={"Range": "bytes=4-9", "If-Range": tag})
    changed = service.http.get(path, headers={"Range": "bytes=4-9", "If-Range": '"other"'})
    known = service.http.get(path, headers={"If-None-Match": tag})
    beyond = service.http.get(path, headers={"Range": f"bytes={len(whole.content) + 1}-"})

    assert (part.status_code, part.content) == (206, whole.content[4:10])
    assert part.headers["Content-Range"] == f"bytes 4-9/{len(whole.content)}"
    assert (changed.status_code, changed.content) == (200, whole.content)
    assert (known.status_code, known.content) == (304, b"")
    assert beyond.status_code == 416


def test_progress_rises_while_a_job_runs(service: RunningService) -> None:
    job = service.post_job(lattice(**SLOW))
    earlier = service.wait_until_generating(job.id)

    later = service.wait(job.id, lambda now: now.progress > earlier.progress)

    assert later.state is JobState.RUNNING
    assert later.started is not None
    assert service.http.get("/v1/health").json()["worker"] == "busy"
    service.http.post(f"/v1/jobs/{job.id}/cancel")
    service.wait(job.id)


def test_cancel_stops_between_steps_and_leaves_nothing(service: RunningService) -> None:
    job = service.post_job(lattice(**SLOW))
    service.wait_until_generating(job.id)

    for _ in range(2):
        assert service.http.post(f"/v1/jobs/{job.id}/cancel").status_code == 200
    stopped = service.wait(job.id)

    assert stopped.state is JobState.CANCELLED
    assert stopped.artifacts == ()
    assert service.files_of(job.id) == []


def test_queued_job_is_cancelled_at_once(service: RunningService) -> None:
    running = service.post_job(lattice(**SLOW))
    queued = service.post_job(lattice())

    answer = service.http.post(f"/v1/jobs/{queued.id}/cancel").json()
    service.http.post(f"/v1/jobs/{running.id}/cancel")
    service.wait(running.id)

    assert answer["state"] == "cancelled"
    assert service.job(queued.id).state is JobState.CANCELLED


def test_cancel_leaves_a_final_job_unchanged(service: RunningService) -> None:
    job = service.run(lattice())

    answer = service.http.post(f"/v1/jobs/{job.id}/cancel")

    assert answer.status_code == 200
    assert from_json(JobStatus, answer.json()) == job


def test_jobs_run_in_submission_order(service: RunningService) -> None:
    jobs = [service.post_job(lattice(seed=seed)) for seed in range(3)]

    started = [service.wait(job.id).started or 0 for job in jobs]

    assert started == sorted(started)


def test_delete_removes_the_files(service: RunningService) -> None:
    job = service.run(lattice())
    assert service.files_of(job.id)

    assert service.http.delete(f"/v1/jobs/{job.id}").status_code == 204

    assert service.http.get(f"/v1/jobs/{job.id}").status_code == 404
    assert service.http.delete(f"/v1/jobs/{job.id}").status_code == 404
    assert service.files_of(job.id) == []


def test_deleting_a_running_job_stops_it(service: RunningService) -> None:
    job = service.post_job(lattice(**SLOW))
    service.wait_until_generating(job.id)

    assert service.http.delete(f"/v1/jobs/{job.id}").status_code == 204

    # Its turn can only come when the worker has let go of the other.
    assert service.run(lattice()).state is JobState.SUCCEEDED
    assert service.files_of(job.id) == []


def test_list_is_paged_newest_first(service: RunningService) -> None:
    jobs = [service.post_job(lattice(steps=1)).id for _ in range(5)]

    first = service.http.get("/v1/jobs", params={"limit": 2})
    second = service.http.get(first.links["next"]["url"])

    assert [job["id"] for job in first.json()] == jobs[:2:-1]
    assert [job["id"] for job in second.json()] == jobs[2:0:-1]
    service.wait(jobs[-1])


def test_list_can_be_filtered_by_state(service: RunningService) -> None:
    failed = service.run(lattice(failure="exception"))

    found = service.http.get("/v1/jobs", params={"state": "failed"}).json()

    assert {job["state"] for job in found} == {"failed"}
    assert failed.id in {job["id"] for job in found}


@pytest.mark.parametrize(
    ("failure", "code", "word"),
    [
        ("exception", "internal", "ZeroDivisionError"),
        ("memory", "out-of-memory", "memory"),
        ("disk", "storage-full", "No room"),
        ("exit", "worker-died", "exit code 7"),
        ("killed", "out-of-memory", "SIGKILL"),
    ],
)
def test_failed_job_has_its_reason_and_the_next_one_runs(
    service: RunningService, failure: str, code: str, word: str
) -> None:
    job = service.run(lattice(failure=failure))

    assert job.state is JobState.FAILED
    assert job.problem is not None
    assert job.problem.code == code
    assert word in job.problem.detail
    assert job.problem.remedy
    assert service.files_of(job.id) == []
    assert service.run(lattice()).state is JobState.SUCCEEDED


def test_engine_output_to_stdout_does_not_disturb_the_messages(service: RunningService) -> None:
    assert service.run(lattice(failure="print")).state is JobState.SUCCEEDED
