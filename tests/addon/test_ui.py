"""The panel's properties and operators, without a window."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import bpy
import pytest

import blender_addon
from blender_addon import api
from blender_addon.contract.cards import (
    EngineCard,
)
from blender_addon.contract.cloud import GaussianCloud
from blender_addon.contract.protocol import (
    Closure,
    Crop,
    ExtractionOptions,
    GenerateRequest,
    Interior,
    Product,
)
from blender_addon.contract.turntables import Turntable
from blender_addon.link.errors import Cancelled
from blender_addon.link.snapshot import BackendState, SessionSnapshot
from blender_addon.scene.splats import add_splats
from blender_addon.ui import timer
from blender_addon.ui.operators import generate_disabled_reason
from blender_addon.ui.properties import engine_group, parameter_property, show_engines
from blender_addon.ui.thumbnails import load_thumbnails, thumbnail
from tests.addon.panel import (
    CARD,
    HEAVY,
    LIGHT,
    PARAMETERS,
    TIMEOUT,
    await_engines,
    await_preview,
    poll_until_ended,
)


@pytest.fixture
def anvil_settings(registered: None) -> bpy.types.PropertyGroup:
    show_engines([CARD])
    settings = bpy.context.scene.splatsmith
    settings.engine = "anvil"
    return settings


@pytest.fixture
def splats(registered: None, ball: GaussianCloud) -> bpy.types.Object:
    """The ball as the selected, active object."""
    obj = add_splats(ball, "capture", bpy.context.scene.collection)
    obj.select_set(True)
    bpy.context.view_layer.objects.active = obj
    return obj


def test_addon_can_be_enabled_again(scene: bpy.types.Scene, shared_backend: None) -> None:
    for _ in range(2):
        blender_addon.register()
        assert hasattr(bpy.types, "SPLATSMITH_PT_main")
        blender_addon.unregister()
    assert not hasattr(bpy.types, "SPLATSMITH_PT_main")
    assert not hasattr(bpy.types.Scene, "splatsmith")


def test_parameters_begin_with_the_cards_defaults(
    anvil_settings: bpy.types.PropertyGroup,
) -> None:
    settings = anvil_settings.generation_settings()
    assert settings.engine == "anvil" and settings.variant == "light"
    assert settings.parameters == {spec.name: spec.default for spec in PARAMETERS}
    assert CARD.check_parameters(LIGHT, settings.parameters) == settings.parameters


def test_parameters_keep_the_cards_limits(anvil_settings: bpy.types.PropertyGroup) -> None:
    group = engine_group(anvil_settings)
    group.parameter_tilt = 1000
    group.parameter_seed = 2**31 - 1
    assert (group.parameter_tilt, group.parameter_seed) == (60, 2**31 - 1)
    shown = group.bl_rna.properties["parameter_tilt"]
    assert (shown.name, shown.description) == ("Tilt (°)", "How far.")


def test_variants_that_differ_in_a_parameter_keep_their_own_values_of_it(
    anvil_settings: bpy.types.PropertyGroup,
) -> None:
    """As DiffusionGS's, of which the smaller views give fewer Gaussians."""
    steeper = replace(PARAMETERS[2], default=70.0, maximum=80)
    heavy = replace(HEAVY, parameters=(*PARAMETERS[:2], steeper, *PARAMETERS[3:]))
    card = replace(CARD, variants=(LIGHT, heavy))
    show_engines([card])
    group = engine_group(anvil_settings)
    for variant, default in (("light", 20.0), ("heavy", 70.0)):
        group.variant = variant
        parameters = anvil_settings.generation_settings().parameters
        assert parameters["tilt"] == default
        assert card.check_parameters(card.variant(variant), parameters) == parameters
    group.parameter_seed = 5
    setattr(group, parameter_property(card, "heavy", "tilt"), 75.0)
    group.variant = "light"
    parameters = anvil_settings.generation_settings().parameters
    assert (parameters["tilt"], parameters["seed"]) == (20.0, 5)


def test_changed_card_changes_the_properties(
    anvil_settings: bpy.types.PropertyGroup,
) -> None:
    smaller = EngineCard("anvil", "Anvil", "Changed.", (replace(LIGHT, parameters=PARAMETERS[:1]),))
    show_engines([smaller])
    assert set(anvil_settings.generation_settings().parameters) == {"seed"}


