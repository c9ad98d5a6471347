"""The files of uploads and jobs. Ids and names are checked before they become paths.

<data>/uploads/<sha256>                   posted files, by their content
<data>/jobs/<id>/.partial/                where the worker writes
<data>/jobs/<id>/artifacts/<name>         complete results, moved there in one step
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Collection
from pathlib import Path

from ..contract.problems import NotFound

UPLOAD_LIFETIME = 24 * 3600.0  # seconds that an upload without a job is kept


class DataDirectory:
    """The service's folder on disk: uploads and the jobs' files."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.uploads = self.root / "uploads"
        self.jobs = self.root / "jobs"
        for folder in (self.root, self.uploads, self.jobs):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def partial(self, job_id: str) -> Path:
        """An empty folder for the worker to write the job's results into."""
        folder = self.jobs / job_id / ".partial"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def publish(self, job_id: str) -> None:
        """Make the content of the job's partial folder its artifacts."""
        target = self.jobs / job_id / "artifacts"
        shutil.rmtree(target, ignore_errors=True)
        (self.jobs / job_id / ".partial").rename(target)

    def artifact(self, job_id: str, name: str) -> Path:
        """The finished file `name` of a job.

        Raises:
            NotFound: there is none.
        """
        folder = (self.jobs / job_id / "artifacts").resolve()
        path = (folder / name).resolve()
        inside = folder.is_relative_to(self.jobs) and path.parent == folder
        if not inside or not path.is_file():
            raise NotFound(f"The job has no artifact {name!r}.", "Its state lists what it has.")
        return path

    def discard(self, job_id: str) -> None:
        """Remove all files of a job."""
        shutil.rmtree(self.jobs / job_id, ignore_errors=True)

    def remove_orphans(self, jobs: Collection[str], uploads: Collection[str]) -> None:
        """Remove folders of jobs other than `jobs`, and old uploads other than `uploads`."""
        for folder in self.jobs.iterdir():
            if folder.name not in jobs:
                self.discard(folder.name)
        for path in self.uploads.iterdir():
            old = time.time() - path.stat().st_mtime > UPLOAD_LIFETIME
            if old and path.is_dir():  # an interrupted upload
                shutil.rmtree(path, ignore_errors=True)
            elif old and path.name not in uploads:
                path.unlink(missing_ok=True)
