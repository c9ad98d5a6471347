"""The scripting interface, from a prompt or a picture to objects, through a real service."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
import pytest

from blender_addon import api
from blender_addon.contract.cards import ConditionKind
from blender_addon.contract.problems import SplatsmithError
from blender_addon.contract.protocol import Product
from blender_addon.link.settings import BackendSettings
from blender_addon.scene.surface_colors import read_values

DEPTH = ConditionKind.DEPTH
PICTURE = Path(__file__).parents[2] / "blender_addon/demo_picture.png"
QUICK = api.GenerationSettings(engine="lattice", parameters={"steps": 1})
SPLATS = api.GenerationSettings(
    engine="lattice", parameters={"steps": 1}, products=(Product.SPLATS,)
)


def failing(failure: str) -> api.GenerationSettings:
    return api.GenerationSettings(
        engine="lattice", parameters={"failure": failure}, products=(Product.SPLATS,)
    )


@pytest.fixture
def image(scene: bpy.types.Scene) -> bpy.types.Image:
    """A red square on a transparent ground, in Blender's memory alone."""
    image = bpy.data.images.new("Größe 'M'", 32, 32, alpha=True)
    pixels = [0.0] * 32 * 32 * 4
    for y in range(8, 24):
        for x in range(8, 24):
            pixels[4 * (32 * y + x) : 4 * (32 * y + x) + 4] = [1.0, 0.0, 0.0, 1.0]
    image.pixels[:] = pixels
    return image


def test_prompt_becomes_splats_mesh_and_points_at_the_cursor(session: None) -> None:
    bpy.context.scene.cursor.location = (1, 2, 3)
    asset = api.generate("a wooden chair", settings=QUICK)
    assert set(asset.objects) == set(Product)
    bpy.context.view_layer.update()
    mesh = asset.objects[Product.MESH]
    corners = [mesh.matrix_world @ vertex.co for vertex in mesh.data.vertices]
    lowest = min(corner.z for corner in corners)
    middle = sum(corner.x for corner in corners) / len(corners)
    assert lowest == pytest.approx(3, abs=0.15) and middle == pytest.approx(1, abs=0.1)
    assert {obj.location[:] for obj in asset.objects.values()} == {mesh.location[:]}


def test_only_requested_products_are_imported(session: None) -> None:
    asset = api.generate("a chair", settings=SPLATS)
    assert list(asset.objects) == [Product.SPLATS]
    assert [obj.name for obj in bpy.data.objects] == ["a chair.splats"]


def test_asset_has_its_request(session: None) -> None:
    name = 'Bücher "für" Ömer — 椅子'
    asset = api.generate("an old chair", name=name, settings=SPLATS)
    splats = asset.objects[Product.SPLATS]
    assert splats.name == f"{name}.splats"
    request = api.read_request(splats)
    assert request is not None
    assert (request.prompt, request.name) == ("an old chair", name)
    assert request.parameters["steps"] == 1


def test_long_prompts_leave_room_for_the_name_suffix(session: None) -> None:
    asset = api.generate("ein überlanger Satz " * 20, settings=SPLATS)
    assert asset.objects[Product.SPLATS].name.endswith(".splats")


def test_unsaved_image_is_sent_and_found_again(session: None, image: bpy.types.Image) -> None:
    asset = api.generate(picture=image, settings=SPLATS)
    assert asset.name == "Größe 'M'"
    request = api.read_request(asset.objects[Product.SPLATS])
    assert request is not None
    kept = api.find_pictures(request)[ConditionKind.IMAGE]
    assert kept.read_bytes().startswith(b"\x89PNG")
    assert image.is_dirty and image.source == "GENERATED"
    again = bpy.data.images.load(str(kept))
    assert list(again.pixels) == list(image.pixels)


