"""What an engine can do, as data: the panel, the command line and the API are drawn from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from .licences import Licence
from .parameters import ParameterSpec, ParameterValue
from .problems import InvalidRequest, NotFound


class ConditionKind(StrEnum):
    """What an engine may be told. All but TEXT and CLASS are pictures."""

    TEXT = "text"
    IMAGE = "image"
    CLASS = "class"
    DEPTH = "depth"
    NORMAL = "normal"
    CANNY = "canny"


PICTURE_CONDITIONS = frozenset(
    {ConditionKind.IMAGE, ConditionKind.DEPTH, ConditionKind.NORMAL, ConditionKind.CANNY}
)


@dataclass(frozen=True)
class TensorSignature:
    """A tensor that tells one checkpoint's file from another's by its shape."""

    name: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class CheckpointFile:
    """A file, or several by a pattern, of a checkpoint.

    path: inside the repository; `*` stands for any part of a name. Where it stands for a folder,
        as training steps do, the last one counts.
    size_bytes: of all that `path` matches: exact if `sha256` is given, else an estimate, until
        the hub says.
    signatures: of which every file of weights holds all, or their shards do together.
    """

    path: str
    size_bytes: int
    sha256: str = ""
    signatures: tuple[TensorSignature, ...] = ()


@dataclass(frozen=True)
class Requirement:
    """Which requests use a checkpoint: all, unless something is said here.

    given: needed with any of these conditions alone.
    without: not needed with any of these.
    parameter: needed only if the engine's parameter of that name has this `value`.
    """

    given: tuple[ConditionKind, ...] = ()
    without: tuple[ConditionKind, ...] = ()
    parameter: str = ""
    value: object = True

    def applies(self, given: frozenset[ConditionKind], parameters: Mapping[str, object]) -> bool:
        """Whether a request with these conditions and (complete) parameters needs it."""
        if self.given and not given & set(self.given):
            return False
        if given & set(self.without):
            return False
        return not self.parameter or parameters[self.parameter] == self.value


@dataclass(frozen=True)
class Checkpoint:
    """Files that are fetched and used together: of one repository, or inside the package.

    id: its name on the command line, in messages and records; unique among all engines'.
    repository: "owner/name" on the hub; empty if the files travel with the package.
    revision: a commit, tag or branch; of a branch, the commit is recorded at the download.
    gated: the hub asks for a token of a user who was granted access there.
    """

    id: str
    title: str
    files: tuple[CheckpointFile, ...]
    licence: Licence
    repository: str = ""
    revision: str = "main"
    gated: bool = False
    requirement: Requirement = Requirement()

    @property
    def size_bytes(self) -> int:
        """Of all files; an estimate unless all have a known hash."""
        return sum(file.size_bytes for file in self.files)

    @property
    def is_bundled(self) -> bool:
        return not self.repository


@dataclass(frozen=True)
class Variant:
    """A form of an engine with weights of its own. `required` conditions must all be given.

    mutually_exclusive: conditions of which one at most may be given.
    memory_bytes: by a dtype's name, the least of a device's memory that a job was seen to do with.
    """

    id: str
    title: str
    conditions: tuple[ConditionKind, ...]
    required: tuple[ConditionKind, ...] = ()
    mutually_exclusive: tuple[ConditionKind, ...] = ()
    checkpoints: tuple[Checkpoint, ...] = ()
    memory_bytes: dict[str, int] = field(default_factory=dict[str, int])
    parameters: tuple[ParameterSpec, ...] = ()

    def required_checkpoints(
        self, given: frozenset[ConditionKind], parameters: Mapping[str, object]
    ) -> tuple[Checkpoint, ...]:
        """The checkpoints that a request with these conditions and parameters uses."""
        return tuple(c for c in self.checkpoints if c.requirement.applies(given, parameters))


@dataclass(frozen=True)
class MapCamera:
    """How the front camera of an engine that takes maps stands: at `elevation`, a parameter.

    distance: from the origin, in the engine's units. fov: degrees, the picture's whole side.
    """

    distance: float
    fov: float


@dataclass(frozen=True)
class EngineCard:
    """An engine's name and abilities."""

    id: str
    title: str
    description: str
    variants: tuple[Variant, ...]
    quality: str = ""
    map_camera: MapCamera | None = None

    def variant(self, name: str) -> Variant:
        """The variant called `name`; the first one if `name` is empty."""
        for variant in self.variants:
            if name in ("", variant.id):
                return variant
        known = ", ".join(v.id for v in self.variants)
        raise NotFound(f"{self.title} has no variant {name!r}.", f"It has: {known}.")

    def check_parameters(
        self, variant: Variant, given: Mapping[str, object]
    ) -> dict[str, ParameterValue]:
        """All parameters of the variant: those `given`, checked, and the others' defaults.

        Raises:
            InvalidRequest: one is unknown, of the wrong type or out of range.
        """
        specs = {spec.name: spec for spec in variant.parameters}
        if unknown := sorted(set(given) - set(specs)):
            raise InvalidRequest(
                f"{self.title} ({variant.title}) has no parameter {unknown[0]!r}.",
                f"It knows: {', '.join(specs)}.",
            )
        return {name: spec.check(given.get(name, spec.default)) for name, spec in specs.items()}

    def check_conditions(self, variant: Variant, given: frozenset[ConditionKind]) -> None:
        """Refuse what the variant does not take, what does not go together, and no condition."""
        if surplus := sorted(given - set(variant.conditions)):
            raise InvalidRequest(
                f"{self.title} ({variant.title}) takes no {surplus[0]}.",
                f"It takes: {', '.join(variant.conditions)}.",
            )
        if not given:
            raise InvalidRequest(
                "There is neither a prompt nor a picture.", "Type a prompt or choose a picture."
            )
        if missing := sorted(set(variant.required) - given):
            raise InvalidRequest(
                f"{self.title} ({variant.title}) needs {missing[0]}.", "Add it and try again."
            )
        if len(both := [each for each in variant.mutually_exclusive if each in given]) > 1:
            raise InvalidRequest(
                f"{self.title} ({variant.title}) takes {both[0]} or {both[1]}, not both.",
                "Give one of them.",
            )
