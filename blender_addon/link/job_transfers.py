"""HTTP for one job: its upload and submission, the download of its files.

These block, and report to the tracker: call them on the session's thread. All of them raise
`ServiceUnreachable` if the service does not answer.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from ..contract.artifacts import PREVIEW, SPLATS
from ..contract.cloud import write_cloud
from ..contract.problems import SplatsmithError
from ..contract.protocol import ExtractRequest, GenerateRequest
from ..contract.wire import AnyRequest
from .client import Client
from .errors import ServiceUnreachable, written_files
from .jobs import JobTracker
from .tracked_job import Attachments, TrackedJob
from .uploaded_pictures import keep_picture


def submit_job(client: Client, tracker: JobTracker, job: TrackedJob, pictures: Path) -> None:
    """Upload a job's attachments and submit it; its pictures are kept in the folder `pictures`."""
    assert job.request is not None and job.attachments is not None
    try:
        with written_files():
            request = _upload(client, job.request, job.attachments, pictures)
        status = client.submit(request, job.key)
    except ServiceUnreachable:
        raise
    except SplatsmithError as error:
        tracker.set_failed(job.key, error)
    else:
        tracker.set_submitted(job.key, request, status)


def download_results(client: Client, tracker: JobTracker, job: TrackedJob, folder: Path) -> None:
    """Download all artifacts of a finished job into `folder`, as far as they are not there."""
    try:
        with written_files():
            for artifact in job.status.artifacts:
                client.download(job.status.id, artifact, folder)
    except ServiceUnreachable:
        raise
    except SplatsmithError as error:
        tracker.set_failed(job.key, error)
    else:
        tracker.set_results(job.key, folder)


def download_preview(client: Client, tracker: JobTracker, job: TrackedJob, folder: Path) -> None:
    """Download the preview picture of a finished job into `folder`.

    Raises:
        ServiceError, FileNotWritten: the panel has to do without.
    """
    artifact = next(each for each in job.status.artifacts if each.name == PREVIEW)
    with written_files():
        tracker.set_preview(job.key, client.download(job.status.id, artifact, folder))


def _upload(
    client: Client, request: AnyRequest, attachments: Attachments, pictures: Path
) -> AnyRequest:
    """`request` with the ids of its uploads.

    Raises:
        OSError: a file cannot be written.
    """
    match request:
        case GenerateRequest():
            ids = {kind: client.upload_image(file) for kind, file in attachments.pictures.items()}
            for kind, file in attachments.pictures.items():
                keep_picture(pictures, ids[kind], file)
            return replace(request, pictures={**request.pictures, **ids})
        case ExtractRequest() if attachments.cloud is not None:
            with TemporaryDirectory(prefix="splatsmith-") as folder:
                path = Path(folder) / SPLATS
                write_cloud(path, attachments.cloud())
                return replace(request, cloud=client.upload_cloud(path))
        case _:
            return request
