"""The file in which Blender finds the catalogs of assets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import bpy
import pytest

from blender_addon.scene.asset_browser import NO_CATALOG, AssetDetails, add_to_asset_browser
from blender_addon.scene.asset_catalogs import (
    CATALOG_FILE,
    CatalogNotWritten,
    catalog_file,
    define_catalog,
    engine_catalog,
)

SPROUT = engine_catalog("sprout", "Sprout")
OTHERS = "0d0eff8a-3a7e-4d2f-8b0a-9a52f1d1f111:Props/Chairs:Chairs"


@pytest.fixture
def asset_library(scene: bpy.types.Scene, tmp_path: Path) -> Callable[[Path], None]:
    def add(root: Path) -> None:
        bpy.context.preferences.filepaths.asset_libraries.new(name="Ours", directory=str(root))

    return add


def test_a_new_file_has_the_format_that_blender_reads(tmp_path: Path) -> None:
    assert define_catalog(tmp_path / CATALOG_FILE, SPROUT)
    lines = (tmp_path / CATALOG_FILE).read_text(encoding="utf-8").splitlines()
    lines = [line for line in lines if line and not line.startswith("#")]
    assert lines == ["VERSION 1", f"{SPROUT.id}:Splatsmith/Sprout:Splatsmith-Sprout"]


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_other_catalogs_stay_as_they_are(tmp_path: Path, end: str) -> None:
    file = tmp_path / CATALOG_FILE
    before = f"# Möbel\r\nVERSION 1\r\n\r\n{OTHERS}{end}".encode() + b"# \xff\n"
    file.write_bytes(before)
    assert define_catalog(file, SPROUT)
    assert file.read_bytes() == before + SPROUT.line.encode() + b"\n"
    assert not define_catalog(file, SPROUT), "it is there now"
    assert [path.name for path in tmp_path.iterdir()] == [CATALOG_FILE]


def test_a_catalog_that_the_user_has_moved_stays_there(tmp_path: Path) -> None:
    file = tmp_path / CATALOG_FILE
    moved = f"VERSION 1\n{SPROUT.id.upper()}:Furniture/AI:AI"
    file.write_text(moved, encoding="utf-8")
    assert not define_catalog(file, SPROUT)
    assert file.read_text(encoding="utf-8") == moved


@pytest.mark.parametrize("text", ["VERSION 2\n", OTHERS, "my shopping list"])
def test_files_of_other_versions_are_left_alone(tmp_path: Path, text: str) -> None:
    file = tmp_path / CATALOG_FILE
    file.write_text(text, encoding="utf-8")
    with pytest.raises(CatalogNotWritten, match="VERSION 1"):
        define_catalog(file, SPROUT)
    assert file.read_text(encoding="utf-8") == text


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / CATALOG_FILE).mkdir()
    with pytest.raises(CatalogNotWritten, match=CATALOG_FILE):
        define_catalog(tmp_path / CATALOG_FILE, SPROUT)


def test_the_file_is_beside_the_blend_or_at_the_root_of_its_library(
    scene: bpy.types.Scene, tmp_path: Path, asset_library: Callable[[Path], None]
) -> None:
    assert catalog_file() is None, "nothing is saved"
    folder = tmp_path / "library" / "chairs"
    folder.mkdir(parents=True)
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "a.blend"))
    assert catalog_file() == folder / CATALOG_FILE
    asset_library(tmp_path / "library")
    assert catalog_file() == tmp_path / "library" / CATALOG_FILE
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "b.blend"))
    assert catalog_file() == tmp_path / CATALOG_FILE


def test_names_of_engines_make_no_further_catalogs() -> None:
    odd = engine_catalog("odd", "A/B: C (built in)")
    assert odd.path == "Splatsmith/A B C" and odd.line.count(":") == 2
    assert engine_catalog("odd", "Another Title").id == odd.id != SPROUT.id


def test_what_the_user_has_chosen_stays(scene: bpy.types.Scene) -> None:
    cube = bpy.data.objects.new("cube", bpy.data.meshes.new("cube"))
    add_to_asset_browser(cube, AssetDetails("a", "me", "MIT", ("x",), SPROUT.id))
    data = cube.asset_data
    assert (data.author, data.license, data.catalog_id) == ("me", "MIT", SPROUT.id)
    data.author, data.catalog_id = "you", OTHERS.split(":")[0]
    add_to_asset_browser(cube, AssetDetails("b", "me", "CC0", (), SPROUT.id))
    assert (data.author, data.catalog_id) == ("you", OTHERS.split(":")[0])
    assert (data.description, data.license) == ("b", "CC0")
    data.catalog_id = NO_CATALOG
    add_to_asset_browser(cube, AssetDetails())
    assert data.catalog_id == NO_CATALOG
