"""The panel's settings, stored in the scene, and a property group made from each engine's card.

Every parameter is a Blender property, with slider, unit, tooltip and "Reset to Default"; an
engine's group is registered when the backend first lists the engine.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import bpy
from bpy.props import EnumProperty, FloatProperty, IntProperty, PointerProperty, StringProperty

from .. import api
from ..contract.cards import MAP_CONDITIONS, SIDE_CONDITIONS, ConditionKind, EngineCard
from ..contract.parameters import ParameterSpec, ParameterType, ParameterValue
from ..contract.protocol import DEFAULT_ENGINE, GenerateRequest, Product
from ..contract.turntables import Turntable
from .class_label_search import search_labels
from .engine_choice import is_hidden
from .extraction_properties import ExtractionFields
from .placement_properties import PlacementProperties
from .turntable_items import TURNTABLE_ITEMS

LARGEST_INT = 2**31 - 1
NO_CONTROL_MAP = "none"
RENDERED_CONTROL_MAPS = MAP_CONDITIONS[:2]  # the add-on can render them from objects
SELECTION, PICTURE = "selection", "picture"
SHORT_UNITS = {"degrees": "°", "metres": "m", "seconds": "s"}
PREFIX = "parameter_"  # a parameter may be called like a member of PropertyGroup

_engine_groups: dict[str, tuple[EngineCard, type[bpy.types.PropertyGroup]]] = {}
_engine_items: list[tuple[str, str, str, int]] = []  # Blender keeps no reference to an enum's text


def _number(name: str) -> int:
    """An enum's number in saved files: a hash of the name, independent of the order."""
    return zlib.crc32(name.encode()) & LARGEST_INT


def _list_engines(
    _settings: bpy.types.PropertyGroup, _context: bpy.types.Context | None
) -> list[tuple[str, str, str, int]]:
    cards = [card for card, _ in _engine_groups.values() if not is_hidden(card)]
    if not cards:
        _engine_items[:] = [(DEFAULT_ENGINE, "Sprout", "", _number(DEFAULT_ENGINE))]
    else:
        _engine_items[:] = [(c.id, c.title, c.description, _number(c.id)) for c in cards]
    return _engine_items


def _search_classes(
    settings: SplatsmithSettings, _context: bpy.types.Context, text: str
) -> list[str]:
    card = engine_card(settings)
    return search_labels(card.class_labels, text) if card else []


