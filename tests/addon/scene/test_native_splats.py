"""Splats that Blender 5.3 draws itself: made of those of older files, kept by older Blenders."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
import pytest

from blender_addon import api
from blender_addon.contract.cloud import GaussianCloud, write_cloud
from blender_addon.contract.problems import SplatsmithError
from blender_addon.scene import appearance
from blender_addon.scene.native_splats import harmonics_notes, has_older_form
from blender_addon.scene.point_data import PointAttribute, read_attributes, write_attribute
from blender_addon.scene.splats import IS_NATIVE, add_splats, is_drawn_natively, read_splats

RandomCloud = Callable[[int, int], GaussianCloud]
MakeOld = Callable[..., bpy.types.Object]
COUNT = 6

needs_native = pytest.mark.skipif(not IS_NATIVE, reason="this Blender draws no splats itself")

# What another Blender does: keeps what it finds of a newer file, and saves splats of its own.
OLDER_BLENDER = """
import json, os, sys
import bpy, numpy as np
newer, older, cloud = sys.argv[1:]
from pathlib import Path
from blender_addon.contract.cloud import read_cloud
from blender_addon.scene.splats import add_splats, read_splats
found = None
if bpy.app.version >= (4, 5, 0):
    bpy.ops.wm.open_mainfile(filepath=newer)
    obj = next(o for o in bpy.data.objects if o.type == "POINTCLOUD")
    kept = read_splats(obj)
    names = ("means", "quats", "scales", "opacities", "sh0", "shN")
    found = {name: getattr(kept, name).tolist() for name in names}