def test_panel_loads_a_request(anvil_settings: bpy.types.PropertyGroup) -> None:
    request = GenerateRequest(
        prompt="a chair",
        engine="anvil",
        variant="heavy",
        parameters={"seed": 3, "name": "yes", "tilt": -5.0, "hollow": False, "mood": "wild"},
        products=(Product.MESH, Product.POINTS),
        extraction=ExtractionOptions(
            face_budget=1234,
            texture_size=0,
            resolution=100,
            closure=Closure.OPEN,
            close_bottom=False,
            point_count=567,
            interior=Interior.SHELL,
            crop=Crop.ALL,
        ),
        name="Throne",
        turntables=(Turntable.MP4, Turntable.GROWING_WEBP),
    )
    anvil_settings.load_request(request, {})
    settings = anvil_settings.generation_settings()
    assert settings == api.GenerationSettings(
        request.engine,
        request.variant,
        request.parameters,
        request.products,
        request.extraction,
        request.turntables,
    )
    assert (anvil_settings.prompt, anvil_settings.asset_name) == ("a chair", "Throne")


def test_chosen_engine_survives_saving(
    anvil_settings: bpy.types.PropertyGroup, tmp_path: Path
) -> None:
    engine_group(anvil_settings).parameter_mood = "wild"
    path = tmp_path / "scene.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    show_engines([CARD])
    bpy.ops.wm.open_mainfile(filepath=str(path))
    settings = bpy.context.scene.splatsmith.generation_settings()
    assert (settings.engine, settings.parameters["mood"]) == ("anvil", "wild")


@pytest.mark.parametrize(
    ("state", "prompt", "says"),
    [
        (BackendState.NOT_INSTALLED, "  ", "prompt"),
        (BackendState.NOT_INSTALLED, "a chair", ""),  # Generate installs it
        (BackendState.INSTALLING, "a chair", ""),
        (BackendState.STOPPED, "  ", "prompt"),
        (BackendState.STOPPED, "a chair", ""),
        (BackendState.RUNNING, "a chair", ""),
    ],
)
def test_disabled_button_says_why(
    registered: None, state: BackendState, prompt: str, says: str
) -> None:
    settings = bpy.context.scene.splatsmith
    settings.prompt = prompt
    reason = generate_disabled_reason(settings, SessionSnapshot(state))
    assert says in reason and bool(reason) == bool(says)


def test_generate_imports_an_asset_and_use_its_settings_fills_the_panel(registered: None) -> None:
    api.start()
    await_engines()
    settings = bpy.context.scene.splatsmith
    settings.prompt, settings.engine, settings.products = "a bench", "lattice", {"splats"}
    engine_group(settings).parameter_seed = 5
    assert bpy.ops.splatsmith.generate() == {"FINISHED"}
    poll_until_ended()
    (splats,) = bpy.data.objects
    settings.prompt = "something else"
    bpy.context.view_layer.objects.active = splats
    assert bpy.ops.splatsmith.again() == {"FINISHED"}
    assert settings.prompt == "a bench" and engine_group(settings).parameter_seed == 5


def test_mesh_and_points_buttons_take_all_that_is_selected(splats: bpy.types.Object) -> None:
    twin = splats.copy()
    bpy.context.scene.collection.objects.link(twin)
    twin.select_set(True)
    settings = bpy.context.scene.splatsmith
    quick = {"resolution": 48, "automatic_detail": False, "texture": "0"}
    assert bpy.ops.splatsmith.mesh_from_splats(face_budget=900, **quick) == {"FINISHED"}
    assert (settings.face_budget, settings.resolution, settings.alone) == (900, 48, True)
    poll_until_ended(2)
    meshes = [obj for obj in bpy.context.selected_objects if obj.type == "MESH"]
    assert sorted(obj.name for obj in meshes) == ["capture.001.mesh", "capture.mesh"]
    assert not splats.visible_get() and not twin.visible_get()


def test_extraction_buttons_say_what_they_need(splats: bpy.types.Object) -> None:
    operators = bpy.ops.splatsmith
    assert operators.mesh_from_splats.poll() and operators.points_from_splats.poll()
    assert not operators.quads_from_mesh.poll()
    splats.select_set(False)
    assert not operators.mesh_from_splats.poll() and not operators.points_from_splats.poll()
    bpy.ops.mesh.primitive_cube_add()
    assert operators.quads_from_mesh.poll()
    bpy.ops.object.mode_set(mode="EDIT")
    assert not operators.quads_from_mesh.poll()


