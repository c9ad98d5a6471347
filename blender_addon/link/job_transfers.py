"""HTTP for one job: its upload and submission, the download of its files.

These block, and report to the tracker: call them on the session's thread. All of them raise
`ServiceUnreachable` if the service does not answer.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from ..contract.artifacts import PREVIEW, SPLATS
from ..contract.cloud import GaussianCloud, write_cloud
from ..contract.problems import SplatsmithError, UnreadableCloud
from ..contract.protocol import ConvertRequest, ExtractRequest, GenerateRequest
from ..contract.splat_formats import SplatFormat
from ..contract.wire import AnyRequest
from .client import Client
from .errors import ServiceUnreachable, written_files
from .jobs import JobTracker
from .tracked_job import Attachments, TrackedJob
from .upload_packing import packed
from .uploaded_pictures import keep_picture


def submit_job(client: Client, tracker: JobTracker, job: TrackedJob, pictures: Path) -> None:
    """Upload a job's attachments and submit it; its pictures are kept in the folder `pictures`."""
    assert job.request is not None and job.attachments is not None
    try:
        with written_files():
            request = _upload(client, job.request, job.attachments, pictures)
        status = client.submit(request, job.key, job.status.client_data)
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


def has_all_files(job: TrackedJob, folder: Path) -> bool:
    """Whether all artifacts of a finished job were downloaded into `folder` before."""
    files = ((folder / Path(each.name).name, each.size_bytes) for each in job.status.artifacts)
    found = [path.is_file() and path.stat().st_size == size for path, size in files]
    return bool(found) and all(found)


def download_preview(client: Client, tracker: JobTracker, job: TrackedJob, folder: Path) -> None:
    """Download the preview picture of a finished job into `folder`.

    Raises:
        ServiceError, FileNotWritten: the panel has to do without.
    """
    artifact = next(each for each in job.status.artifacts if each.name == PREVIEW)
    with written_files():
        tracker.set_preview(job.key, client.download(job.status.id, artifact, folder))


def _upload_cloud(client: Client, cloud: GaussianCloud) -> str:
    with TemporaryDirectory(prefix="splatsmith-") as folder:
        path = Path(folder) / SPLATS
        write_cloud(path, cloud)
        return client.upload_cloud(path)


def _upload_file(client: Client, path: Path, file_format: SplatFormat | None) -> str:
    try:
        with TemporaryDirectory(prefix="splatsmith-") as folder:
            return client.upload_cloud(packed(path, Path(folder)), file_format)
    except OSError as error:
        raise UnreadableCloud(
            f"{path} cannot be read: {error.strerror}.", "Check that it is still there."
        ) from error


def _upload(
    client: Client, request: AnyRequest, attachments: Attachments, pictures: Path
) -> AnyRequest:
    """`request` with the ids of its uploads.

    Raises:
        OSError: a file cannot be written.
    """
    match request:
        case GenerateRequest():
            files = {kind: file.read() for kind, file in attachments.pictures.items()}
            ids = {kind: client.upload_image(file) for kind, file in files.items()}
            for kind, file in files.items():
                keep_picture(pictures, ids[kind], file)
            return replace(request, pictures={**request.pictures, **ids})
        case ExtractRequest() if attachments.cloud is not None:
            return replace(request, cloud=_upload_cloud(client, attachments.cloud()))
        case ConvertRequest() if attachments.cloud is not None:
            return replace(request, clouds=(_upload_cloud(client, attachments.cloud()),))
        case ConvertRequest() if attachments.file is not None:
            upload = _upload_file(client, attachments.file, request.source_format)
            return replace(request, clouds=(upload,))
        case _:
            return request
