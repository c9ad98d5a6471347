"""Requests and answers of the HTTP interface, version 1, as frozen dataclasses.

`to_json` and `from_json` (contract.jsonable) carry them over the wire; times are Unix seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

from .cards import PICTURE_CONDITIONS, ConditionKind, EngineCard
from .class_labels import find_class_label
from .parameters import SAMPLE, SAMPLES
from .problems import InvalidRequest, NotFound, Problem
from .splat_formats import TRAITS, SplatFormat, check_up
from .turntables import Turntable
from .up_axis import UpAxis

PROTOCOL_VERSION = 1
DEFAULT_ENGINE = "sprout"
MAX_PROMPT_CHARACTERS = 200_000  # engines read far less, and note where they stop
MAX_NAME_CHARACTERS = 200


class Product(StrEnum):
    """Kinds of results of a job."""

    SPLATS = "splats"
    MESH = "mesh"
    POINTS = "points"


class JobKind(StrEnum):
    GENERATE = "generate"
    EXTRACT = "extract"
    CONVERT = "convert"
    DOWNLOAD = "download"
    IMPORT = "import"

    @property
    def makes_asset(self) -> bool:
        """Whether it leaves files to be imported into a scene."""
        return self in (JobKind.GENERATE, JobKind.EXTRACT)

    @property
    def is_about_checkpoints(self) -> bool:
        return self in (JobKind.DOWNLOAD, JobKind.IMPORT)


class JobState(StrEnum):
    QUEUED = "queued"  # waiting for the worker
    RUNNING = "running"  # the worker is on it
    SUCCEEDED = "succeeded"  # its artifacts are complete
    FAILED = "failed"  # for the reason in `problem`
    CANCELLED = "cancelled"  # a user stopped it

    @property
    def is_final(self) -> bool:
        return self in (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)


class Closure(StrEnum):
    """Treatment of regions that no camera can see."""

    AUTO = "auto"  # watertight for objects, open for scenes
    WATERTIGHT = "watertight"  # solid: one closed skin, without holes
    OPEN = "open"  # nothing is made up: surface only where it was seen


class Interior(StrEnum):
    """What becomes of a space within a single skin; within walls of two sides it stays free."""

    AUTO = "auto"  # what is seen of it stays free, the rest is filled
    SOLID = "solid"  # filled up to its opening
    SHELL = "shell"  # free: the skin becomes a wall as thick as a voxel


class Crop(StrEnum):
    """What is made without the sky or background that lies far around a capture's subject."""

    AUTO = "auto"  # meshes
    ALL = "all"  # meshes and points
    NONE = "none"  # nothing


TEXTURE_SIZES = (512, 1024, 2048, 4096, 8192)  # pixels a side
RESOLUTIONS = (32, 512)  # least and most voxels along the longest side


@dataclass(frozen=True)
class ExtractionOptions:
    """Options for the extraction of meshes and points.

    Attributes:
        face_budget: the most triangles of the mesh.
        texture_size: pixels a side, one of TEXTURE_SIZES; 0 for colours at the vertices instead.
        resolution: voxels along the longest side, in RESOLUTIONS; 0 to choose by the Gaussians.
        closure: whether the mesh is one closed skin.
        close_bottom: fill what only opens towards the ground, as the inside of a bell does.
        point_count: of the point cloud.
        interior: what becomes of a closed mesh's spaces within a single skin.
        crop: what is made without a sky or background far around.
    """

    face_budget: int = 20_000
    texture_size: int = 2048
    resolution: int = 0
    closure: Closure = Closure.AUTO
    close_bottom: bool = True
    point_count: int = 50_000
    interior: Interior = Interior.AUTO
    crop: Crop = Crop.AUTO

    def __post_init__(self) -> None:
        _check_range("face_budget", self.face_budget, 4, 5_000_000)
        _check_range("point_count", self.point_count, 1, 20_000_000)
        if self.resolution:
            _check_range("resolution", self.resolution, *RESOLUTIONS)
        if self.texture_size and self.texture_size not in TEXTURE_SIZES:
            raise InvalidRequest(
                f"texture_size is {self.texture_size:,}.",
                f"It must be one of {', '.join(map(str, TEXTURE_SIZES))}, or 0 for vertex colours.",
            )


