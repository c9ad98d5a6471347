"""The panel of the active splat object."""

from __future__ import annotations

import bpy
import pytest

from blender_addon.contract.cloud import GaussianCloud
from blender_addon.scene.splats import add_splats
from blender_addon.ui.splat_panel import (
    Section,
    SPLATSMITH_PT_splats,
    add_section,
    remove_section,
    sections,
)

pytestmark = pytest.mark.once


def test_sections_are_drawn_by_their_order() -> None:
    before = sections()
    added = [Section(name, order, lambda *_: None) for name, order in (("B", 9), ("A", -1))]
    for section in added:
        add_section(section)
    try:
        assert sections()[0].name == "A"
        assert sections()[-1].name == "B"
    finally:
        for section in added:
            remove_section(section)
    assert sections() == before


def test_panel_is_shown_for_an_active_splat_object_alone(
    scene: bpy.types.Scene, ball: GaussianCloud
) -> None:
    assert not SPLATSMITH_PT_splats.poll(bpy.context)
    cube = bpy.data.objects.new("cube", bpy.data.meshes.new("cube"))
    scene.collection.objects.link(cube)
    bpy.context.view_layer.objects.active = cube
    assert not SPLATSMITH_PT_splats.poll(bpy.context)
    bpy.context.view_layer.objects.active = add_splats(ball, "ball", scene.collection)
    assert SPLATSMITH_PT_splats.poll(bpy.context)
