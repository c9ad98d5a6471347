"""What the add-on keeps of a backend while it does not run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from blender_addon.contract.artifacts import PREVIEW
from blender_addon.contract.protocol import (
    Artifact,
    GenerateRequest,
    JobKind,
    JobState,
    JobStatus,
)
from blender_addon.link.address import Address
from blender_addon.link.job_transfers import has_all_files
from blender_addon.link.jobs import JobTracker
from blender_addon.link.last_known import (
    BackendMemory,
    LastKnown,
    read_last_known,
    write_last_known,
)
from blender_addon.link.settings import BackendSettings
from blender_addon.link.tracked_job import new_job
from tests.addon.panel import CARD

pytestmark = pytest.mark.once

PICTURE = Artifact(PREVIEW, "image/png", 4, "0")


def status(name: str, created: float = 0.0, state: JobState = JobState.SUCCEEDED) -> JobStatus:
    request = {"prompt": "ein Stuhl für Zwerge"}
    return JobStatus(name, JobKind.GENERATE, state, "chair", request, created, artifacts=(PICTURE,))


@pytest.fixture
def settings(tmp_path: Path) -> BackendSettings:
    return BackendSettings(tmp_path / "files ü", tmp_path)


def test_it_is_read_as_it_was_written(settings: BackendSettings) -> None:
    known = LastKnown((CARD,), (status("a1"), status("b2")), ("c3",))
    write_last_known(settings.last_known, known)
    assert read_last_known(settings.last_known) == known


def test_without_a_readable_file_nothing_is_known(tmp_path: Path) -> None:
    assert read_last_known(tmp_path / "none.json") == LastKnown()
    for text in ("{", "[]", '{"jobs": 3, "engines": [{}], "removed": [1]}'):
        (tmp_path / "damaged.json").write_text(text)
        assert read_last_known(tmp_path / "damaged.json") == LastKnown()


def test_ids_that_are_paths_are_left_out(settings: BackendSettings) -> None:
    jobs = (status("path"), status("a1"), status("b2", state=JobState.QUEUED))
    write_last_known(settings.last_known, LastKnown(jobs=jobs))
    text = settings.last_known.read_text(encoding="utf-8")
    assert '"id": "path"' in text
    settings.last_known.write_text(
        text.replace('"id": "path"', '"id": "../../elsewhere"'), encoding="utf-8"
    )
    assert [job.id for job in read_last_known(settings.last_known).jobs] == ["a1"]


def test_finished_jobs_and_their_pictures_are_listed_again(settings: BackendSettings) -> None:
    before = JobTracker()
    for job in (status("a1", 1.0), status("b2", 2.0), status("c3", 3.0, JobState.RUNNING)):
        before.observe(job)
    before.add(new_job(GenerateRequest(prompt="not sent")))
    BackendMemory().keep(before, settings, (CARD,))
    picture = settings.results / "a1" / PREVIEW
    picture.parent.mkdir(parents=True)
    picture.write_bytes(b"1234")

    after = JobTracker()
    assert BackendMemory().recall(after, settings) == (CARD,)
    assert [(job.key, job.preview) for job in after.jobs] == [("b2", None), ("a1", picture)]
    assert all(not job.is_awaited and job.request is not None for job in after.jobs)


def test_the_file_is_written_only_when_something_has_changed(settings: BackendSettings) -> None:
    memory, tracker = BackendMemory(), JobTracker()
    tracker.observe(status("a1"))
    memory.keep(tracker, settings, (CARD,))
    settings.last_known.unlink()
    memory.keep(tracker, settings, (CARD,))
    assert not settings.last_known.exists()
    tracker.observe(status("b2"))
    memory.keep(tracker, settings, ())  # stopped: the engines stay known
    assert read_last_known(settings.last_known).engines == (CARD,)


def test_each_backend_has_its_own_file(settings: BackendSettings) -> None:
    others = [replace(settings, remote=Address(f"http://studio:{port}", "t")) for port in (1, 2)]
    assert len({each.last_known for each in (settings, *others)}) == 3
    renewed = replace(others[0], remote=Address("http://studio:1", "another token"))
    assert renewed.last_known == others[0].last_known


def test_older_pages_of_the_list_drop_only_what_is_missing_in_their_time() -> None:
    tracker = JobTracker()
    for name, created in (("1", 1.0), ("2", 2.0), ("3", 3.0), ("4", 4.0)):
        tracker.observe(status(name, created))
    tracker.observe_listing([status("5", 5.0), status("4", 4.0)])
    assert [job.key for job in tracker.jobs] == ["5", "4", "3", "2", "1"]
    tracker.observe_listing([status("2", 2.0)], status("4", 4.0))
    assert [job.key for job in tracker.jobs] == ["5", "4", "2", "1"]
    tracker.observe_listing([], status("2", 2.0))
    assert [job.key for job in tracker.jobs] == ["5", "4", "2"]


def test_files_that_are_here_need_no_backend(tmp_path: Path) -> None:
    tracker = JobTracker()
    job = tracker.observe(status("a1"))
    assert not has_all_files(job, tmp_path)
    (tmp_path / PREVIEW).write_bytes(b"123")
    assert not has_all_files(job, tmp_path)
    (tmp_path / PREVIEW).write_bytes(b"1234")
    assert has_all_files(job, tmp_path)
    assert not has_all_files(tracker.observe(replace(status("b2"), artifacts=())), tmp_path)
