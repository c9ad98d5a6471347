"""Classes, licences, control maps and pictures of other sides in the panel."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import bpy
import pytest

from blender_addon import api
from blender_addon.contract.cards import (
    Checkpoint,
    ConditionKind,
    MapCamera,
    Variant,
)
from blender_addon.contract.licences import CommercialUse, Licence
from blender_addon.contract.parameters import ParameterSpec, ParameterType
from blender_addon.contract.protocol import (
    GenerateRequest,
)
from blender_addon.ui.class_label_search import search_labels
from blender_addon.ui.operators import generate_disabled_reason
from blender_addon.ui.panels import licence_lines
from blender_addon.ui.properties import engine_group, show_engines
from tests.addon.panel import (
    CARD,
    LIGHT,
    RUNNING,
    await_engines,
    poll_until_ended,
)


def test_class_is_searched_by_any_part_of_its_name() -> None:
    labels = ("tiger shark", "Great White Shark", "white tiger", "goldfish", "tiger")
    assert search_labels(labels, "Tiger") == ["tiger shark", "tiger", "white tiger"]
    assert search_labels(labels, "shark  wh") == ["Great White Shark"]
    assert search_labels(labels, "") == list(labels)
    assert search_labels(labels, "unicorn") == []


def test_class_of_the_panel_is_generated_and_loaded_again(registered: None) -> None:
    api.start()
    await_engines()
    settings = bpy.context.scene.splatsmith
    settings.engine, settings.products = "menagerie", {"splats"}
    assert generate_disabled_reason(settings, RUNNING) == "Type a prompt or choose a class"
    settings.class_label = " Golden Fox "
    assert settings.conditions() == {ConditionKind.CLASS}
    assert generate_disabled_reason(settings, RUNNING) == ""
    assert bpy.ops.splatsmith.generate() == {"FINISHED"}
    poll_until_ended()
    (splats,) = bpy.data.objects
    request = api.read_request(splats)
    assert (splats.name, request.class_label) == ("golden fox.splats", "golden fox")
    settings.class_label = ""
    bpy.context.view_layer.objects.active = splats
    assert bpy.ops.splatsmith.again() == {"FINISHED"}
    assert settings.class_label == "golden fox"


def test_class_of_another_engine_is_not_sent(registered: None) -> None:
    show_engines([CARD])
    settings = bpy.context.scene.splatsmith
    settings.engine, settings.class_label, settings.prompt = "anvil", "golden fox", "a fox"
    assert settings.generation_settings().class_label == ""
    assert settings.conditions() == {ConditionKind.TEXT}


def test_generate_is_disabled_until_all_required_conditions_are_given(registered: None) -> None:
    both = (ConditionKind.TEXT, ConditionKind.IMAGE)
    show_engines([replace(CARD, id="strict", variants=(Variant("all", "All", both, both),))])
    settings = bpy.context.scene.splatsmith
    settings.engine, settings.prompt = "strict", "a fox"
    assert generate_disabled_reason(settings, RUNNING) == "Anvil (All) needs a picture"
    settings.picture = bpy.data.images.new("fox", 8, 8)
    assert generate_disabled_reason(settings, RUNNING) == ""


def test_licences_say_whether_commercial_use_is_allowed() -> None:
    free = Licence("MIT", commercial_use=CommercialUse.ALLOWED)
    strict = Licence("CC BY-NC 4.0", commercial_use=CommercialUse.FORBIDDEN)
    checkpoints = tuple(
        Checkpoint(name, name, (), licence)
        for name, licence in (("a", free), ("b", strict), ("c", free))
    )
    assert licence_lines(replace(LIGHT, checkpoints=checkpoints)) == [
        "MIT. Commercial use is allowed.",
        "CC BY-NC 4.0. Commercial use is forbidden.",
    ]


@pytest.fixture
def control_map_settings(registered: None) -> bpy.types.PropertyGroup:
    """The panel's settings with an engine that takes maps, and a prompt."""
    elevation = (ParameterSpec("elevation", ParameterType.FLOAT, 20.0, "How high."),)
    card = replace(
        CARD,
        id="takes_maps",
        variants=(
            Variant("plain", "Plain", (ConditionKind.TEXT,), parameters=elevation),
            Variant(
                "guided",
                "Guided",
                (ConditionKind.TEXT, ConditionKind.DEPTH, ConditionKind.CANNY),
                parameters=elevation,
            ),
        ),
        map_camera=MapCamera(2.0, 50.0),
    )
    show_engines([card])
    settings = bpy.context.scene.splatsmith
    settings.engine, settings.prompt = "takes_maps", "a tower"
    engine_group(settings).variant = "guided"
    return settings


