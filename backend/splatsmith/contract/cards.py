"""Cards: the abilities of engines as data, from which panel, command line and API are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from .licences import CommercialUse, Licence, commercial_use_of
from .parameters import ParameterSpec, ParameterValue
from .problems import InvalidRequest, NotFound
from .tensor_layouts import TensorLayout, TensorSignature


class ConditionKind(StrEnum):
    """Kinds of conditions for a generation. All but TEXT and CLASS are pictures.

    RIGHT, BACK and LEFT are pictures of the object in IMAGE, which is its front, from its other
    sides: RIGHT from where Blender's right view looks. VIEWS is a sheet of views with depths.
    """

    TEXT = "text"
    IMAGE = "image"
    RIGHT = "right"
    BACK = "back"
    LEFT = "left"
    CLASS = "class"
    DEPTH = "depth"
    NORMAL = "normal"
    CANNY = "canny"
    VIEWS = "views"


SIDE_CONDITIONS = (ConditionKind.RIGHT, ConditionKind.BACK, ConditionKind.LEFT)
MAP_CONDITIONS = (ConditionKind.DEPTH, ConditionKind.NORMAL, ConditionKind.CANNY)
PICTURE_CONDITIONS = frozenset(
    {ConditionKind.IMAGE, *SIDE_CONDITIONS, *MAP_CONDITIONS, ConditionKind.VIEWS}
)
CONDITION_NAMES = {
    ConditionKind.TEXT: "prompt",
    ConditionKind.IMAGE: "picture",
    **{side: f"picture of its {side}" for side in SIDE_CONDITIONS},
    ConditionKind.CLASS: "class",
    ConditionKind.DEPTH: "depth map",
    ConditionKind.NORMAL: "normal map",
    ConditionKind.CANNY: "picture of edges (canny)",
    ConditionKind.VIEWS: "sheet of views",
}
# Any of these may be all that an asset is generated from.
SUFFICIENT_CONDITIONS = (ConditionKind.TEXT, ConditionKind.CLASS, ConditionKind.IMAGE)


@dataclass(frozen=True)
class CheckpointFile:
    """A file, or several by a pattern, of a checkpoint.

    path: inside the repository; `*` matches any part of a name. Where it matches folders,
        as training steps do, the last one counts.
    size_bytes: of all that `path` matches: exact if `sha256` is given, else an estimate, until
        the hub says.
    signatures: of which every file of weights holds all, or their shards do together.
    layout: all tensors of the file. Required for a pickle, which is converted by it.
    """

    path: str
    size_bytes: int
    sha256: str = ""
    signatures: tuple[TensorSignature, ...] = ()
    layout: TensorLayout | None = None

    @property
    def has_weights(self) -> bool:
        """Whether the file holds tensors that the card describes."""
        return bool(self.signatures) or self.layout is not None


@dataclass(frozen=True)
class Requirement:
    """Requests that use a checkpoint: those that meet all of these criteria.

    given: any of these conditions is given.
    without: none of these is given.
    parameter: the variant's parameter of that name has this `value`.
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


class CheckpointSource(StrEnum):
    """Origin of a checkpoint's files."""

    HUB = "hub"  # a repository; downloaded when the user asks for it
    OWN_FILE = "own-file"  # published nowhere: the user imports a file of his own
    BUNDLED = "bundled"  # shipped in the package


@dataclass(frozen=True)
class Checkpoint:
    """Files that are fetched and used together.

    id: its name on the command line, in messages and records; unique among all engines'.
    repository: "owner/name" on the hub; empty for other sources.
    revision: a commit, tag or branch; of a branch, the commit is recorded at the download.
    gated: the hub asks for a token of a user who was granted access there.
    requirements: of the requests that use it, which meet any of them; none = all requests.
    """

    id: str
    title: str
    files: tuple[CheckpointFile, ...]
    licence: Licence
    repository: str = ""
    revision: str = "main"
    gated: bool = False
    requirements: tuple[Requirement, ...] = ()
    source: CheckpointSource = CheckpointSource.HUB

    def is_required(
        self, given: frozenset[ConditionKind], parameters: Mapping[str, object]
    ) -> bool:
        """Whether a request with these conditions and (complete) parameters uses it."""
        if not self.requirements:
            return True
        return any(each.applies(given, parameters) for each in self.requirements)

    @property
    def size_bytes(self) -> int:
        """Of all files; an estimate unless all have a known hash."""
        return sum(file.size_bytes for file in self.files)

    @property
    def is_bundled(self) -> bool:
        return self.source is CheckpointSource.BUNDLED

    @property
    def is_downloadable(self) -> bool:
        return self.source is CheckpointSource.HUB