def test_quads_button_remeshes_what_is_selected(registered: None) -> None:
    bpy.ops.mesh.primitive_monkey_add()
    assert bpy.ops.splatsmith.quads_from_mesh(face_count=1_000) == {"FINISHED"}
    quads = bpy.context.object
    assert quads.name == "Suzanne.quads" and 500 < len(quads.data.polygons) < 2_000


def test_use_its_settings_loads_extraction_options(splats: bpy.types.Object) -> None:
    options = ExtractionOptions(face_budget=700, texture_size=0, resolution=40)
    mesh = api.extract(splats, extraction=options).objects[Product.MESH]
    bpy.context.view_layer.objects.active = mesh
    settings = bpy.context.scene.splatsmith
    settings.prompt = "untouched"
    assert bpy.ops.splatsmith.again() == {"FINISHED"}
    assert settings.extraction() == options and settings.prompt == "untouched"


def test_generated_object_is_marked_as_asset_with_its_preview(
    registered: None, tmp_path: Path
) -> None:
    settings = api.GenerationSettings(engine="lattice", products=(Product.SPLATS,))
    asset = api.generate("a cube", settings=settings)
    await_preview(asset.job)
    bpy.context.view_layer.objects.active = made = asset.objects[Product.SPLATS]
    assert bpy.ops.splatsmith.offer_as_asset() == {"FINISHED"}
    assert made.asset_data.description == "a cube"
    assert tuple(made.preview.image_size) == (512, 512)
    assert {tag.name for tag in made.asset_data.tags} == {"Splatsmith", "lattice", "splats"}
    assert made.asset_data.author == "Splatsmith"
    catalogs = tmp_path / "blender_assets.cats.txt"
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "saved.blend"))
    assert f"{made.asset_data.catalog_id}:Splatsmith/Lattice" in catalogs.read_text("utf-8")
    made["splatsmith_licence"], made["splatsmith_commercial_use"] = "MIT", "allowed"
    assert api.mark_as_asset(made, "me") == () and made.asset_data.author == "Splatsmith"
    assert made.asset_data.license == "MIT; commercial use: allowed"
    bpy.context.view_layer.objects.active = None
    assert not bpy.ops.splatsmith.offer_as_asset.poll()


def test_the_panel_has_a_picture_of_what_is_being_made(registered: None) -> None:
    parameters = {"steps": 40, "pause": 0.2, "previews": True}
    settings = api.GenerationSettings("lattice", parameters=parameters, products=(Product.SPLATS,))
    key = api.submit("a cube", settings=settings)
    pictures: list[bytes] = []
    shades: list[float] = []
    deadline = time.monotonic() + TIMEOUT
    while len(pictures) < 3:
        assert time.monotonic() < deadline
        timer.poll_timer()
        job = next(job for job in api.snapshot().jobs if job.key == key)
        if job.unfinished is not None and job.unfinished.content not in pictures:
            pictures.append(job.unfinished.content)
            load_thumbnails([job])
            picture = thumbnail(job)
            assert tuple(picture.image_size) == (256, 256)
            shades.append(picture.image_pixels_float[0])
        time.sleep(api.POLL_SECONDS)
    api.cancel(key)
    with pytest.raises(Cancelled):
        api.wait_for(key)
    timer.poll_timer()
    job = next(job for job in api.snapshot().jobs if job.key == key)
    assert job.unfinished is None
    assert thumbnail(job) is None
    assert len(set(shades)) == len(shades)  # the picture changes


def test_a_turntable_is_among_a_jobs_files(registered: None) -> None:
    settings = api.GenerationSettings(
        "lattice", products=(Product.SPLATS,), turntables=(Turntable.WEBP,)
    )
    asset = api.generate("a cube", settings=settings)
    assert api.result_folder(asset.job).joinpath("turntable.webp").is_file()
    with pytest.raises(RuntimeError, match="not here"):
        bpy.ops.splatsmith.show_files(job="unknown")


def test_operator_reports_the_error(registered: None, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="There is no asset at"):
        bpy.ops.splatsmith.import_splats(filepath=str(tmp_path / "nothing.ply"))


def test_timer_is_not_registered_in_the_background(registered: None) -> None:
    assert not bpy.app.timers.is_registered(timer.poll_timer)
