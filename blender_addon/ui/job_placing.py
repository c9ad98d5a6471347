"""Placing a job's results with the mouse: they are dropped where the viewport is clicked.

Lists of Blender's sidebar cannot be dragged from by an add-on, so a click takes a result up and
another one drops it.
"""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import gpu
from bpy.app.translations import pgettext_iface as iface_
from bpy.props import FloatVectorProperty
from bpy_extras.view3d_utils import region_2d_to_origin_3d, region_2d_to_vector_3d
from gpu_extras.batch import batch_for_shader
from mathutils import Matrix, Vector

from .. import api
from ..scene.view_rays import ViewRay, place_on_ray
from .operators import JobOperator
from .timer import redraw

COLOR = (1.0, 0.6, 0.1, 1.0)
LINE_WIDTH = 2.0
CUBE = [(x, y, z) for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (0.0, 1.0)]
EDGES = [(i, i | bit) for i in range(8) for bit in (1, 2, 4) if not i & bit]
NAVIGATION = {
    "MIDDLEMOUSE",
    "WHEELUPMOUSE",
    "WHEELDOWNMOUSE",
    "TRACKPADPAN",
    "TRACKPADZOOM",
    "NDOF_MOTION",
}


@dataclass(frozen=True)
class ViewportPoint:
    """A place in a region of a 3D viewport: `x` and `y` in pixels from its lower left."""

    region: bpy.types.Region
    view: bpy.types.RegionView3D
    x: int
    y: int

    @property
    def ray(self) -> ViewRay:
        at = self.x, self.y
        direction = region_2d_to_vector_3d(self.region, self.view, at)
        return ViewRay(region_2d_to_origin_3d(self.region, self.view, at), direction.normalized())


class SPLATSMITH_OT_place_job(JobOperator, bpy.types.Operator):
    bl_idname = "splatsmith.place_job"
    bl_label = "Place"
    bl_description = "Import the results where you click in the viewport, on what is seen there"
    bl_options = {"INTERNAL"}

    location: FloatVectorProperty(
        description="Where the results are put", options={"HIDDEN", "SKIP_SAVE"}
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if context.region_popup is not None:  # the history, which would cover the viewport
            _close_popups(context.window)
        self._size = api.planned_size(self.job)
        self._target: Vector | None = None
        self._handle = bpy.types.SpaceView3D.draw_handler_add(self._draw, (), "WINDOW", "POST_VIEW")
        context.window_manager.modal_handler_add(self)
        context.workspace.status_text_set(iface_("Click to place   |   Esc: cancel"))
        context.window.cursor_modal_set("CROSSHAIR")
        self._follow(context, event)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if event.type in {"ESC", "RIGHTMOUSE"}:
            self._end(context)
            return {"CANCELLED"}
        if event.type == "MOUSEMOVE":
            self._follow(context, event)
            return {"PASS_THROUGH"}
        if event.type in NAVIGATION:
            return {"PASS_THROUGH"}
        if event.type == "LEFTMOUSE" and event.value == "PRESS":
            self._follow(context, event)
            if self._target is None:
                return {"PASS_THROUGH"}  # a button, or another editor
            self._end(context)
            self.location = self._target
            return self.execute(context)
        return {"RUNNING_MODAL"}

    def cancel(self, context: bpy.types.Context) -> None:
        self._end(context)

    def call_api(self, _context: bpy.types.Context) -> None:
        x, y, z = self.location
        api.import_job(self.job, location=(x, y, z))

    def _follow(self, context: bpy.types.Context, event: bpy.types.Event) -> None:
        point = viewport_point(context.window, event.mouse_x, event.mouse_y)
        self._target = None
        if point is not None:
            depsgraph = context.evaluated_depsgraph_get()
            self._target = place_on_ray(context.scene, depsgraph, point.ray)
        _redraw_viewports(context)

    def _draw(self) -> None:
        if self._target is None:
            return
        shader = gpu.shader.from_builtin("POLYLINE_UNIFORM_COLOR")
        place = Matrix.Translation(self._target) @ Matrix.Scale(self._size, 4)
        corners = [tuple(place @ Vector(corner)) for corner in CUBE]
        shader.uniform_float("color", COLOR)
        shader.uniform_float("lineWidth", LINE_WIDTH)
        shader.uniform_float("viewportSize", gpu.state.viewport_get()[2:])
        batch_for_shader(shader, "LINES", {"pos": corners}, indices=EDGES).draw(shader)

    def _end(self, context: bpy.types.Context) -> None:
        bpy.types.SpaceView3D.draw_handler_remove(self._handle, "WINDOW")
        context.workspace.status_text_set(None)
        context.window.cursor_modal_restore()
        _redraw_viewports(context)
        redraw()


def viewport_point(window: bpy.types.Window, x: int, y: int) -> ViewportPoint | None:
    """The place in a 3D viewport at `x`, `y` of the window; None over anything else."""
    for area in window.screen.areas:
        if area.type != "VIEW_3D":
            continue
        under = [each for each in area.regions if _contains(each, x, y)]
        if len(under) == 1 and under[0].type == "WINDOW":
            (region,) = under
            view = region.data or area.spaces.active.region_3d
            return ViewportPoint(region, view, x - region.x, y - region.y)
    return None


def _contains(region: bpy.types.Region, x: int, y: int) -> bool:
    is_across = region.x <= x < region.x + region.width
    return is_across and region.y <= y < region.y + region.height


def _close_popups(window: bpy.types.Window) -> None:
    """Setting the screen removes the popups; Blender has no function that does that alone."""
    window.screen = window.screen


def _redraw_viewports(context: bpy.types.Context) -> None:
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                area.tag_redraw()


def register() -> None:
    bpy.utils.register_class(SPLATSMITH_OT_place_job)


def unregister() -> None:
    bpy.utils.unregister_class(SPLATSMITH_OT_place_job)