@dataclass(frozen=True)
class GenerateRequest:
    """A prompt, pictures by role (ids from POST /v1/images), a class, for one engine.

    class_label: one of the engine's class labels, or its number.
    """

    prompt: str = ""
    pictures: dict[ConditionKind, str] = field(default_factory=dict[ConditionKind, str])
    engine: str = DEFAULT_ENGINE
    variant: str = ""
    parameters: dict[str, object] = field(default_factory=dict[str, object])
    products: tuple[Product, ...] = (Product.SPLATS, Product.MESH, Product.POINTS)
    extraction: ExtractionOptions = field(default_factory=ExtractionOptions)
    name: str = ""
    turntables: tuple[Turntable, ...] = (Turntable.WEBP,)
    class_label: str = ""

    @property
    def conditions(self) -> frozenset[ConditionKind]:
        text = {ConditionKind.TEXT} if self.prompt.strip() else set[ConditionKind]()
        label = {ConditionKind.CLASS} if self.class_label.strip() else set[ConditionKind]()
        return frozenset(text | label | set(self.pictures))

    @property
    def title(self) -> str:
        """The asset's display name: its name, else its prompt, else its class."""
        return self.name.strip() or self.prompt.strip() or self.class_label.strip() or "Asset"

    def completed(self, card: EngineCard) -> GenerateRequest:
        """This request with every default filled in, checked against the engine's card.

        Raises:
            InvalidRequest: anything in it is missing, unknown or out of range.
        """
        if len(self.prompt) > MAX_PROMPT_CHARACTERS:
            raise InvalidRequest(
                f"The prompt has {len(self.prompt):,} characters.",
                f"Shorten it to {MAX_PROMPT_CHARACTERS:,} at most.",
            )
        for what, text in (("name", self.name), ("class", self.class_label)):
            if len(text) > MAX_NAME_CHARACTERS:
                raise InvalidRequest(
                    f"The {what} has {len(text)} characters.",
                    f"Shorten it to {MAX_NAME_CHARACTERS} at most.",
                )
        if odd := sorted(set(self.pictures) - PICTURE_CONDITIONS):
            raise InvalidRequest(f"{odd[0]!r} is not a picture's role.", "Use 'image'.")
        if not self.products:
            raise InvalidRequest("No result was asked for.", "Choose splats, mesh or points.")
        variant = card.variant(self.variant)
        card.check_conditions(variant, self.conditions)
        return replace(
            self,
            variant=variant.id,
            class_label=self._completed_label(card),
            parameters=dict(card.check_parameters(variant, self.parameters)),
        )

    def for_each_sample(self) -> tuple[GenerateRequest, ...]:
        """One request for each of the `samples` that an engine makes in a batch; this alone where
        it asks for one, or names the `sample` that it is for.
        """
        count, most = self.parameters.get(SAMPLES.name, 1), SAMPLES.maximum or 1
        if not isinstance(count, int) or not 1 < count <= most or self.parameters.get(SAMPLE.name):
            return (self,)
        return tuple(
            replace(
                self,
                parameters={**self.parameters, SAMPLE.name: number},
                name=f"{self.title} {number}",
            )
            for number in range(1, count + 1)
        )

    def _completed_label(self, card: EngineCard) -> str:
        label = self.class_label.strip()
        return find_class_label(card.class_labels, label) if label else ""


@dataclass(frozen=True)
class ExtractRequest:
    """Mesh or points from a cloud already at the service: `cloud` is an id from POST /v1/clouds.

    up: the axis of the file that points up; None is what its header says, or Y.
    """

    cloud: str
    products: tuple[Product, ...] = (Product.MESH,)
    extraction: ExtractionOptions = field(default_factory=ExtractionOptions)
    name: str = ""
    up: UpAxis | None = None

    @property
    def title(self) -> str:
        return self.name.strip() or "Extraction"


@dataclass(frozen=True)
class ConvertRequest:
    """One splat file of another format, made of one or several: `clouds` are ids from POST
    /v1/clouds.

    Attributes:
        format: what to write.
        up: the axis of the files that points up; None is what each says, or Y.
        target_up: the axis that is to point up in what is written.
        source_format: what the files are; None to tell by their content.
    """

    clouds: tuple[str, ...]
    format: SplatFormat
    up: UpAxis | None = None
    target_up: UpAxis = UpAxis.Y
    source_format: SplatFormat | None = None
    name: str = ""

    @property
    def title(self) -> str:
        return self.name.strip() or f"Convert to {TRAITS[self.format].title}"

    def completed(self) -> ConvertRequest:
        """This request, checked.

        Raises:
            InvalidRequest: it names no cloud, or an axis that the format cannot have up.
        """
        if not self.clouds:
            raise InvalidRequest("There is nothing to convert.", "Name at least one cloud.")
        check_up(self.format, self.target_up)
        return self