bpy.ops.wm.read_factory_settings(use_empty=True)
add_splats(read_cloud(Path(cloud)), "old", bpy.context.scene.collection)
bpy.ops.wm.save_as_mainfile(filepath=older)
print(json.dumps({"version": bpy.app.version[:2], "found": found}))
sys.stdout.flush()
os._exit(0)
"""


@pytest.fixture
def make_old(scene: bpy.types.Scene, random_cloud: RandomCloud) -> MakeOld:
    """Makes splats as a file of an older Blender has them: points or vertices with our modifier."""

    def make(kind: str = "POINTCLOUD", opacity: float = 1.0, size: float = 1.0) -> bpy.types.Object:
        cloud = random_cloud(COUNT, 1)
        obj = add_splats(cloud, "old", scene.collection)
        if kind == "MESH":
            values = read_attributes(obj.data)
            kinds = {a.name: a.data_type for a in obj.data.attributes}
            bpy.data.pointclouds.remove(obj.data)  # and the object with it
            mesh = bpy.data.meshes.new("old")
            mesh.vertices.add(COUNT)
            for name in values.keys() - {"radius"}:
                write_attribute(mesh, PointAttribute(name, kinds[name], values[name]))
            obj = bpy.data.objects.new("old", mesh)
            scene.collection.objects.link(obj)
        else:
            obj.data.type = "POINTS"
        appearance.show_splats(obj, COUNT)
        appearance.set_modifier_input(obj.modifiers[0], "Opacity", opacity)
        appearance.set_modifier_input(obj.modifiers[0], "Size", size)
        return obj

    return make


@needs_native
@pytest.mark.parametrize("kind", ["POINTCLOUD", "MESH"])
def test_splats_of_older_files_become_native(
    make_old: MakeOld, random_cloud: RandomCloud, kind: str
) -> None:
    obj = make_old(kind)
    obj.location, obj["splatsmith_request"] = (1, 2, 3), "{}"
    assert has_older_form(obj)
    assert api.make_splats_native([obj]) == [obj]
    assert (
        is_drawn_natively(obj)
        and not has_older_form(obj)
        and obj.name == "old"
        and not obj.modifiers
    )
    assert obj["splatsmith_request"] == "{}" and tuple(obj.location) == (1, 2, 3)
    assert not bpy.data.meshes
    cloud, back = random_cloud(COUNT, 1), read_splats(obj)
    for name in ("means", "quats", "scales", "opacities", "sh0", "shN"):
        np.testing.assert_allclose(getattr(back, name), getattr(cloud, name), atol=1e-5)
    assert api.make_splats_native([obj]) == []


@needs_native
def test_opacity_and_size_of_the_modifier_are_kept(
    make_old: MakeOld, random_cloud: RandomCloud
) -> None:
    obj = make_old(opacity=1.5, size=0.5)
    api.make_splats_native([obj])
    cloud, back = random_cloud(COUNT, 1), read_splats(obj)
    np.testing.assert_allclose(back.scales, 0.5 * cloud.scales, rtol=1e-5)
    np.testing.assert_allclose(back.opacities, np.minimum(1.5 * cloud.opacities, 1), rtol=1e-5)


@needs_native
@pytest.mark.parametrize("kind", ["POINTCLOUD", "MESH"])
def test_the_operator_makes_the_selection_native_and_is_undone_in_one_step(
    registered: None, make_old: MakeOld, kind: str
) -> None:
    bpy.context.preferences.edit.use_global_undo = True
    obj = make_old(kind)
    make = bpy.ops.splatsmith.make_splats_native
    assert not make.poll()
    obj.select_set(True)
    before = {name: values.copy() for name, values in read_attributes(obj.data).items()}
    bpy.ops.ed.undo_push(message="before")
    assert make() == {"FINISHED"} and not has_older_form(obj) and obj.select_get()
    assert not make.poll()
    bpy.ops.ed.undo_push(message="after")
    bpy.ops.ed.undo()
    obj = bpy.data.objects["old"]
    assert obj.type == kind and len(obj.modifiers) == 1 and has_older_form(obj)
    for name, values in read_attributes(obj.data).items():
        np.testing.assert_array_equal(values, before[name])


@needs_native
@pytest.mark.parametrize("kind", ["POINTCLOUD", "MESH"])
def test_objects_that_share_their_data_go_on_sharing_it(make_old: MakeOld, kind: str) -> None:
    first, other = make_old(kind), make_old(kind)
    twin = first.copy()
    bpy.context.scene.collection.objects.link(twin)
    assert api.make_splats_native([first, twin, other]) == [first, twin, other]
    assert first.data == twin.data != other.data
    assert not any(map(has_older_form, (first, twin, other)))
    assert len(bpy.data.pointclouds) == 2 and not bpy.data.meshes


@needs_native
def test_what_was_not_chosen_stays_as_it_is(make_old: MakeOld) -> None:
    obj = make_old()
    twin = obj.copy()
    bpy.context.scene.collection.objects.link(twin)
    api.make_splats_native([obj])
    assert not has_older_form(obj) and has_older_form(twin) and twin.data.type == "POINTS"


@needs_native
def test_hidden_splats_become_native(make_old: MakeOld) -> None:
    obj = make_old("MESH")
    obj.hide_set(True)
    api.make_splats_native([obj])
    assert not has_older_form(obj) and obj.hide_get()


@needs_native
def test_native_splats_with_a_base_that_older_blenders_drop_are_written_anew(
    scene: bpy.types.Scene, random_cloud: RandomCloud
) -> None:
    cloud = random_cloud(COUNT, 0)
    obj = add_splats(cloud, "imported", scene.collection)
    base = read_attributes(obj.data)["radiance:base"]
    write_attribute(obj.data, PointAttribute("radiance:base", "FLOAT4", base))
    assert api.make_splats_native([obj]) == [obj]
    assert obj.data.attributes["radiance:base"].data_type == "FLOAT_COLOR"
    np.testing.assert_allclose(read_splats(obj).sh0, cloud.sh0, rtol=1e-6)


@needs_native
def test_vertices_with_other_modifiers_are_refused_and_nothing_is_changed(
    make_old: MakeOld,
) -> None:
    points, vertices = make_old(), make_old("MESH")
    vertices.modifiers.new("twice", "ARRAY")
    with pytest.raises(SplatsmithError, match="other modifiers") as refused:
        api.make_splats_native([points, vertices])
    assert refused.value.remedy
    assert len(points.modifiers) == 1 and len(vertices.modifiers) == 2


@pytest.mark.skipif(IS_NATIVE, reason="this Blender draws splats itself")
def test_older_blenders_say_which_one_is_needed(
    scene: bpy.types.Scene, random_cloud: RandomCloud
) -> None:
    obj = add_splats(random_cloud(COUNT, 0), "old", scene.collection)
    with pytest.raises(SplatsmithError, match=r"5\.3"):
        api.make_splats_native([obj])


def test_transparent_bounces_are_raised_only_where_the_modifier_draws(
    scene: bpy.types.Scene, random_cloud: RandomCloud, tmp_path: Path
) -> None:
    before = scene.cycles.transparent_max_bounces
    write_cloud(tmp_path / "few.ply", random_cloud(COUNT, 0))
    api.import_asset(tmp_path / "few.ply")
    assert (scene.cycles.transparent_max_bounces == before) == IS_NATIVE


def test_harmonics_that_cycles_cuts_off_are_told(
    scene: bpy.types.Scene, random_cloud: RandomCloud, tmp_path: Path
) -> None:
    cloud = random_cloud(COUNT, 1)
    shN = np.full_like(cloud.shN, 0.9)
    shN[1, 2, 0], shN[4, 0, 1] = 1.2, -3.0
    write_cloud(tmp_path / "bright.ply", replace(cloud, shN=shN))
    asset = api.import_asset(tmp_path / "bright.ply")
    told = [note for note in asset.notes if "33 % of the Gaussians have harmonics beyond" in note]
    assert len(told) == IS_NATIVE


def test_harmonics_within_the_limits_are_not_told(random_cloud: RandomCloud) -> None:
    cloud = random_cloud(COUNT, 4)
    small = replace(cloud, shN=cloud.shN / np.abs(cloud.shN).max() / 2)
    (note,) = harmonics_notes(small)
    assert "degree 4" in note
    few = small.select(np.arange(COUNT))
    few = replace(few, shN=np.ascontiguousarray(few.shN[:, :15]))
    assert harmonics_notes(few) == ()


def older_blenders(project: Path) -> list[Path]:
    programs = ("bin/python", "Scripts/python.exe")
    found = (e / p for e in sorted(project.glob(".venv-blender*")) for p in programs)
    here = Path(sys.prefix).resolve()
    return [p for p in found if p.exists() and p.parents[1].resolve() != here]


@needs_native
@pytest.mark.slow
def test_files_go_to_older_blenders_and_come_from_them(
    scene: bpy.types.Scene, random_cloud: RandomCloud, project: Path, tmp_path: Path
) -> None:
    others = older_blenders(project)
    if not others:
        pytest.skip("no other Blender is installed")
    cloud, ply, newer = random_cloud(COUNT, 1), tmp_path / "cloud.ply", tmp_path / "newer.blend"
    write_cloud(ply, cloud)
    add_splats(cloud, "new", scene.collection)
    bpy.ops.wm.save_as_mainfile(filepath=str(newer))
    for python in others:
        older = tmp_path / f"{python.parents[1].name}.blend"
        command = [python, "-c", OLDER_BLENDER, newer, older, ply]
        run = subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=120)
        assert run.returncode == 0, run.stderr
        told = json.loads(run.stdout.splitlines()[-1])
        for name, values in (told["found"] or {}).items():
            np.testing.assert_allclose(values, getattr(cloud, name), atol=1e-5)
        bpy.ops.wm.open_mainfile(filepath=str(older))
        (obj,) = bpy.data.objects
        assert api.make_splats_native([obj]) == ([] if is_native_already(told) else [obj])
        assert not has_older_form(obj)
        np.testing.assert_allclose(read_splats(obj).shN, cloud.shN, atol=1e-5)


def is_native_already(told: dict) -> bool:
    return tuple(told["version"]) >= (5, 3)