class SplatsmithSettings(ExtractionFields, PlacementProperties, bpy.types.PropertyGroup):
    """The settings of the next Generate. Saved in .blend files by the properties' names."""

    prompt: StringProperty(name="Prompt", description="What to make, in words")
    asset_name: StringProperty(name="Name", description="What to call it. Empty: like the prompt")
    picture: PointerProperty(
        type=bpy.types.Image,
        name="Picture",
        description="A picture of the thing to make, on a plain or transparent background at best",
    )
    picture_right: PointerProperty(
        type=bpy.types.Image, name="Right", description="The same thing from its right"
    )
    picture_back: PointerProperty(
        type=bpy.types.Image, name="Back", description="The same thing from behind"
    )
    picture_left: PointerProperty(
        type=bpy.types.Image, name="Left", description="The same thing from its left"
    )
    class_label: StringProperty(
        name="Class",
        description="What to make, as one of the engine's classes. Type a part of its name",
        search=_search_classes,
        search_options={"SUGGESTION"},
    )
    engine: EnumProperty(
        name="Engine",
        description="What makes the splats",
        items=_list_engines,
        default=_number(DEFAULT_ENGINE),
    )
    products: EnumProperty(
        name="Results",
        description="What to make and import; hold Shift to choose several",
        items=(
            (Product.SPLATS.value, "Splats", "Gaussian splats", "POINTCLOUD_DATA", 1),
            (Product.MESH.value, "Mesh", "A mesh with colours", "MESH_DATA", 2),
            (Product.POINTS.value, "Points", "Coloured points", "OUTLINER_OB_POINTCLOUD", 4),
        ),
        options={"ENUM_FLAG"},
        default={Product.SPLATS.value, Product.MESH.value},
    )
    turntables: EnumProperty(
        name="Turntables",
        description="Moving pictures beside the results; hold Shift to choose several. Show Files "
        "in the list of jobs leads to them",
        items=TURNTABLE_ITEMS,
        options={"ENUM_FLAG"},
        default={Turntable.WEBP.value},
    )
    guide: EnumProperty(
        name="Guide",
        description="Have a rough shape or a picture lead the asset beside the prompt",
        items=(
            (NO_CONTROL_MAP, "None", "The prompt alone"),
            (ConditionKind.DEPTH.value, "Depth", "How far the faces of the shape lie"),
            (ConditionKind.NORMAL.value, "Normals", "Where the faces of the shape look"),
            (
                ConditionKind.CANNY.value,
                "Edges",
                "The edges in any picture; they are found for you",
            ),
        ),
        default=NO_CONTROL_MAP,
    )
    guide_source: EnumProperty(
        name="From",
        description="Where the map that leads comes from",
        items=(
            (
                SELECTION,
                "Selection",
                "The selected objects, seen by the engine's front camera",
            ),
            (PICTURE, "Picture", "A finished map: an image of this file, or one from the disk"),
        ),
        default=SELECTION,
    )
    guide_picture: PointerProperty(
        type=bpy.types.Image,
        name="Map",
        description="Depth: near is bright, and what is behind all is white. Normals: n / 2 + 1/2 "
        "in red, green and blue, on white. Edges: any picture",
    )

    def generation_settings(self) -> api.GenerationSettings:
        """The settings that `api.generate` takes."""
        group = engine_group(self)
        return api.GenerationSettings(
            engine=self.engine,
            variant=group.variant if group else "",
            parameters=_parameters(group, engine_card(self)) if group else {},
            products=tuple(p for p in Product if p.value in self.products),
            extraction=self.extraction(),
            turntables=tuple(t for t in Turntable if t.value in self.turntables),
            control_map=self._control_map(),
            maps=self._maps() | self._side_pictures(),
            class_label=self.class_label.strip() if self.takes_class() else "",
        )

    def takes_class(self) -> bool:
        """Whether the chosen variant takes a class."""
        return ConditionKind.CLASS in self._taken_conditions()

    def control_map_kinds(self) -> tuple[ConditionKind, ...]:
        """The kinds of control map that the chosen variant takes."""
        return tuple(each for each in MAP_CONDITIONS if each in self._taken_conditions())

    def side_kinds(self) -> tuple[ConditionKind, ...]:
        """The other sides of which the chosen variant takes pictures."""
        return tuple(each for each in SIDE_CONDITIONS if each in self._taken_conditions())

    def _taken_conditions(self) -> tuple[ConditionKind, ...]:
        card, group = engine_card(self), engine_group(self)
        return card.variant(group.variant).conditions if card and group else ()

    def _side_pictures(self) -> dict[ConditionKind, bpy.types.Image]:
        pictures = {kind: getattr(self, side_property(kind)) for kind in self.side_kinds()}
        return {kind: picture for kind, picture in pictures.items() if picture is not None}

    def control_map_kind(self) -> ConditionKind | None:
        """The kind of control map of the next Generate."""
        kind = None if self.guide == NO_CONTROL_MAP else ConditionKind(self.guide)
        return kind if kind in self.control_map_kinds() else None

    def can_render_control_map(self) -> bool:
        """Whether the map can be rendered from the selected objects."""
        card = engine_card(self)
        has_camera = card is not None and card.map_camera is not None
        return has_camera and self.control_map_kind() in RENDERED_CONTROL_MAPS

    def renders_control_map(self) -> bool:
        """Whether the map will be rendered from the selected objects, and is not a picture."""
        return self.can_render_control_map() and self.guide_source == SELECTION

    def _control_map(self) -> api.ControlMap | None:
        if not self.renders_control_map():
            return None
        parameters = _parameters(engine_group(self), engine_card(self))
        elevation = parameters.get("elevation", 0.0)
        camera = engine_card(self).map_camera
        return api.ControlMap(tuple(selected_shapes()), self.control_map_kind(), camera, elevation)

    def _maps(self) -> dict[ConditionKind, bpy.types.Image]:
        kind, picture = self.control_map_kind(), self.guide_picture
        return (
            {} if kind is None or picture is None or self.renders_control_map() else {kind: picture}
        )

    def conditions(self) -> frozenset[ConditionKind]:
        """The kinds of conditions of the next Generate."""
        text = {ConditionKind.TEXT} if self.prompt.strip() else set()
        image = {ConditionKind.IMAGE} if self.picture is not None else set()
        label = {ConditionKind.CLASS} if self.takes_class() and self.class_label.strip() else set()
        kind = self.control_map_kind()
        sides = set(self._side_pictures())
        return frozenset(text | image | label | sides | ({kind} if kind else set()))

    def load_request(
        self, request: GenerateRequest, pictures: Mapping[ConditionKind, Path]
    ) -> None:
        """Set the properties from `request`, with those of its `pictures` that are on this machine.

        A map that was rendered from objects becomes a picture: the objects may have changed.
        """
        self.prompt, self.asset_name = request.prompt, request.name
        self.class_label = request.class_label
        self.products = {product.value for product in request.products}
        self.turntables = {turntable.value for turntable in request.turntables}
        self.picture = _load(pictures.get(ConditionKind.IMAGE))
        for side in SIDE_CONDITIONS:
            setattr(self, side_property(side), _load(pictures.get(side)))
        kind = next((kind for kind in MAP_CONDITIONS if kind in request.pictures), None)
        self.guide = NO_CONTROL_MAP if kind is None else kind.value
        self.guide_picture = _load(pictures.get(kind)) if kind else None
        self.guide_source = SELECTION if self.guide_picture is None else PICTURE
        self.load_options(request.extraction)
        if request.engine not in _engine_groups:
            return
        self.engine = request.engine
        group = engine_group(self)
        group.variant = request.variant or group.variant
        card = _engine_groups[request.engine][0]
        for name, value in request.parameters.items():
            setattr(group, parameter_property(card, group.variant, name), value)