@pytest.mark.parametrize("packed", [False, True])
def test_picture_file_is_sent_unchanged(
    session: None, image: bpy.types.Image, tmp_path: Path, packed: bool
) -> None:
    path = tmp_path / "a picture.png"
    image.save(filepath=str(path))
    loaded = bpy.data.images.load(str(path))
    if packed:
        loaded.pack()
    asset = api.generate(picture=loaded if packed else path, settings=SPLATS)
    request = api.read_request(asset.objects[Product.SPLATS])
    assert request is not None
    kept = api.find_pictures(request)[ConditionKind.IMAGE]
    assert kept.read_bytes() == path.read_bytes()


def test_control_maps_come_from_images_and_files(
    session: None, image: bpy.types.Image, tmp_path: Path
) -> None:
    path = tmp_path / "edges.png"
    image.save(filepath=str(path))
    maps = {ConditionKind.DEPTH: image, ConditionKind.CANNY: path}
    guided = replace(SPLATS, variant="guided", maps=maps)
    asset = api.generate("a chair", settings=guided)
    request = api.read_request(asset.objects[Product.SPLATS])
    assert request is not None
    kept = api.find_pictures(request)
    assert set(kept) == set(maps) and kept[ConditionKind.CANNY].read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("prompt", "picture", "settings", "says"),
    [
        ("", None, QUICK, "neither a prompt nor a picture"),
        ("a chair", "no/such.png", QUICK, "cannot be read"),
        ("a chair", __file__, QUICK, "picture"),
        (
            "a chair",
            None,
            api.GenerationSettings("lattice", "guided", maps={DEPTH: "no/such.png"}),
            "cannot be",
        ),
        ("a chair", None, api.GenerationSettings("lattice", maps={DEPTH: __file__}), "picture"),
        (
            "a chair",
            None,
            api.GenerationSettings("lattice", maps={DEPTH: PICTURE}),
            "takes no depth",
        ),
        ("a chair", None, api.GenerationSettings(engine="anvil"), "anvil"),
        ("a chair", None, api.GenerationSettings("lattice", parameters={"steps": 0}), "steps"),
        ("a chair", None, api.GenerationSettings("lattice", parameters={"colour": 1}), "colour"),
        ("a chair", None, api.GenerationSettings("lattice", products=()), "Choose splats"),
    ],
)
def test_bad_requests_are_refused_with_a_remedy(
    session: None, prompt: str, picture: str | None, settings: api.GenerationSettings, says: str
) -> None:
    with pytest.raises(SplatsmithError, match=says) as refused:
        api.generate(prompt, picture, settings=settings)
    assert refused.value.remedy
    assert not bpy.data.objects


def test_notes_of_the_engine_are_in_the_job(session: None) -> None:
    asset = api.generate("chair " * 101, settings=SPLATS)
    (job,) = (job for job in api.snapshot().jobs if job.status.id == asset.job)
    assert job.status.notes == ("The prompt was cut after word 100.",)


def test_failure_of_the_engine_is_raised(session: None) -> None:
    with pytest.raises(SplatsmithError, match="memory"):
        api.generate("a chair", settings=failing("memory"))
    assert api.generate("a chair", settings=SPLATS).objects


def test_results_can_be_imported_again(session: None, tmp_path: Path) -> None:
    made = api.generate("a chair", settings=QUICK)
    folder = api.import_asset(made.source, placement=api.Placement((4, 0, 0), size=2))
    assert set(folder.objects) == set(Product) and folder.name == "a chair"
    for product, file in (("splats", "splats.ply"), ("points", "points.ply"), ("mesh", "mesh.glb")):
        single = tmp_path / f"my {file}"
        single.write_bytes((made.source / file).read_bytes())
        asset = api.import_asset(single)
        assert list(asset.objects) == [Product(product)]
        bpy.context.view_layer.update()
        assert max(asset.objects[Product(product)].dimensions) == pytest.approx(1, abs=0.25)


def test_the_size_of_all_products_is_in_their_data(session: None) -> None:
    made = api.generate("a chair", settings=QUICK)
    folder = api.import_asset(made.source, placement=api.Placement((4, 0, 0), size=2))
    places = {tuple(obj.location) for obj in folder.objects.values()}
    assert len(places) == 1
    for product, obj in folder.objects.items():
        assert tuple(obj.scale) == (1, 1, 1)
        single, double = (
            read_values(each.data.attributes["position"].data, "vector", 3)
            for each in (made.objects[product], obj)
        )
        np.testing.assert_allclose(double, 2 * single, atol=1e-5)


