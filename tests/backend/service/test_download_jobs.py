"""Download jobs: refused, run, cancelled and resumed, beside other jobs."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

import psutil
import pytest

from splatsmith.contract.checkpoints import CheckpointState, CheckpointStatus
from splatsmith.contract.jsonable import from_json, to_json
from splatsmith.contract.protocol import (
    DownloadRequest,
    GenerateRequest,
    JobState,
    JobStatus,
    Product,
)
from splatsmith.contract.wire import JobEvent, WeightsEvent
from splatsmith.service.change_notifier import ChangeNotifier
from splatsmith.service.job_store import JobStore
from splatsmith.settings import DATA_VARIABLE
from tests.backend.engines.mosaic.card import SMALL
from tests.backend.service.service_process import (
    RunningService,
    has_exited,
    lattice,
    running_service,
    wait_for,
)
from tests.backend.weights.mirror import Mirror, running
from tests.backend.weights.pickles import (
    Calls,
    publish_pickle,
    state_dict,
    training_checkpoint,
)
from tests.backend.weights.published import TOKEN, new_mirror, weights

WEIGHTS = "small__render/checkpoints/000020/net/weights.safetensors"
BULK = 6_000_000  # numbers: more than the library's pieces of 10 MiB
BOTH = DownloadRequest("mosaic", "small", ("mosaic-words", "mosaic-small"), accept_licence=True)
LOCKED = DownloadRequest("mosaic", "small", ("mosaic-locked",))
MOSAIC = GenerateRequest("a wall", engine="mosaic", products=(Product.SPLATS,))


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    with running(new_mirror()) as serving:
        monkeypatch.setenv("HF_ENDPOINT", serving.url)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
        monkeypatch.setenv(DATA_VARIABLE, str(tmp_path / "data"))
        for name in ("HF_TOKEN", "HF_HUB_OFFLINE", "HF_HUB_CACHE"):
            monkeypatch.delenv(name, raising=False)
        yield serving


def submit(service: RunningService, request: DownloadRequest) -> JobStatus:
    body = {"kind": "download", "request": to_json(request)}
    response = service.http.post("/v1/jobs", json=body)
    assert response.status_code == 202, response.text
    return from_json(JobStatus, response.json())


def states(service: RunningService) -> dict[str, CheckpointState]:
    answer = service.http.get("/v1/weights").json()
    return {s.id: s.state for s in from_json(tuple[CheckpointStatus, ...], answer)}


def downloader(service: RunningService) -> psutil.Process:
    def find() -> list[psutil.Process]:
        children = psutil.Process(service.process.pid).children()
        return [child for child in children if "splatsmith.worker.downloader" in child.cmdline()]

    return wait_for(find, bool)[0]


def test_a_published_pickle_is_downloaded_converted_and_used(mirror: Mirror, data: Path) -> None:
    publish_pickle(mirror, training_checkpoint())
    with running_service(data) as service:
        job = service.wait(submit(service, DownloadRequest("quarry", "published")).id)
        made = service.run(GenerateRequest("a", engine="quarry", products=(Product.SPLATS,)))

    assert job.state is JobState.SUCCEEDED, job.problem
    assert "was converted to safetensors" in job.notes[0]
    assert made.state is JobState.SUCCEEDED, made.problem


def test_a_published_pickle_with_code_fails_its_job(mirror: Mirror, data: Path) -> None:
    publish_pickle(mirror, {**state_dict(), "net.extra": Calls(print, "it ran")})
    with running_service(data) as service:
        job = service.wait(submit(service, DownloadRequest("quarry", "published")).id)
        states_then = states(service)

    assert job.problem is not None
    assert job.problem.code == "unsafe-weights"
    assert states_then["quarry-published"] is CheckpointState.PARTIAL


def test_missing_weights_are_reported_then_downloaded_then_used(mirror: Mirror, data: Path) -> None:
    with running_service(data) as service:
        body = {"kind": "generate", "request": to_json(MOSAIC)}
        refused = service.http.post("/v1/jobs", json=body)
        assert (refused.status_code, refused.json()["code"]) == (409, "weights-missing")
        assert "splatsmith weights download mosaic-words" in refused.json()["remedy"]

        done = service.wait(submit(service, BOTH).id)

        assert done.state is JobState.SUCCEEDED, done
        assert done.artifacts == ()
        assert states(service)["mosaic-small"] is CheckpointState.PRESENT
        assert service.run(MOSAIC).state is JobState.SUCCEEDED


def test_checkpoints_that_arrive_are_events(mirror: Mirror, data: Path) -> None:
    with running_service(data) as service, service.events() as events:
        job = submit(service, BOTH)
        found: list[WeightsEvent] = []
        for event in events:
            if isinstance(event.payload, WeightsEvent):
                found.append(event.payload)
            if isinstance(event.payload, JobEvent) and event.payload.job.state.is_final:
                break
        found += [e.payload for e in islice(events, 1) if isinstance(e.payload, WeightsEvent)]

        assert service.job(job.id).state is JobState.SUCCEEDED
        assert to_json(found[-1].checkpoints) == service.http.get("/v1/weights").json()


def test_licence_is_accepted_once(mirror: Mirror, data: Path) -> None:
    asked = DownloadRequest("mosaic", "small", ("mosaic-small",))
    with running_service(data) as service:
        body = {"kind": "download", "request": to_json(asked)}
        refused = service.http.post("/v1/jobs", json=body)
        assert (refused.status_code, refused.json()["code"]) == (409, "licence-not-accepted")

        service.wait(submit(service, BOTH).id)

        large = DownloadRequest("mosaic", "large", ("mosaic-large",))
        assert service.wait(submit(service, large).id).state is JobState.SUCCEEDED


def test_unknown_checkpoint_is_refused_with_the_known_ones(mirror: Mirror, data: Path) -> None:
    with running_service(data) as service:
        body = {"kind": "download", "request": {"engine": "mosaic", "checkpoints": ["x"]}}
        refused = service.http.post("/v1/jobs", json=body)

        assert refused.status_code == 404
        assert "mosaic-words, mosaic-small, mosaic-locked" in refused.json()["remedy"]


def test_other_jobs_run_beside_a_download_that_can_be_cancelled(mirror: Mirror, data: Path) -> None:
    mirror.holds[WEIGHTS] = 1_000
    with running_service(data) as service:
        job = submit(service, BOTH)
        assert mirror.reached.wait(60)

        assert service.run(lattice()).state is JobState.SUCCEEDED
        assert service.job(job.id).state is JobState.RUNNING

        service.http.post(f"/v1/jobs/{job.id}/cancel")
        assert service.wait(job.id).state is JobState.CANCELLED
        assert states(service)["mosaic-small"] is CheckpointState.PARTIAL
        assert states(service)["mosaic-words"] is CheckpointState.PRESENT


def test_killed_downloader_fails_its_job_and_the_next_one_resumes(
    mirror: Mirror, data: Path
) -> None:
    stall_midway(mirror)
    with running_service(data) as service:
        job = submit(service, BOTH)
        assert mirror.reached.wait(60)
        downloader(service).kill()
        assert service.wait(job.id).state is JobState.FAILED
        mirror.holds.clear()
        mirror.asked.clear()

        assert service.wait(submit(service, BOTH).id).state is JobState.SUCCEEDED
        assert has_resumed(mirror)


def test_download_resumes_after_the_service_was_killed(mirror: Mirror, data: Path) -> None:
    stall_midway(mirror)
    with running_service(data) as service:
        job = submit(service, BOTH)
        assert mirror.reached.wait(60)
        process = downloader(service)
        service.process.kill()
        wait_for(lambda: has_exited(process), bool)
    mirror.holds.clear()
    mirror.asked.clear()

    with running_service(data) as service:
        assert service.wait(job.id).state is JobState.SUCCEEDED
        assert has_resumed(mirror)


@pytest.mark.skipif(sys.platform == "win32", reason="process groups are POSIX's")
def test_sigterm_to_the_process_group_requeues_the_download(mirror: Mirror, data: Path) -> None:
    mirror.holds[WEIGHTS] = 1_000
    with running_service(data) as service:
        job = submit(service, BOTH)
        assert mirror.reached.wait(60)
        process = downloader(service)

        os.killpg(service.process.pid, signal.SIGTERM)

        assert service.process.wait(60) == 0
        wait_for(lambda: has_exited(process), bool)
    with closing(JobStore(data / "jobs.sqlite", ChangeNotifier())) as store:
        assert store.get(job.id).state is JobState.QUEUED


def test_downloader_exits_when_there_is_no_download(mirror: Mirror, data: Path) -> None:
    with running_service(data) as service:
        service.wait(submit(service, BOTH).id)

        def programs() -> list[str]:
            children = psutil.Process(service.process.pid).children()
            return [" ".join(child.cmdline()) for child in children]

        wait_for(programs, lambda found: not any("downloader" in each for each in found))


def test_hub_token_opens_gated_checkpoints_and_is_written_nowhere(
    mirror: Mirror, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_service(data) as service:
        refused = service.wait(submit(service, LOCKED).id)
        assert refused.problem is not None
        assert "there is no token" in refused.problem.detail
    monkeypatch.setenv("HF_TOKEN", TOKEN)

    with running_service(data) as service:
        assert service.wait(submit(service, LOCKED).id).state is JobState.SUCCEEDED

    for path in tmp_path.rglob("*"):
        assert not path.is_file() or TOKEN.encode() not in path.read_bytes()


def test_nothing_is_downloaded_offline(
    mirror: Mirror, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with running_service(data) as service:
        failed = service.wait(submit(service, BOTH).id)

    assert failed.problem is not None
    assert failed.problem.code == "hub-unreachable"
    assert mirror.asked == []


def stall_midway(mirror: Mirror) -> None:
    mirror.repositories[SMALL.repository][WEIGHTS] = weights("body.weight", 8, BULK)
    mirror.holds[WEIGHTS] = 4 * BULK - 1_000


def has_resumed(mirror: Mirror) -> bool:
    starts = [extent for _, path, extent in mirror.asked if path.endswith(WEIGHTS) and extent]
    return bool(starts) and all(int(each[6:-1]) >= 10 * 2**20 for each in starts)
