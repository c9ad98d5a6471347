"""Mesh and points from splat objects, through a real service, beside the splats."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
import pytest

from blender_addon import api
from blender_addon.contract.cloud import GaussianCloud, write_cloud
from blender_addon.contract.problems import SplatsmithError
from blender_addon.contract.protocol import (
    ExtractionOptions,
    ExtractRequest,
    GenerateRequest,
    JobKind,
    JobState,
    Product,
)
from blender_addon.link.errors import Cancelled
from blender_addon.link.tracked_job import TrackedJob
from blender_addon.scene.splats import add_splats
from blender_addon.scene.surface_colors import read_values

QUICK = ExtractionOptions(face_budget=2_000, texture_size=0, resolution=48, point_count=500)
TEXTURED = replace(QUICK, texture_size=512)
ALONE = api.PostImport(show_one=True)


@pytest.fixture
def splats(session: None, ball: GaussianCloud) -> bpy.types.Object:
    """The ball as an object that is not Splatsmith's own, in a collection, moved and squeezed."""
    collection = bpy.data.collections.new("Captures")
    bpy.context.scene.collection.children.link(collection)
    obj = add_splats(ball, "my capture", collection)
    obj.location, obj.rotation_euler, obj.scale = (1, 2, 3), (0.1, 0.2, 0.3), (1, 2, 0.5)
    bpy.context.view_layer.update()
    return obj


def test_mesh_gets_the_transform_of_the_splats(splats: bpy.types.Object) -> None:
    asset = api.extract(splats, extraction=QUICK)
    (mesh,) = asset.objects.values()
    assert mesh.name == "my capture.mesh" and mesh.parent is None
    assert mesh.matrix_basis == splats.matrix_basis
    assert mesh.users_collection == splats.users_collection
    radii = np.linalg.norm([vertex.co for vertex in mesh.data.vertices], axis=1)
    assert np.quantile(radii, [0.02, 0.98]) == pytest.approx([1, 1], abs=0.08)
    assert 4 <= len(mesh.data.polygons) <= QUICK.face_budget


def test_what_is_extracted_from_an_imported_asset_has_its_size(
    session: None, ball: GaussianCloud, tmp_path: Path
) -> None:
    write_cloud(tmp_path / "ball.ply", ball)
    placement = api.Placement((7, 0, 0), size=0.5)
    splats = api.import_asset(tmp_path / "ball.ply", placement=placement).objects[Product.SPLATS]
    asset = api.extract(splats, [Product.MESH, Product.POINTS], extraction=QUICK)
    bpy.context.view_layer.update()
    for obj in (splats, *asset.objects.values()):
        assert tuple(obj.scale) == (1, 1, 1) and obj.matrix_basis == splats.matrix_basis
        local = read_values(obj.data.attributes["position"].data, "vector", 3)
        assert np.quantile(np.linalg.norm(local, axis=1), 0.5) == pytest.approx(0.25, rel=0.05)


def test_points_are_as_many_as_asked_for(splats: bpy.types.Object) -> None:
    asset = api.extract(splats, [Product.POINTS], extraction=QUICK)
    points = asset.objects[Product.POINTS]
    assert points.name == "my capture.points"
    assert len(points.data.attributes["position"].data) == QUICK.point_count
    assert points.matrix_basis == splats.matrix_basis


def test_mesh_and_points_can_be_extracted_at_once(splats: bpy.types.Object) -> None:
    asset = api.extract(splats, [Product.MESH, Product.POINTS], extraction=QUICK, post_import=ALONE)
    seen = {obj.name: obj.visible_get() for obj in (splats, *asset.objects.values())}
    assert seen == {"my capture": False, "my capture.mesh": True, "my capture.points": False}
    assert splats.hide_render and not asset.objects[Product.MESH].hide_render


def test_splats_stay_visible_by_default(splats: bpy.types.Object) -> None:
    api.extract(splats, [Product.POINTS], extraction=QUICK)
    assert splats.visible_get() and not splats.hide_render


def test_texture_is_packed_and_active(splats: bpy.types.Object) -> None:
    mesh = api.extract(splats, extraction=TEXTURED).objects[Product.MESH]
    (material,) = mesh.data.materials
    image = material.node_tree.nodes.active.image
    assert image.packed_file is not None and max(image.size) == 512
    assert {image.name, material.name} == {"my capture.mesh"}
    red, green, blue, _ = material.diffuse_color
    assert red > 0.2 > max(green, blue)