@dataclass(frozen=True)
class Variant:
    """A form of an engine with weights and parameters of its own.

    required: conditions that must all be given.
    mutually_exclusive: conditions of which one at most may be given.
    memory_bytes: by a dtype's name, the least of a device's memory that a job was seen to do with.
    keeps_background: a picture is taken whole, not cut out.
    """

    id: str
    title: str
    conditions: tuple[ConditionKind, ...]
    required: tuple[ConditionKind, ...] = ()
    mutually_exclusive: tuple[ConditionKind, ...] = ()
    checkpoints: tuple[Checkpoint, ...] = ()
    memory_bytes: dict[str, int] = field(default_factory=dict[str, int])
    parameters: tuple[ParameterSpec, ...] = ()
    keeps_background: bool = False

    def required_checkpoints(
        self, given: frozenset[ConditionKind], parameters: Mapping[str, object]
    ) -> tuple[Checkpoint, ...]:
        """The checkpoints that a request with these conditions and parameters uses."""
        read = self.conditions_read(given)
        return tuple(c for c in self.checkpoints if c.is_required(read, parameters))

    @property
    def licences(self) -> tuple[Licence, ...]:
        """Those of all checkpoints, each once."""
        return tuple(dict.fromkeys(checkpoint.licence for checkpoint in self.checkpoints))

    @property
    def finds_class_by_prompt(self) -> bool:
        """Whether a prompt is replaced by the class label that is nearest to it."""
        takes = self.conditions
        return ConditionKind.CLASS in takes and ConditionKind.TEXT not in takes

    def conditions_read(self, given: frozenset[ConditionKind]) -> frozenset[ConditionKind]:
        """The conditions that the engine gets: a prompt may be replaced by a class."""
        if self.finds_class_by_prompt and ConditionKind.TEXT in given:
            return given - {ConditionKind.TEXT} | {ConditionKind.CLASS}
        return given


@dataclass(frozen=True)
class MapCamera:
    """The front camera of an engine that takes maps; its elevation is the parameter `elevation`.

    distance: from the origin, in the engine's units. fov: degrees, the picture's whole side.
    """

    distance: float
    fov: float


@dataclass(frozen=True)
class EngineCard:
    """An engine's name and abilities.

    quality: a word for the user, such as "preview".
    class_labels: the classes of variants that take one, all different, in the network's order.
    """

    id: str
    title: str
    description: str
    variants: tuple[Variant, ...]
    quality: str = ""
    map_camera: MapCamera | None = None
    class_labels: tuple[str, ...] = ()

    @property
    def forbids_commercial_use(self) -> bool:
        """Whether every variant has a checkpoint whose licence forbids it."""
        uses = {commercial_use_of(variant.licences) for variant in self.variants}
        return uses == {CommercialUse.FORBIDDEN}

    def variant(self, name: str) -> Variant:
        """The variant called `name`; the first one if `name` is empty."""
        for variant in self.variants:
            if name in ("", variant.id):
                return variant
        known = ", ".join(v.id for v in self.variants)
        raise NotFound(f"{self.title} has no variant {name!r}.", f"It has: {known}.")

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """Of all variants."""
        names = (spec.name for variant in self.variants for spec in variant.parameters)
        return tuple(dict.fromkeys(names))

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
        """Refuse what the variant does not take, what does not go together, and what is missing.

        Raises:
            InvalidRequest: with what to give instead.
        """
        name = f"{self.title} ({variant.title})"
        if variant.finds_class_by_prompt and {ConditionKind.TEXT, ConditionKind.CLASS} <= given:
            raise InvalidRequest(
                f"{name} takes a class or a prompt that finds one, not both.", "Give one of them."
            )
        read = variant.conditions_read(given)
        if surplus := sorted(read - set(variant.conditions)):
            kind = surplus[0]
            unknown = CONDITION_NAMES[kind] if kind in SIDE_CONDITIONS else kind
            raise InvalidRequest(
                f"{name} takes no {unknown}.", f"It takes: {', '.join(variant.conditions)}."
            )
        if not given:
            raise _nothing_given(variant)
        if missing := [each for each in variant.required if each not in read]:
            raise InvalidRequest(
                f"{name} needs a {CONDITION_NAMES[missing[0]]}.", "Add it and try again."
            )
        if len(both := [each for each in variant.mutually_exclusive if each in read]) > 1:
            raise InvalidRequest(
                f"{name} takes {both[0]} or {both[1]}, not both.", "Give one of them."
            )


def _nothing_given(variant: Variant) -> InvalidRequest:
    """The error for a request without conditions; names those that are required or sufficient."""
    takes = set(variant.conditions)
    if variant.finds_class_by_prompt:
        takes.add(ConditionKind.TEXT)
    wanted = variant.required or tuple(each for each in SUFFICIENT_CONDITIONS if each in takes)
    names = [CONDITION_NAMES[each] for each in wanted]
    first, *others = names
    detail = f"neither a {first} nor a {' nor a '.join(others)}" if others else f"no {first}"
    verbs = ["type" if each is ConditionKind.TEXT else "choose" for each in wanted]
    steps = [f"{verb} a {name}" for verb, name in zip(verbs, names, strict=True)]
    remedy = (" and " if variant.required else " or ").join(steps)
    return InvalidRequest(f"There is {detail}.", f"{remedy[0].upper()}{remedy[1:]}.")