def side_property(kind: ConditionKind) -> str:
    """The name of the property that holds the picture of a side."""
    return f"picture_{kind}"


def _load(picture: Path | None) -> bpy.types.Image | None:
    return bpy.data.images.load(str(picture), check_existing=True) if picture else None


def selected_shapes() -> list[bpy.types.Object]:
    """The selected objects that may have faces."""
    kinds = {"MESH", "CURVE", "SURFACE", "META", "FONT"}
    return [obj for obj in bpy.context.selected_objects if obj.type in kinds]


def engine_card(settings: SplatsmithSettings) -> EngineCard | None:
    """The card of the chosen engine; None until the backend has listed it."""
    known = _engine_groups.get(settings.engine)
    return known[0] if known else None


def engine_group(settings: SplatsmithSettings) -> bpy.types.PropertyGroup | None:
    """The chosen engine's own properties: `variant`, and one for each parameter."""
    if settings.engine not in _engine_groups:
        return None
    return getattr(settings.id_data, _attribute(settings.engine))


def show_engines(cards: Sequence[EngineCard]) -> None:
    """Make properties for engines that are new, or whose card has changed."""
    for card in cards:
        if card.id in _engine_groups:
            if _engine_groups[card.id][0] == card:
                continue
            _remove_engine(card.id)
        _add_engine(card)


def _add_engine(card: EngineCard) -> None:
    properties = {
        parameter_property(card, each.id, spec.name): _property_of(spec)
        for each in card.variants
        for spec in each.parameters
    }
    variants = [(v.id, v.title, "") for v in card.variants]
    properties["variant"] = EnumProperty(
        name="Variant", description="Which of the engine's networks is used", items=variants
    )
    name = f"SplatsmithEngine_{_number(card.id):08x}"
    group = type(name, (bpy.types.PropertyGroup,), {"__annotations__": properties})
    bpy.utils.register_class(group)
    setattr(bpy.types.Scene, _attribute(card.id), PointerProperty(type=group))
    _engine_groups[card.id] = (card, group)


def _remove_engine(engine: str) -> None:
    _, group = _engine_groups.pop(engine)
    delattr(bpy.types.Scene, _attribute(engine))
    bpy.utils.unregister_class(group)


def _attribute(engine: str) -> str:
    return f"splatsmith_engine_{_number(engine):08x}"


def parameter_property(card: EngineCard, variant: str, name: str) -> str:
    """The name of the property of a parameter; where variants differ in it, each has its own."""
    specs = [spec for each in card.variants for spec in each.parameters if spec.name == name]
    is_common = all(spec == specs[0] for spec in specs)
    return PREFIX + name if is_common else f"{PREFIX}{name}_{variant.replace('-', '_')}"


def _property_of(spec: ParameterSpec) -> object:
    label = spec.label or spec.name.replace("_", " ").capitalize()
    texts = {"name": f"{label} ({SHORT_UNITS.get(spec.unit, spec.unit)})" if spec.unit else label}
    texts["description"] = spec.description
    match spec.type:
        case ParameterType.BOOL:
            return bpy.props.BoolProperty(default=spec.default, **texts)
        case ParameterType.TEXT:
            return StringProperty(default=spec.default, **texts)
        case ParameterType.CHOICE:
            items = [(choice, choice.replace("_", " ").capitalize(), "") for choice in spec.choices]
            return EnumProperty(items=items, default=spec.default, **texts)
        case ParameterType.INT:
            return IntProperty(default=spec.default, **_whole_range(spec), **texts)
        case ParameterType.FLOAT:
            return FloatProperty(default=spec.default, **_range(spec), **texts)


def _range(spec: ParameterSpec) -> dict[str, float]:
    limits = {"min": spec.minimum, "max": spec.maximum}
    return {name: value for name, value in limits.items() if value is not None}


def _whole_range(spec: ParameterSpec) -> dict[str, int]:
    # Blender's integers have 32 bits.
    limits = _range(spec)
    return {n: max(-LARGEST_INT, min(LARGEST_INT, int(value))) for n, value in limits.items()}


def _parameters(group: bpy.types.PropertyGroup, card: EngineCard) -> dict[str, ParameterValue]:
    names = [spec.name for spec in card.variant(group.variant).parameters]
    return {n: getattr(group, parameter_property(card, group.variant, n)) for n in names}


def register() -> None:
    bpy.utils.register_class(SplatsmithSettings)
    bpy.types.Scene.splatsmith = PointerProperty(type=SplatsmithSettings)


def unregister() -> None:
    for engine in list(_engine_groups):
        _remove_engine(engine)
    del bpy.types.Scene.splatsmith
    bpy.utils.unregister_class(SplatsmithSettings)