def test_an_import_that_fails_does_not_stop_the_others(session: None) -> None:
    nowhere = api.Placement(("left", 0, 0))  # pyright: ignore[reportArgumentType]  a script's slip
    keys = [
        api.submit("a chair", settings=SPLATS, placement=nowhere),
        api.submit("a table", settings=SPLATS),
    ]
    assert api.wait_for(keys[1]).name == "a table"
    with pytest.raises(SplatsmithError, match="could not import .*left") as refused:
        api.wait_for(keys[0])
    assert refused.value.remedy
    assert {c.name for c in bpy.data.collections} == {"Splatsmith", "a table"}


def test_import_of_a_foreign_file_leaves_the_scene_as_it_was(session: None, tmp_path: Path) -> None:
    folder = tmp_path / "damaged"
    made = api.generate("a chair", settings=QUICK)
    before = set(bpy.data.objects.keys()), set(bpy.data.collections.keys())
    folder.mkdir()
    (folder / "splats.ply").write_bytes((made.source / "splats.ply").read_bytes())
    (folder / "mesh.glb").write_bytes(b"glTF, but not really")
    with pytest.raises(SplatsmithError, match="mesh.glb"):
        api.import_asset(folder)
    assert (set(bpy.data.objects.keys()), set(bpy.data.collections.keys())) == before


def test_batch_goes_on_past_a_failure_and_keeps_its_place_free(
    session: None, tmp_path: Path
) -> None:
    table = tmp_path / "the batch.csv"
    table.write_text(
        "prompt,image,name,seed\n"
        "a chair,,,1\n"
        ",missing.png,lost,\n"
        '"a table, round",,,2\n'
        "a lamp,,,1000\n",
        encoding="utf-8",
    )
    report = api.batch(table, settings=SPLATS, placement=api.Placement((10, 0, 0), size=2))
    assert [asset.name for asset in report.assets] == ["a chair", "a table, round"]
    assert set(report.failures) == {"lost", "a lamp"}
    first, third = (asset.objects[Product.SPLATS].location for asset in report.assets)
    assert third.y - first.y == pytest.approx(3) and third.x == pytest.approx(first.x)


def test_columns_that_say_nothing_are_noted_once(session: None, tmp_path: Path) -> None:
    table = tmp_path / "batch.csv"
    table.write_text("prompt;notes;seed\na chair;for Anna;1\n", encoding="utf-8")
    report = api.batch(table, settings=SPLATS)
    assert [asset.name for asset in report.assets] == ["a chair"] and not report.failures
    assert report.notes == ("Columns that say nothing to the engine: 'notes'.",)


def test_rows_own_control_maps_replace_those_of_the_settings(
    session: None, image: bpy.types.Image, tmp_path: Path
) -> None:
    (tmp_path / "edges.png").write_bytes(PICTURE.read_bytes())
    table = tmp_path / "guided.csv"
    table.write_text("prompt,canny\na chair,\na table,edges.png\n", encoding="utf-8")
    settings = replace(SPLATS, variant="guided", maps={DEPTH: image})
    report = api.batch(table, settings=settings)
    made = [api.read_request(asset.objects[Product.SPLATS]) for asset in report.assets]
    assert [list(request.pictures) for request in made if request] == [
        [DEPTH],
        [ConditionKind.CANNY],
    ]


def test_a_table_is_read_before_the_backend_runs_again(
    session: None, backend_settings: BackendSettings, tmp_path: Path
) -> None:
    table = tmp_path / "batch.csv"
    table.write_text("prompt;notes;seed\na chair;for Anna;1\n", encoding="utf-8")
    api.batch(table, settings=SPLATS)  # the backend has run once
    api.shutdown()
    api.configure(backend_settings)
    submission = api.submit_batch(table, settings=SPLATS)
    assert submission.notes == ("Columns that say nothing to the engine: 'notes'.",)
    for key in submission.keys.values():
        api.cancel(key)