def test_several_objects_queue_up(splats: bpy.types.Object, ball: GaussianCloud) -> None:
    other = add_splats(ball, "another", bpy.context.scene.collection)
    keys = [api.submit_extraction(obj, extraction=QUICK) for obj in (splats, other)]
    meshes = [api.wait_for(key).objects[Product.MESH] for key in keys]
    assert [mesh.name for mesh in meshes] == ["my capture.mesh", "another.mesh"]
    assert meshes[1].users_collection == (bpy.context.scene.collection,)


def test_mesh_gets_the_latest_transform_and_name(splats: bpy.types.Object) -> None:
    key = api.submit_extraction(splats, extraction=QUICK)
    carrier = bpy.data.objects.new("carrier", None)
    carrier.location = (5, 0, 0)
    bpy.context.scene.collection.objects.link(carrier)
    splats.name, splats.parent = "renamed", carrier
    splats.rotation_mode, splats.rotation_quaternion = "QUATERNION", (0, 1, 0, 0)
    mesh = api.wait_for(key).objects[Product.MESH]
    bpy.context.view_layer.update()
    assert mesh.name == "renamed.mesh" and mesh.parent == carrier
    assert mesh.matrix_world == splats.matrix_world


def test_mesh_of_constrained_splats_gets_their_world_transform(splats: bpy.types.Object) -> None:
    target = bpy.data.objects.new("target", None)
    target.location = (-4, -4, -4)
    bpy.context.scene.collection.objects.link(target)
    splats.constraints.new("COPY_LOCATION").target = target
    mesh = api.extract(splats, extraction=QUICK).objects[Product.MESH]
    bpy.context.view_layer.update()
    assert mesh.matrix_world.translation == target.location


def test_mesh_of_deleted_splats_gets_their_last_transform(splats: bpy.types.Object) -> None:
    stood = splats.matrix_world.copy()
    key = api.submit_extraction(splats, extraction=QUICK)
    bpy.data.objects.remove(splats)
    mesh = api.wait_for(key).objects[Product.MESH]
    bpy.context.view_layer.update()
    assert mesh.name == "my capture.mesh" and mesh.users_collection[0].name == "Captures"
    assert np.allclose(mesh.matrix_world, stood, atol=1e-6)


def test_deleted_parent_and_collection_are_tolerated(splats: bpy.types.Object) -> None:
    carrier = bpy.data.objects.new("carrier", None)
    carrier.location = (5, 0, 0)
    bpy.context.scene.collection.objects.link(carrier)
    splats.parent = carrier
    key = api.submit_extraction(splats, extraction=QUICK)
    stood = splats.matrix_world.copy()
    bpy.data.objects.remove(splats)
    bpy.data.objects.remove(carrier)
    bpy.data.collections.remove(bpy.data.collections["Captures"])
    mesh = api.wait_for(key).objects[Product.MESH]
    bpy.context.view_layer.update()
    assert mesh.users_collection == (bpy.context.scene.collection,)
    assert np.allclose(mesh.matrix_world, stood, atol=1e-5)


def test_hidden_splats_can_be_extracted(splats: bpy.types.Object) -> None:
    splats.hide_set(True)
    splats.hide_viewport = True
    mesh = api.extract(splats, extraction=QUICK, post_import=ALONE).objects[Product.MESH]
    assert mesh.visible_get() and mesh.matrix_basis == splats.matrix_basis


def test_linked_splats_get_a_mesh_of_this_file(
    splats: bpy.types.Object, tmp_path_factory: pytest.TempPathFactory
) -> None:
    library = str(tmp_path_factory.mktemp("library") / "captures.blend")
    bpy.data.libraries.write(library, {splats})
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with bpy.data.libraries.load(library, link=True) as (_, linked):
        linked.objects = ["my capture"]
    (obj,) = linked.objects
    bpy.context.scene.collection.objects.link(obj)
    mesh = api.extract(obj, extraction=QUICK, post_import=ALONE).objects[Product.MESH]
    assert mesh.library is None and mesh.matrix_basis == obj.matrix_basis
    assert not obj.visible_get()


def test_mesh_of_generated_splats_has_their_request(session: None) -> None:
    settings = api.GenerationSettings(
        "lattice", parameters={"steps": 1}, products=(Product.SPLATS,)
    )
    made = api.generate("a chair", settings=settings).objects[Product.SPLATS]
    mesh = api.extract(made, extraction=QUICK).objects[Product.MESH]
    assert mesh.name == "a chair.mesh"
    request = api.read_request(mesh)
    assert isinstance(request, GenerateRequest)
    assert (request.prompt, request.extraction) == ("a chair", QUICK)


def test_mesh_of_a_capture_has_its_extraction_request(splats: bpy.types.Object) -> None:
    request = api.read_request(api.extract(splats, extraction=QUICK).objects[Product.MESH])
    assert isinstance(request, ExtractRequest) and request.extraction == QUICK


