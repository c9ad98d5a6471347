"""Requests run in this process, for the commands that need no service."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType

from ..contract.artifacts import MEDIA_TYPES
from ..contract.cards import ConditionKind
from ..contract.problems import InvalidRequest, UnreadableCloud
from ..contract.protocol import Artifact, ExtractRequest, GenerateRequest
from ..engines import registry
from ..files import atomic_directory, file_digest
from ..images import read_picture
from ..progress import Progress, ProgressCallback
from ..weights import require
from ..worker.artifacts import describe_artifacts


@dataclass(frozen=True)
class GenerationJob:
    """A completed request and the pictures that it names by their SHA-256."""

    request: GenerateRequest
    pictures: dict[ConditionKind, Path]


@dataclass(frozen=True)
class ExtractionJob:
    """A request and the splat file that it names by its SHA-256."""

    request: ExtractRequest
    cloud: Path


LocalJob = GenerationJob | ExtractionJob
_ENDING_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows lacks the last


class LocalRunner:
    """Runs jobs on one device, with the engine kept loaded in between; a signal cancels."""

    def __init__(self, device: str) -> None:
        # These import torch, which commands that only list must not wait for.
        from ..devices import choose_device, use_all_cores
        from ..worker.engine_cache import EngineCache

        self._engines = EngineCache(choose_device(device))
        use_all_cores()

    def run(self, job: LocalJob, folder: Path, report: ProgressCallback) -> tuple[Artifact, ...]:
        """Run a job; its files appear in `folder` all at once, or not at all.

        Raises:
            Cancelled: Ctrl+C was pressed, or the process was asked to end.
            SplatsmithError: the job failed.
        """
        if isinstance(job, ExtractionJob):
            _refuse_overwriting(job.cloud, folder)
        with cancel_on_signal() as stop, atomic_directory(folder) as partial:
            progress = Progress(report, stop.is_set)
            self._run_pipeline(job, partial, progress)
            artifacts = describe_artifacts(partial)
            progress.step(1, 1)
        return artifacts

    def _run_pipeline(self, job: LocalJob, folder: Path, progress: Progress) -> None:
        from ..worker import pipeline  # torch, as above

        if isinstance(job, GenerationJob):
            pipeline.generate(job.request, job.pictures, folder, self._engines, progress)
        else:
            pipeline.extract(job.request, job.cloud, folder, self._engines.device, progress)


def prepare_generation(
    request: GenerateRequest, pictures: Mapping[ConditionKind, Path]
) -> GenerationJob:
    """Check `request`, with `pictures` by role, against its engine's card.

    Raises:
        InvalidRequest, NotFound, UnreadablePicture, WeightsMissing, WeightsDamaged: what the
            names say.
    """
    for role, picture in pictures.items():
        read_picture(picture)
        request.pictures[role] = file_digest(picture)
    card = registry.card(request.engine)
    completed = request.completed(card)
    require(
        card.variant(completed.variant).required_checkpoints(
            completed.conditions, completed.parameters
        )
    )
    return GenerationJob(completed, dict(pictures))


def prepare_extraction(template: ExtractRequest, cloud: Path, name: str) -> ExtractionJob:
    """An extraction as in `template`, from the splat file `cloud`.

    Raises:
        UnreadableCloud: there is no such file, or it may not be read.
    """
    try:
        return ExtractionJob(replace(template, cloud=file_digest(cloud), name=name), cloud)
    except OSError as error:
        raise UnreadableCloud(
            f"{cloud} cannot be read: {error.strerror}.", "Check the name."
        ) from error


def _refuse_overwriting(cloud: Path, folder: Path) -> None:
    """Results must not replace the asset that they are extracted from, nor its record."""
    if cloud.name in MEDIA_TYPES and cloud.resolve().parent == folder.resolve():
        raise InvalidRequest(
            f"The results would be written over those that {cloud} belongs to.",
            "Choose another folder with --out.",
        )


@contextmanager
def cancel_on_signal() -> Iterator[threading.Event]:
    """The first Ctrl+C or request to end (`kill`, a closed terminal) sets the event.

    A second one interrupts at once, as a KeyboardInterrupt.
    """
    stop = threading.Event()
    numbers = [getattr(signal, name) for name in _ENDING_SIGNALS if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}

    def handle(_number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    for number in before:
        if number in (signal.SIGINT, signal.SIGTERM) or before[number] == signal.SIG_DFL:
            signal.signal(number, handle)  # nohup ignores SIGHUP
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
