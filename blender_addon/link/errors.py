"""Errors of the connection to the backend and of the jobs sent over it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..contract.problems import Problem, SplatsmithError


class ServiceError(SplatsmithError):
    """Raised when the service answers with a problem document; carries it."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail, problem.remedy)
        self._problem = problem

    @property
    def problem(self) -> Problem:
        return self._problem


class ServiceUnreachable(SplatsmithError):
    """Raised when nothing answers at the service's address, or the connection breaks."""

    code = "service-gone"
    title = "The backend does not answer"
    status = 503


class BackendFailed(SplatsmithError):
    """Raised when the backend's process does not start, or exits by itself."""

    code = "backend-failed"
    title = "The backend stopped"
    status = 503


class FileNotWritten(SplatsmithError):
    """Raised when a file of the add-on cannot be written."""

    code = "storage-full"
    title = "A file cannot be written"
    status = 507

    def __init__(self, error: OSError) -> None:
        super().__init__(
            f"{error.filename or 'A file'} cannot be written ({error.strerror}).",
            "Make room, or choose another folder in the preferences.",
        )


class Cancelled(SplatsmithError):
    """Raised where a script waits for a job that was cancelled."""

    code = "cancelled"
    title = "The job was cancelled"
    status = 409


@contextmanager
def written_files() -> Iterator[None]:
    """Errors of the file system, while files are written, as `FileNotWritten`."""
    try:
        yield
    except OSError as error:
        raise FileNotWritten(error) from error


def internal_error(error: Exception) -> SplatsmithError:
    """An unexpected exception, which is a bug of the add-on, as an error of the code "internal"."""
    detail = f"The add-on has a fault: {type(error).__name__}: {error}."
    return SplatsmithError(detail, "Please report it with Blender's console output.")
