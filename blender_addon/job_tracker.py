"""Where orders are taken and finished ones handed out: the add-on's one session and its state."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from .contract.artifacts import JOB_RECORD
from .contract.cards import ConditionKind
from .contract.cloud import GaussianCloud
from .contract.jsonable import from_json
from .contract.problems import NotFound, SplatsmithError
from .contract.protocol import (
    DownloadRequest,
    ExtractRequest,
    GenerateRequest,
    JobKind,
    JobStatus,
)
from .contract.wire import REQUEST_TYPES
from .importing.files import Asset, Origin, Placement, import_files, import_with_transform
from .importing.post_import import PostImport, apply_post_import
from .link.errors import ServiceError
from .link.session import RESULTS, Session
from .link.snapshot import BackendSettings, Order, Outcome
from .scene.transform_snapshot import TransformSnapshot


class Cancelled(SplatsmithError):
    """Raised where somebody waits for a job that was cancelled."""

    code = "cancelled"
    title = "The job was cancelled"
    status = 409


@dataclass(frozen=True)
class Ending:
    """How an order ended: with an asset in the scene, with an error, or, a download, well."""

    key: str
    asset: Asset | None = None
    error: SplatsmithError | None = None


@dataclass(frozen=True)
class Wish:
    """What is to become of an order's results.

    place: where they rest; for an extraction, where its splats stand.
    made: the request in the mark of those splats, if they have one, and the engine.
    """

    place: Placement | TransformSnapshot
    post_import: PostImport = PostImport()
    made: str = ""
    engine: str = ""


class Desk:
    """The orders of this Blender that are not in the scene yet. Main thread only."""

    def __init__(self) -> None:
        self._settings: BackendSettings | None = None
        self._session: Session | None = None
        self._wishes: dict[str, Wish] = {}  # by order, until it ends
        self._extractions: dict[str, Wish] = {}  # by job, of those that have ended
        self._endings: dict[str, Ending] = {}  # not yet taken

    @property
    def is_configured(self) -> bool:
        return self._settings is not None

    @property
    def session(self) -> Session:
        """The session, begun on first use.

        Raises:
            RuntimeError: `configure` was never called.
        """
        if self._session is None:
            if self._settings is None:
                raise RuntimeError("The desk has no settings: call `configure` first.")
            self._session = Session(self._settings)
        return self._session

    def configure(self, settings: BackendSettings) -> None:
        """Use `settings` from now on; a session with other ones is closed, with its orders."""
        if settings != self._settings:
            self.close()
            self._settings = settings

    def submit(
        self, request: GenerateRequest, pictures: Mapping[ConditionKind, bytes], wish: Wish
    ) -> str:
        """Order an asset; returns the order's key at once."""
        for data in pictures.values():
            self._keep(data)
        key = self._note(wish)
        self.session.submit(Order(key, request, pictures))
        return key

    def submit_extraction(
        self, request: ExtractRequest, cloud: Callable[[], GaussianCloud], wish: Wish
    ) -> str:
        """Order mesh or points of a cloud; returns the order's key at once."""
        key = self._note(wish)
        self.session.submit(Order(key, request, cloud=cloud))
        return key

    def submit_download(self, request: DownloadRequest) -> str:
        """Order checkpoints, now that Blender is online; returns the order's key at once.

        A backend that was started to stay offline is started anew.
        """
        if self._settings is not None and self._settings.offline:
            self.configure(replace(self._settings, offline=False))
        key = self._note(Wish(Placement()))
        self.session.submit(Order(key, request))
        return key

    def retry(self, job: str) -> str:
        """Order the request of `job` again, to rest where its splats are, or at the cursor."""
        key = self._note(self._extractions.get(job, Wish(Placement())))
        self.session.retry(job, key)
        return key

    def fetch(self, job: str) -> str:
        """Have the results of a finished `job` imported, to rest as in `retry`."""
        key = self._note(self._extractions.get(job, Wish(Placement())))
        self.session.fetch(job, key)
        return key

    def poll(self) -> list[Ending]:
        """Import what has finished since the last call."""
        if self._session is None:
            return []
        endings = [self._end(outcome) for outcome in self._session.collect()]
        self._endings.update((ending.key, ending) for ending in endings)
        return endings

    def take(self, key: str) -> Ending | None:
        """How the order `key` ended; None while it is under way."""
        if key not in self._endings and key not in self._wishes:
            raise KeyError(f"There is no order {key!r} to wait for.")
        return self._endings.pop(key, None)

    def note_failure(self, error: SplatsmithError) -> str:
        """The key of an order that failed before it could be sent."""
        key = uuid.uuid4().hex
        self._endings[key] = Ending(key, error=error)
        return key

    def fetched_files(self, job: str) -> Path:
        """The folder with the files of `job`.

        Raises:
            NotFound: they were not fetched from the service.
        """
        folder = self.session.settings.folder / RESULTS / job
        if not folder.joinpath(JOB_RECORD).is_file():
            raise NotFound("The files of this job are not here.", "Import it, and they will be.")
        return folder

    def kept_picture(self, upload: str) -> Path | None:
        """The file of a picture that was ordered from this machine, by the id in its request."""
        path = self._pictures / upload
        return path if path.is_file() else None

    def close(self) -> None:
        """Stop the backend, if one was started."""
        session, self._session = self._session, None
        if session is not None:
            session.close()

    @property
    def _pictures(self) -> Path:
        return self.session.settings.folder / "pictures"

    def _keep(self, data: bytes) -> None:
        # The service names an upload by its content's hash too: so a request leads back here.
        self._pictures.mkdir(parents=True, exist_ok=True)
        (self._pictures / hashlib.sha256(data).hexdigest()).write_bytes(data)

    def _note(self, wish: Wish) -> str:
        """A new order's key."""
        key = uuid.uuid4().hex
        if isinstance(wish.place, Placement):
            wish = replace(wish, place=wish.place.resolved())
        self._wishes[key] = wish
        return key

    def _end(self, outcome: Outcome) -> Ending:
        wish = self._wishes.pop(outcome.key, Wish(Placement()))
        if isinstance(wish.place, TransformSnapshot):
            self._extractions[outcome.job.id] = wish
        if outcome.job.problem is not None:
            return Ending(outcome.key, error=ServiceError(outcome.job.problem))
        if outcome.job.kind is JobKind.DOWNLOAD and outcome.folder is not None:
            return Ending(outcome.key)
        if outcome.folder is None:
            return Ending(outcome.key, error=Cancelled("The job was cancelled."))
        try:
            return Ending(outcome.key, _import(outcome.job, outcome.folder, wish))
        except SplatsmithError as error:
            return Ending(outcome.key, error=error)


def _import(job: JobStatus, folder: Path, wish: Wish) -> Asset:
    request = from_json(REQUEST_TYPES[job.kind], job.request)
    assert isinstance(request, GenerateRequest | ExtractRequest)
    made = wish.made or json.dumps(job.request, ensure_ascii=False)
    engine = wish.engine if isinstance(request, ExtractRequest) else request.engine
    origin = Origin(job.title, made, engine, job.id)
    if isinstance(wish.place, TransformSnapshot):
        asset = import_with_transform(folder, request.products, origin, wish.place)
        return apply_post_import(asset, wish.post_import, wish.place.object)
    asset = import_files(folder, request.products, origin, wish.place)
    return apply_post_import(asset, wish.post_import)
