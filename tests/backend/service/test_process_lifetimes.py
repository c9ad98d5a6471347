"""Services and workers that are killed or stopped: no orphan process, and no lost job."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from splatsmith.contract.protocol import JobState
from splatsmith.service.change_notifier import ChangeNotifier
from splatsmith.service.job_store import JobStore
from tests.backend.service.service_process import (
    environment,
    has_exited,
    lattice,
    running_service,
    wait_for,
)

SLOW = {"steps": 1000, "pause": 0.05}
SHORT = {"steps": 40, "pause": 0.05}


def wait_for_exit(*processes: psutil.Process) -> None:
    wait_for(lambda: [has_exited(process) for process in processes], all)


def test_killed_worker_fails_its_job_and_the_next_one_runs(data: Path) -> None:
    with running_service(data) as service:
        job = service.post_job(lattice(**SLOW))
        queued = service.post_job(lattice())
        service.wait_until_generating(job.id)

        service.worker().kill()

        failed = service.wait(job.id)
        assert failed.state is JobState.FAILED
        assert failed.problem is not None
        assert "SIGKILL" in failed.problem.detail
        assert service.files_of(job.id) == []
        assert service.wait(queued.id).state is JobState.SUCCEEDED


def test_worker_that_dies_idle_is_restarted(data: Path) -> None:
    with running_service(data) as service:
        service.run(lattice())
        first = service.worker()
        first.kill()
        wait_for_exit(first)

        assert service.run(lattice()).state is JobState.SUCCEEDED


def test_unresponsive_worker_is_killed_on_cancel(data: Path) -> None:
    with running_service(data) as service:
        job = service.post_job(lattice(failure="hang"))
        service.wait_until_generating(job.id)
        worker = service.worker()

        service.http.post(f"/v1/jobs/{job.id}/cancel")

        assert service.wait(job.id).state is JobState.CANCELLED
        wait_for_exit(worker)
        assert service.run(lattice()).state is JobState.SUCCEEDED


def test_worker_exits_with_a_killed_service_and_the_job_runs_at_the_next_start(data: Path) -> None:
    with running_service(data) as service:
        job = service.post_job(lattice(**SHORT))
        service.wait_until_generating(job.id)
        worker = service.worker()
        service.process.kill()
        wait_for_exit(worker)

    with running_service(data) as service:
        assert service.wait(job.id).state is JobState.SUCCEEDED
        names = {path.parent.name for path in service.files_of(job.id)}
        assert names == {"artifacts"}


@pytest.mark.skipif(sys.platform == "win32", reason="SIGTERM is POSIX's")
def test_sigterm_requeues_the_running_job(data: Path) -> None:
    with running_service(data) as service:
        job = service.post_job(lattice(**SHORT))
        service.wait_until_generating(job.id)
        worker = service.worker()
        service.end()
        assert service.process.returncode == 0
        wait_for_exit(worker)

    with running_service(data) as service:
        assert service.wait(job.id).state is JobState.SUCCEEDED


@pytest.mark.skipif(sys.platform == "win32", reason="process groups are POSIX's")
@pytest.mark.parametrize("until", ["Generating", "started"])
def test_sigterm_to_the_process_group_requeues_the_job(data: Path, until: str) -> None:
    with running_service(data) as service:
        worker = service.worker()  # whose modules are not loaded yet
        job = service.post_job(lattice(**SHORT))
        if until == "Generating":
            service.wait_until_generating(job.id)
        else:
            service.wait(job.id, lambda job: job.started is not None)

        os.killpg(service.process.pid, signal.SIGTERM)

        assert service.process.wait(60) == 0
        wait_for_exit(worker)
    with closing(JobStore(data / "jobs.sqlite", ChangeNotifier())) as store:
        assert store.get(job.id).state is JobState.QUEUED


def test_modules_in_the_working_folder_are_not_imported(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "working folder"
    folder.mkdir()
    for name in ("torch", "numpy", "json", "signal", "huggingface_hub"):
        source = f"from pathlib import Path\nPath({str(folder)!r}, 'imported').touch()\n"
        (folder / f"{name}.py").write_text(source, encoding="utf-8")

    with running_service(data, cwd=folder) as service:
        assert service.run(lattice()).state is JobState.SUCCEEDED

    assert not (folder / "imported").exists()


def test_service_ends_with_its_parent(data: Path) -> None:
    command = [sys.executable, "-c", "input()"]
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE) as parent,
        running_service(data, "--parent-pid", str(parent.pid)) as service,
    ):
        job = service.post_job(lattice(**SLOW))
        service.wait_until_generating(job.id)
        worker = service.worker()

        parent.kill()

        service.process.wait(60)
        wait_for_exit(worker)


def test_service_ends_with_killed_tests(data: Path, project: Path) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from tests.backend.service.service_process import running_service\n"
        "with running_service(Path(sys.argv[1])) as service:\n"
        "    print(service.process.pid, flush=True); input()"
    )
    command = [sys.executable, "-c", program, str(data)]
    with subprocess.Popen(
        command,
        cwd=project,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as tests:
        assert tests.stdout is not None
        service = psutil.Process(int(tests.stdout.readline()))
        tests.kill()
        wait_for_exit(service)


def test_two_services_share_the_jobs_of_a_data_directory(data: Path) -> None:
    with running_service(data) as first, running_service(data) as second:
        long = first.post_job(lattice(**SHORT))
        first.wait_until_generating(long.id)

        other = second.post_job(lattice())

        assert second.wait(other.id).state is JobState.SUCCEEDED
        assert second.wait(long.id).state is JobState.SUCCEEDED


def test_job_can_be_cancelled_through_another_service(data: Path) -> None:
    with running_service(data) as first, running_service(data) as second:
        job = first.post_job(lattice(**SLOW))
        first.wait_until_generating(job.id)

        second.http.post(f"/v1/jobs/{job.id}/cancel")

        assert first.wait(job.id).state is JobState.CANCELLED


def test_service_imports_no_torch() -> None:
    program = "import sys, splatsmith.service.server; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], env=environment()).returncode == 0


@pytest.mark.parametrize("number", [signal.SIGINT])
@pytest.mark.skipif(sys.platform == "win32", reason="a terminal's Ctrl+C is POSIX's here")
def test_ctrl_c_ends_service_and_worker(data: Path, number: signal.Signals) -> None:
    with running_service(data) as service:
        service.run(lattice())
        worker = service.worker()

        for pid in (worker.pid, service.process.pid):  # a terminal tells the whole group
            os.kill(pid, number)

        assert service.process.wait(60) == 0
        wait_for_exit(worker)
