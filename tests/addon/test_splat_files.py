"""Splat files into the scene and out of it, by operators and by the scripting interface."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
import pytest

from blender_addon import api, ui
from blender_addon.contract.cloud import GaussianCloud, load_cloud, write_cloud, write_far_cloud
from blender_addon.contract.problems import InvalidRequest, SplatsmithError, UnreadableCloud
from blender_addon.contract.protocol import Product
from blender_addon.contract.up_axis import UpAxis
from blender_addon.importing.file_kinds import is_read_here
from blender_addon.link.settings import BackendSettings
from blender_addon.scene.georeference import read_origin
from blender_addon.scene.splats import add_splats, read_splats
from blender_addon.ui.file_drop import SPLATSMITH_FH_picture, SPLATSMITH_FH_splats

RandomCloud = Callable[[int, int], GaussianCloud]
IN_PLACE = api.Placement(keep_place=True)
PICTURE = Path(__file__).parents[2] / "blender_addon/demo_picture.png"


@pytest.fixture(scope="module")
def no_backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """An add-on whose backend is not installed."""
    folder = tmp_path_factory.mktemp("fresh")
    api.configure(BackendSettings(folder=folder, backend=folder / "backend"))
    yield
    api.shutdown()


@pytest.fixture
def registered(no_backend: None, scene: bpy.types.Scene) -> Iterator[None]:
    """The registered add-on without a backend, and an empty scene."""
    ui.register()
    yield
    ui.unregister()


@pytest.fixture
def file(tmp_path: Path, random_cloud: RandomCloud) -> Path:
    write_cloud(tmp_path / "scan.ply", random_cloud(30, 1))
    return tmp_path / "scan.ply"


def splat_objects() -> list[bpy.types.Object]:
    return sorted(bpy.data.objects, key=lambda obj: obj.name)


def import_several(folder: Path, *names: str, **options: object) -> None:
    files = [{"name": name} for name in names]
    bpy.ops.splatsmith.import_splats(directory=f"{folder}/", files=files, **options)


def test_several_files_come_in_beside_each_other(
    registered: None, file: Path, random_cloud: RandomCloud
) -> None:
    file.rename(file.with_name("SCAN_A.PLY"))
    write_cloud(file.with_name("b.ply"), random_cloud(10, 0))
    file.with_name("._SCAN_A.PLY").write_bytes(b"\0\5\26\7")
    import_several(file.parent, "SCAN_A.PLY", "._SCAN_A.PLY", "b.ply", size=2.0)
    first, second = splat_objects()
    assert [obj.name for obj in (first, second)] == ["SCAN_A.splats", "b.splats"]
    assert bpy.context.selected_objects == [first, second] and bpy.context.object == second
    bpy.context.view_layer.update()
    places = [np.array(obj.matrix_world)[:3, 3] for obj in (first, second)]
    assert np.linalg.norm(places[1] - places[0]) > 1


def test_a_damaged_file_stops_no_other(registered: None, file: Path) -> None:
    file.with_name("a.ply").write_bytes(b"ply\nformat nothing\nend_header\n")
    with pytest.raises(RuntimeError, match=r"a\.ply"):
        import_several(file.parent, "a.ply", "scan.ply")
    assert [obj.name for obj in splat_objects()] == ["scan.splats"]


def test_the_axis_of_the_header_counts_unless_the_user_chooses(
    registered: None, tmp_path: Path, random_cloud: RandomCloud
) -> None:
    cloud = random_cloud(20, 2)
    write_cloud(tmp_path / "z.ply", cloud, up=UpAxis.Z)
    asset = api.import_asset(tmp_path / "z.ply", placement=IN_PLACE)
    stored = np.empty(60, np.float32)
    splats = asset.objects[Product.SPLATS]
    splats.data.attributes["position"].data.foreach_get("vector", stored)
    np.testing.assert_array_equal(stored.reshape(-1, 3), cloud.means)  # Blender has Z up, too
    bpy.ops.splatsmith.import_splats(
        filepath=str(tmp_path / "z.ply"), place="FILE", up="MINUS_Y", scale=2.0
    )
    (other,) = (obj for obj in splat_objects() if obj != splats)
    upside_down = cloud.means * np.array([2, -2, -2], np.float32)
    np.testing.assert_allclose(read_splats(other).means, upside_down, rtol=1e-6)


def test_place_and_size_are_the_files_or_the_users(registered: None, file: Path) -> None:
    bpy.context.scene.cursor.location = (1, 2, 3)
    kept = api.import_asset(file, placement=IN_PLACE).objects[Product.SPLATS]
    np.testing.assert_allclose(read_splats(kept).means, load_cloud(file).cloud.means, atol=1e-6)
    assert kept.location[:] == (0, 0, 0) and kept.scale[:] == (1, 1, 1)
    grounded = api.import_asset(file, placement=api.Placement(size=None, scale=0.5))
    bpy.context.view_layer.update()
    half = grounded.objects[Product.SPLATS]
    np.testing.assert_allclose(read_splats(half).means, 0.5 * read_splats(kept).means, rtol=1e-5)
    assert half.location.z > 3


def test_axis_of_a_mesh_is_refused(registered: None, tmp_path: Path) -> None:
    (tmp_path / "mesh.glb").write_bytes(b"glTF" + bytes(16))
    with pytest.raises(SplatsmithError, match="no splat file"):
        api.import_asset(tmp_path / "mesh.glb", up=UpAxis.Z)


def test_import_is_one_undo_step(registered: None, file: Path) -> None:
    bpy.context.preferences.edit.use_global_undo = True
    bpy.ops.ed.undo_push(message="before")
    import_several(file.parent, file.name)
    bpy.ops.ed.undo_push(message="import")
    bpy.ops.ed.undo()
    assert not splat_objects()
    bpy.ops.ed.redo()
    assert len(splat_objects()) == 1


@pytest.mark.parametrize("limit", ["SELECTED", "VISIBLE", "COLLECTION"])
def test_export_writes_the_chosen_objects(
    registered: None, scene: bpy.types.Scene, random_cloud: RandomCloud, tmp_path: Path, limit: str
) -> None:
    chosen = bpy.data.collections.new("chosen")
    scene.collection.children.link(chosen)
    counts = {"selected": 1, "visible": 2, "hidden": 4, "elsewhere": 8}
    for name, count in counts.items():
        where = scene.collection if name == "elsewhere" else chosen
        obj = add_splats(random_cloud(count, 0), name, where)
        obj.select_set(name == "selected")
    bpy.data.objects["hidden"].hide_set(True)
    layer = bpy.context.view_layer
    layer.active_layer_collection = layer.layer_collection.children["chosen"]
    path = tmp_path / "out.ply"
    bpy.ops.splatsmith.export_splats(filepath=str(path), objects=limit)
    expected = {"SELECTED": 1, "VISIBLE": 1 + 2 + 8, "COLLECTION": 1 + 2 + 4}
    assert len(load_cloud(path).cloud) == expected[limit]


def test_a_collections_exporter_writes_that_collection(
    registered: None, scene: bpy.types.Scene, random_cloud: RandomCloud, tmp_path: Path
) -> None:
    collection = bpy.data.collections.new("exported")
    scene.collection.children.link(collection)
    add_splats(random_cloud(3, 0), "inside", collection)
    add_splats(random_cloud(5, 0), "outside", scene.collection)
    path = tmp_path / "collection.ply"
    bpy.ops.splatsmith.export_splats(filepath=str(path), collection="exported", up="Z")
    loaded = load_cloud(path)
    assert len(loaded.cloud) == 3 and loaded.up is UpAxis.Z


def test_collections_have_the_exporter(
    registered: None, scene: bpy.types.Scene, random_cloud: RandomCloud, tmp_path: Path
) -> None:
    collection = bpy.data.collections.new("exported")
    scene.collection.children.link(collection)
    add_splats(random_cloud(3, 0), "inside", collection)
    layer = bpy.context.view_layer
    layer.active_layer_collection = layer.layer_collection.children["exported"]
    bpy.ops.collection.exporter_add(name=SPLATSMITH_FH_splats.bl_idname)
    path = tmp_path / "collection.ply"
    collection.exporters[0].export_properties.filepath = str(path)
    bpy.ops.collection.export_all()
    assert len(load_cloud(path).cloud) == 3


def test_export_says_what_is_wrong(
    registered: None, scene: bpy.types.Scene, random_cloud: RandomCloud, tmp_path: Path
) -> None:
    def export(path: Path, **options: object) -> None:
        bpy.ops.splatsmith.export_splats(filepath=str(path), **options)

    with pytest.raises(RuntimeError, match="Nothing is selected"):
        export(tmp_path / "a.ply")
    with pytest.raises(RuntimeError, match="What is visible has no splats"):
        export(tmp_path / "a.ply", objects="VISIBLE")
    with pytest.raises(RuntimeError, match="no collection 'lost'"):
        export(tmp_path / "a.ply", collection="lost")
    bpy.ops.mesh.primitive_cube_add()
    with pytest.raises(RuntimeError, match="'Cube' has no splats"):
        export(tmp_path / "a.ply")
    obj = add_splats(random_cloud(3, 0), "three", scene.collection)
    obj.select_set(True)
    with pytest.raises(RuntimeError, match="There is no folder"):
        export(tmp_path / "nowhere" / "a.ply")
    (tmp_path / "folder.ply").mkdir()
    with pytest.raises(RuntimeError, match="is a folder"):
        export(tmp_path / "folder.ply")
    with pytest.raises(SplatsmithError, match="does not say which splat format"):
        api.export_asset([obj], tmp_path / "a.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["folder.ply"]
    export(tmp_path / "a")  # beside the cube, which is left out
    assert len(load_cloud(tmp_path / "a.ply").cloud) == 3


def test_an_edited_object_is_not_exported(
    registered: None, scene: bpy.types.Scene, random_cloud: RandomCloud, tmp_path: Path
) -> None:
    obj = add_splats(random_cloud(3, 0), "three", scene.collection)
    bpy.context.view_layer.objects.active = obj
    obj.select_set(True)
    bpy.ops.object.mode_set(mode="EDIT")
    try:
        with pytest.raises(RuntimeError, match="'three' is being edited"):
            bpy.ops.splatsmith.export_splats(filepath=str(tmp_path / "a.ply"))
    finally:
        bpy.ops.object.mode_set(mode="OBJECT")
    assert not list(tmp_path.iterdir())


def test_an_export_tells_how_far_it_is_and_can_be_ended(
    scene: bpy.types.Scene, random_cloud: RandomCloud, file: Path
) -> None:
    obj = add_splats(random_cloud(20_000, 0), "many", scene.collection)
    before, shares = file.read_bytes(), []

    def end(share: float) -> None:
        raise InvalidRequest(f"{share:.0%} were enough.")

    with pytest.raises(InvalidRequest, match=r"\d%"):
        api.export_asset([obj], file, on_progress=end)
    assert file.read_bytes() == before and list(file.parent.iterdir()) == [file]
    api.export_asset([obj], file, on_progress=shares.append)
    assert len(shares) > 1 and shares == sorted(shares) and shares[-1] == 1
    assert len(load_cloud(file).cloud) == 20_000


def test_a_failed_export_leaves_the_old_file(
    registered: None,
    scene: bpy.types.Scene,
    random_cloud: RandomCloud,
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    obj = add_splats(random_cloud(3, 0), "three", scene.collection)
    before = file.read_bytes()

    def full_disk(part: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full_disk)
        with pytest.raises(SplatsmithError, match="No space left"):
            api.export_asset([obj], file)
    assert file.read_bytes() == before and [*file.parent.iterdir()] == [file]
    assert api.export_asset([obj], file).count == len(load_cloud(file).cloud) == 3


@pytest.mark.parametrize("suffix", [".spz", ".compressed.ply", ".SOG"])
def test_other_formats_ask_for_the_backend(
    registered: None, scene: bpy.types.Scene, random_cloud: RandomCloud, tmp_path: Path, suffix: str
) -> None:
    obj = add_splats(random_cloud(3, 0), "three", scene.collection)
    path = tmp_path / f"three{suffix}"
    with pytest.raises(SplatsmithError, match="Press Install"):
        api.export_asset([obj], path)
    assert not path.exists()
    path.write_bytes(COMPRESSED if suffix == ".compressed.ply" else b"NGSP")
    with pytest.raises(RuntimeError, match="Press Install"):
        bpy.ops.splatsmith.import_splats(filepath=str(path))
    assert len(bpy.data.objects) == 1


COMPRESSED = (
    b"ply\nformat binary_little_endian 1.0\nelement vertex 1\nproperty uint packed_position\n"
    b"property uint packed_rotation\nproperty uint packed_scale\nproperty uint packed_color\n"
    b"end_header\n" + bytes(16)
)


def glb(document: object) -> bytes:
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    chunk = struct.pack("<I4s", len(text), b"JSON") + text
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunk)) + chunk


@pytest.mark.once
@pytest.mark.parametrize(
    ("name", "content", "read_here"),
    [
        ("packed.ply", COMPRESSED, False),
        ("mesh.glb", glb({"asset": {}}), True),
        ("splats.glb", glb({"extensionsUsed": ["KHR_gaussian_splatting"]}), False),
        ("mesh.GLTF", b'{"asset": {}}', True),
        ("splats.gltf", b' {"extensionsUsed": ["KHR_gaussian_splatting"]}', False),
        ("broken.gltf", b"{", True),
        ("scene.SPLAT", bytes(64), False),
        ("renamed.bin", b"\x1f\x8b\x08", False),
        ("short.glb", b"glTF", True),
    ],
)
def test_kinds_of_files_are_told_by_content(
    tmp_path: Path, name: str, content: bytes, read_here: bool
) -> None:
    (tmp_path / name).write_bytes(content)
    assert is_read_here(tmp_path / name) == read_here


@pytest.mark.once
@pytest.mark.parametrize(("name", "content"), [("notes.txt", b"hello"), ("empty.bin", b"")])
def test_other_files_are_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnreadableCloud, match="no splat file"):
        is_read_here(tmp_path / name)


def test_a_dropped_picture_becomes_the_panels(registered: None, tmp_path: Path) -> None:
    bpy.ops.splatsmith.use_picture(filepath=str(PICTURE))
    assert bpy.context.scene.splatsmith.picture.name == PICTURE.name
    (tmp_path / "none.png").write_bytes(b"no picture")
    for name in ("none.png", "missing.png"):
        with pytest.raises(RuntimeError, match=f"{name} is no picture"):
            bpy.ops.splatsmith.use_picture(filepath=str(tmp_path / name))
    assert [image.name for image in bpy.data.images] == [PICTURE.name]


def test_drop_handlers_name_operators_and_suffixes(registered: None) -> None:
    suffixes = SPLATSMITH_FH_splats.bl_file_extensions.split(";")
    assert {".ply", ".spz", ".sog", ".splat", ".ksplat", ".glb", ".usdz"} <= set(suffixes)
    assert ".png" in SPLATSMITH_FH_picture.bl_file_extensions.split(";")
    for handler in (SPLATSMITH_FH_splats, SPLATSMITH_FH_picture):
        module, name = handler.bl_import_operator.split(".")
        assert getattr(getattr(bpy.ops, module), name).get_rna_type()


def test_georeferenced_files_keep_their_place(
    registered: None, tmp_path: Path, random_cloud: RandomCloud
) -> None:
    cloud, origin = random_cloud(40, 1), np.array([356_000.25, 5_640_000.5, 120.75])
    write_far_cloud(tmp_path / "utm.ply", cloud, origin, UpAxis.Z)
    asset = api.import_asset(tmp_path / "utm.ply", placement=IN_PLACE)
    splats = asset.objects[Product.SPLATS]
    kept = read_origin(splats)
    assert kept is not None
    np.testing.assert_allclose(splats.location, kept, rtol=1e-6)
    api.export_asset([splats], tmp_path / "back.ply", up=UpAxis.Z)
    there, back = (load_cloud(tmp_path / name) for name in ("utm.ply", "back.ply"))
    difference = (there.cloud.means + there.origin) - (back.cloud.means + back.origin)
    assert np.abs(difference).max() < 1e-6 * np.ptp(cloud.means)
    grounded = api.import_asset(tmp_path / "utm.ply").objects[Product.SPLATS]
    np.testing.assert_array_equal(read_origin(grounded), kept)
    assert abs(grounded.location.x) < 10


def test_a_round_trip_changes_no_value(
    registered: None, tmp_path: Path, random_cloud: RandomCloud
) -> None:
    cloud = replace(random_cloud(50, 3), scales=np.full((50, 3), 0.02, np.float32))
    write_cloud(tmp_path / "a.ply", cloud)
    asset = api.import_asset(tmp_path / "a.ply", placement=IN_PLACE)
    api.export_asset([asset.objects[Product.SPLATS]], tmp_path / "b.ply")
    back = load_cloud(tmp_path / "b.ply").cloud
    for name in ("means", "scales", "opacities", "sh0", "shN"):
        expected = getattr(cloud, name)
        np.testing.assert_allclose(
            getattr(back, name), expected, rtol=0, atol=1e-6 * np.abs(expected).max()
        )
    cosines = np.abs(np.einsum("ni,ni->n", back.quats, cloud.quats))
    np.testing.assert_allclose(cosines, 1, atol=1e-6)