@dataclass(frozen=True)
class DownloadRequest:
    """Fetch checkpoints of an engine's variant, by their ids: all of them if none is named.

    accept_licence: the user has read and accepted their licences.
    """

    engine: str
    variant: str = ""
    checkpoints: tuple[str, ...] = ()
    accept_licence: bool = False

    @property
    def title(self) -> str:
        return f"Download {self.engine} {self.variant}".strip()

    def completed(self, card: EngineCard) -> DownloadRequest:
        """This request with its variant and all checkpoints by name.

        Raises:
            NotFound: the variant has no such checkpoint.
            InvalidRequest: it has none that could be downloaded.
        """
        variant = card.variant(self.variant)
        known = tuple(c.id for c in variant.checkpoints if c.is_downloadable)
        if not known:
            raise InvalidRequest(
                f"There is nothing to download for {variant.title}.", "It is ready to be used."
            )
        if unknown := [name for name in self.checkpoints if name not in known]:
            raise NotFound(
                f"{variant.title} has no checkpoint {unknown[0]!r}.", f"It has: {', '.join(known)}."
            )
        return replace(self, variant=variant.id, checkpoints=self.checkpoints or known)


@dataclass(frozen=True)
class ImportRequest:
    """Import a file of weights: `upload` is an id from POST /v1/weights.

    It is recognised by its tensors among `checkpoints`, ids of the engine's; by default all of
    them, or those of `variant`. file_name: what the user calls the file, for messages.
    """

    upload: str
    engine: str
    variant: str = ""
    checkpoints: tuple[str, ...] = ()
    file_name: str = "checkpoint"

    @property
    def title(self) -> str:
        return f"Import {self.file_name}"

    def completed(self, card: EngineCard) -> ImportRequest:
        """This request with the checkpoints by name.

        Raises:
            NotFound: the engine has no such variant or checkpoint.
            InvalidRequest: the file's name is none, or there is nothing that could be imported.
        """
        if not 0 < len(self.file_name) <= MAX_NAME_CHARACTERS or set(self.file_name) & set("/\\"):
            raise InvalidRequest("The file's name is none.", "Send its name without folders.")
        variants = (card.variant(self.variant),) if self.variant else card.variants
        found = (each for variant in variants for each in variant.checkpoints)
        known = tuple(dict.fromkeys(each.id for each in found if not each.is_bundled))
        if not known:
            raise InvalidRequest(f"{card.title} has no weights to import.", "It is ready to use.")
        if unknown := [name for name in self.checkpoints if name not in known]:
            raise NotFound(
                f"{card.title} has no checkpoint {unknown[0]!r}.", f"It has: {', '.join(known)}."
            )
        return replace(self, checkpoints=self.checkpoints or known)


@dataclass(frozen=True)
class Artifact:
    """A finished file of a job, under /v1/jobs/{id}/artifacts/{name}."""

    name: str
    media_type: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class JobStatus:
    """A job as seen from outside.

    id: letters and digits, so that it can name a folder.
    progress: runs from 0 to 1. request: the request's JSON.
    notes: remarks on its result, such as where a prompt was cut or what was left out; sentences.
    client_data: what the client submitted with it for itself.
    """

    id: str
    kind: JobKind
    state: JobState
    title: str
    request: dict[str, object]
    created: float
    started: float | None = None
    finished: float | None = None
    progress: float = 0.0
    stage: str = ""
    artifacts: tuple[Artifact, ...] = ()
    problem: Problem | None = None
    notes: tuple[str, ...] = ()
    client_data: dict[str, object] = field(default_factory=dict[str, object])

    def __post_init__(self) -> None:
        if not (self.id.isascii() and self.id.isalnum()):
            raise InvalidRequest(
                f"{self.id!r} is no job's id.", "Connect to a backend of Splatsmith."
            )


@dataclass(frozen=True)
class Health:
    """Versions, the worker's state (starting, idle, busy, stopped) and the name of its device.

    problem: why no job can be run at the moment; the service goes on trying.
    """

    protocol: int
    version: str
    worker: str
    device: str
    problem: Problem | None = None


def _check_range(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise InvalidRequest(f"{name} is {value:,}.", f"It must lie between {low:,} and {high:,}.")