def test_control_map_is_rendered_from_the_selection(
    control_map_settings: bpy.types.PropertyGroup,
) -> None:
    control_map_settings.guide = "depth"
    engine_group(control_map_settings).variant = "plain"
    assert control_map_settings.control_map_kinds() == ()
    assert control_map_settings.generation_settings().control_map is None
    engine_group(control_map_settings).variant = "guided"
    assert control_map_settings.conditions() == {ConditionKind.TEXT, ConditionKind.DEPTH}
    assert "rough shape" in generate_disabled_reason(control_map_settings, RUNNING)
    bpy.ops.mesh.primitive_cube_add()
    assert generate_disabled_reason(control_map_settings, RUNNING) == ""
    cube = (bpy.context.object,)
    assert control_map_settings.generation_settings().control_map == api.ControlMap(
        cube, ConditionKind.DEPTH, MapCamera(2.0, 50.0), 20.0
    )
    control_map_settings.guide = "normal"  # which this variant does not take
    assert control_map_settings.generation_settings().control_map is None


def test_pictures_of_other_sides_go_with_variants_that_take_them(
    registered: None, tmp_path: Path
) -> None:
    sides = (ConditionKind.IMAGE, ConditionKind.RIGHT, ConditionKind.BACK)
    variants = (
        Variant("front", "Front", sides[:1], parameters=CARD.variants[0].parameters),
        Variant("sides", "Sides", sides, parameters=CARD.variants[0].parameters),
    )
    show_engines([replace(CARD, id="takes_sides", variants=variants)])
    settings = bpy.context.scene.splatsmith
    settings.engine = "takes_sides"
    settings.picture, settings.picture_back = (bpy.data.images.new(n, 8, 8) for n in ("f", "b"))
    settings.picture_left = settings.picture
    assert settings.conditions() == {ConditionKind.IMAGE}
    engine_group(settings).variant = "sides"
    assert settings.conditions() == {ConditionKind.IMAGE, ConditionKind.BACK}
    assert settings.generation_settings().maps == {ConditionKind.BACK: settings.picture_back}
    assert generate_disabled_reason(settings, RUNNING) == ""
    file = tmp_path / "behind.png"
    settings.picture_back.filepath_raw = str(file)
    settings.picture_back.save()
    request = GenerateRequest("", {ConditionKind.BACK: "0"}, "takes_sides", "sides")
    settings.load_request(request, {ConditionKind.BACK: file})
    assert settings.picture is None and settings.picture_left is None
    assert Path(settings.picture_back.filepath) == file


def test_control_map_is_taken_from_a_picture(control_map_settings: bpy.types.PropertyGroup) -> None:
    bpy.ops.mesh.primitive_cube_add()
    picture = bpy.data.images.new("map", 8, 8)
    control_map_settings.guide_picture = picture
    for kind, source, leads in (
        ("none", "picture", None),
        ("depth", "selection", None),
        ("depth", "picture", ConditionKind.DEPTH),
        ("canny", "selection", ConditionKind.CANNY),  # which is never drawn of objects
        ("normal", "picture", None),  # which this variant does not take
    ):
        control_map_settings.guide, control_map_settings.guide_source = kind, source
        assert control_map_settings.generation_settings().maps == (
            {leads: picture} if leads else {}
        ), (
            kind,
            source,
        )
        assert leads is None or control_map_settings.generation_settings().control_map is None
        assert generate_disabled_reason(control_map_settings, RUNNING) == ""
    control_map_settings.guide, control_map_settings.guide_picture = "canny", None
    assert "Choose the map" in generate_disabled_reason(control_map_settings, RUNNING)


def test_control_map_is_loaded_if_its_file_exists(registered: None) -> None:
    api.start()
    await_engines()
    settings = bpy.context.scene.splatsmith
    settings.prompt, settings.engine, settings.products = "a bench", "lattice", {"splats"}
    engine_group(settings).variant = "guided"
    settings.guide, settings.guide_picture = "canny", bpy.data.images.new("sketch", 8, 8)
    assert bpy.ops.splatsmith.generate() == {"FINISHED"}
    poll_until_ended()
    settings.guide, settings.guide_picture = "none", None
    (bpy.context.view_layer.objects.active,) = bpy.data.objects
    assert bpy.ops.splatsmith.again() == {"FINISHED"}
    assert settings.guide == "canny" and tuple(settings.guide_picture.size) == (8, 8)
    assert list(settings.generation_settings().maps) == [ConditionKind.CANNY]
    settings.load_request(
        GenerateRequest("a bench", {ConditionKind.DEPTH: "0"}, "lattice", "guided"),
        {},
    )
    assert (settings.guide, settings.guide_source) == ("depth", "selection")
    assert settings.guide_picture is None