def test_harmonics_beyond_the_last_whole_band_are_left_out(splats: bpy.types.Object) -> None:
    for k in range(5):
        splats.data.attributes.new(f"radiance:sh_{k}", "FLOAT_VECTOR", "POINT")
    assert api.extract(splats, [Product.POINTS], extraction=QUICK).objects


@pytest.fixture
def not_splats(session: None) -> Iterator[dict[str, bpy.types.Object]]:
    """Objects that have no splats to give."""
    bare = bpy.data.meshes.new("bare")
    bare.vertices.add(3)
    odd = bpy.data.meshes.new("odd")
    odd.vertices.add(3)
    for name in ("scale", "rotation", "radiance:base"):
        odd.attributes.new(name, "FLOAT", "POINT")
    none = bpy.data.meshes.new("none")
    for name, kind in (("scale", "FLOAT_VECTOR"), ("rotation", "QUATERNION")):
        none.attributes.new(name, kind, "POINT")
    none.attributes.new("radiance:base", "FLOAT_COLOR", "POINT")
    datablocks = {"bare": bare, "odd": odd, "none": none, "empty": None}
    yield {name: bpy.data.objects.new(name, data) for name, data in datablocks.items()}


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("bare", "'bare' is no splat object. Select Gaussian splats."),
        ("odd", "'odd' is no splat object. Select Gaussian splats."),
        ("none", "'none' is empty."),
        ("empty", "'empty' is no splat object."),
    ],
)
def test_other_objects_are_refused_at_once(
    not_splats: dict[str, bpy.types.Object], name: str, says: str
) -> None:
    with pytest.raises(SplatsmithError, match=says):
        api.submit_extraction(not_splats[name])


def test_splats_being_edited_are_refused(splats: bpy.types.Object) -> None:
    mesh = bpy.data.objects.new("edited", bpy.data.meshes.new("edited"))
    bpy.context.scene.collection.objects.link(mesh)
    bpy.context.view_layer.objects.active = mesh
    bpy.ops.object.mode_set(mode="EDIT")
    with pytest.raises(SplatsmithError, match="Leave its Edit Mode"):
        api.submit_extraction(mesh)


def test_extraction_can_be_cancelled_and_retried(
    splats: bpy.types.Object, await_true: Callable[[Callable[[], bool]], None]
) -> None:
    def mine() -> TrackedJob:
        return next(job for job in api.snapshot().jobs if job.title == "tried again")

    endless = api.GenerationSettings("lattice", parameters={"steps": 10_000, "pause": 0.1})
    blocker = api.submit("in the way", settings=endless)
    splats.name = "tried again"
    key = api.submit_extraction(splats, extraction=QUICK)
    await_true(lambda: mine().stage != "Sending")
    assert mine().state is JobState.QUEUED and mine().status.kind is JobKind.EXTRACT
    api.cancel(key)
    with pytest.raises(Cancelled):
        api.wait_for(key)
    api.cancel(blocker)
    again = api.wait_for(api.retry(key))
    assert again.objects[Product.MESH].matrix_basis == splats.matrix_basis


def test_extraction_can_be_imported_again_with_the_splats_transform(
    splats: bpy.types.Object,
) -> None:
    asset = api.extract(splats, extraction=QUICK)
    splats.location.x = 9
    again = api.wait_for(api.import_job(asset.job))
    assert again.objects[Product.MESH].name == "my capture.mesh.001"
    assert again.objects[Product.MESH].location.x == 9


def test_splats_with_nan_are_refused_by_the_service(splats: bpy.types.Object) -> None:
    count = len(splats.data.attributes["position"].data)
    splats.data.attributes["scale"].data.foreach_set("vector", np.full(3 * count, np.nan))
    with pytest.raises(SplatsmithError) as refused:
        api.extract(splats, extraction=QUICK)
    assert refused.value.remedy
    assert [obj.name for obj in bpy.data.objects] == ["my capture"]


def test_mesh_is_remeshed_to_quads_on_request(splats: bpy.types.Object) -> None:
    asset = api.extract(
        splats, extraction=QUICK, post_import=api.PostImport(quads=True, show_one=True)
    )
    quads, mesh = asset.quads, asset.objects[Product.MESH]
    assert quads is not None and quads.name == "my capture.quads"
    assert quads.matrix_basis == splats.matrix_basis
    seen = [obj.visible_get() for obj in (quads, mesh, splats)]
    assert seen == [True, False, False]
    assert json.loads(quads["splatsmith_request"])["extraction"]["face_budget"] == 2_000
