"""Whether the user sees a new asset, and a look at it if not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import bpy
import numpy as np
from mathutils import Matrix, Vector
from numpy.typing import NDArray

AREA = "VIEW_3D"
SAMPLES = 5  # a side, of a box


def show_objects(objects: Iterable[bpy.types.Object]) -> None:
    """Add new objects to local views; if no 3D viewport shows any part of them, frame them in the
    largest one. Without a window nothing happens."""
    seen = [obj for obj in objects if obj.visible_get()]
    views = list(_views())
    for _, area in views:
        if area.spaces.active.local_view is not None:
            for obj in seen:
                obj.local_view_set(area.spaces.active, True)
    points = box_points(seen)
    if views and len(points) and not any(_shows(area, points) for _, area in views):
        window, area = max(views, key=lambda view: view[1].width * view[1].height)
        _frame_selected(window, area)


def box_points(objects: Iterable[bpy.types.Object]) -> NDArray[np.float64]:
    """Points [N, 3] all over the objects' bounding boxes, in the world."""
    corners = [obj.matrix_world @ Vector(corner) for obj in objects for corner in obj.bound_box]
    if not corners:
        return np.empty((0, 3))
    box = np.array(corners)
    x, y, z = np.linspace(box.min(axis=0), box.max(axis=0), SAMPLES).T
    return np.stack(np.meshgrid(x, y, z), axis=-1).reshape(-1, 3)


def is_any_in_view(perspective: Matrix, points: NDArray[np.float64], right: float = 1.0) -> bool:
    """Whether a view with the matrix `perspective` (world to clip space) shows any of the points.

    right: where what covers the view's right side begins, from -1 to 1.
    """
    matrix = np.array(perspective)
    clip = points @ matrix[:, :3].T + matrix[:, 3]
    depth = clip[:, 3:]
    inside = np.abs(clip[:, :3]) <= depth
    uncovered = clip[:, 0] <= right * depth[:, 0]
    return bool((inside.all(axis=1) & uncovered & (depth[:, 0] > 0)).any())


def _views() -> Iterator[tuple[bpy.types.Window, bpy.types.Area]]:
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == AREA:
                yield window, area


def _shows(area: bpy.types.Area, points: NDArray[np.float64]) -> bool:
    space = area.spaces.active
    regions = {region.type: region for region in area.regions}
    covers = space.show_region_ui and bpy.context.preferences.system.use_region_overlap
    covered = regions["UI"].width / max(regions["WINDOW"].width, 1) if covers else 0.0
    return is_any_in_view(space.region_3d.perspective_matrix, points, 1 - 2 * covered)


def _frame_selected(window: bpy.types.Window, area: bpy.types.Area) -> None:
    region = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=window, area=area, region=region):
        bpy.ops.view3d.view_selected(use_all_regions=False)
