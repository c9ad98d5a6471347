"""Draws splats in 3D viewports in Solid and Material Preview, over what Blender drew there."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator

import bpy
import gpu
import numpy as np
from gpu.types import GPUTexture

from .drawn_objects import DrawnObject, SceneContents, scene_contents
from .packing import Instance, View
from .settings import Quality, ViewportSettings
from .splat_cache import CachedSplats, SplatCache
from .splat_drawing import draw_over_viewport
from .viewport_colors import background_color
from .viewport_image import Contents, Key, UploadedSplats, ViewportImage

SHADINGS = ("SOLID", "MATERIAL")  # "RENDERED" shows the node groups' ellipsoids
REDRAW_SECONDS = 0.01


class SplatDrawer:
    """What is drawn in all viewports, kept from one drawing to the next."""

    def __init__(self) -> None:
        self.settings = ViewportSettings()
        self._cache = SplatCache()
        self._uploaded: weakref.WeakValueDictionary[Key, UploadedSplats] = (
            weakref.WeakValueDictionary()
        )
        self._images: dict[int, ViewportImage] = {}  # by the region's address
        self._scenes: dict[int, SceneContents] = {}  # by the view layer's address
        self._changed_scenes: set[int] = set()
        self.timer = self._redraw_finished  # Blender knows a timer by its identity

    def draw(self) -> None:
        """Draw the region of the context; registered with Blender's viewports."""
        context = bpy.context
        if not self.settings.draws_splats or context.space_data.shading.type not in SHADINGS:
            return
        scene = self._scene(context)
        drawn = [each for each in scene.drawn if each.is_visible_in(context.space_data)]
        contents = self._contents(drawn)
        if contents is None:
            return
        region = context.region
        image = self._images.setdefault(region.as_pointer(), ViewportImage())
        # Ellipsoids for another viewport, in Rendered shading, would hide what is inside them.
        can_hide = scene.has_other_geometry and not any(each.has_ellipsoids for each in drawn)
        depth = _scene_depth(region) if can_hide else None
        picture = image.draw(contents, self._view(region, context.region_data), depth)
        if picture is not None:
            draw_over_viewport(picture, background_color(context))
        if image.is_busy and not bpy.app.timers.is_registered(self.timer):
            bpy.app.timers.register(self.timer, first_interval=REDRAW_SECONDS)

    def _redraw_finished(self) -> float | None:
        """A timer: redraw the regions for which a thread has ended; ends when none works."""
        busy = {pointer for pointer, image in self._images.items() if image.is_busy}
        for region in viewport_regions():
            image = self._images.get(region.as_pointer())
            if image is not None and image.has_news:
                region.tag_redraw()
        return REDRAW_SECONDS if busy & {r.as_pointer() for r in viewport_regions()} else None

    def wait(self) -> None:
        """Wait for all threads."""
        for image in self._images.values():
            image.wait()

    def mark_changed(self, datablocks: Iterable[bpy.types.ID]) -> None:
        """The scene has changed, and the splats of `datablocks`."""
        self._changed_scenes.update(self._scenes)
        self._cache.mark_changed(data.session_uid for data in datablocks)

    def mark_all_changed(self) -> None:
        self._changed_scenes.update(self._scenes)
        self._cache.mark_all_changed()

    def clear(self) -> None:
        """Free all memory, on this side and on the GPU's."""
        self._scenes.clear()
        self._images.clear()
        self._cache.keep_only(())

    def _scene(self, context: bpy.types.Context) -> SceneContents:
        key = context.view_layer.as_pointer()
        if key not in self._scenes or key in self._changed_scenes:
            self._scenes[key] = scene_contents(context.evaluated_depsgraph_get())
            self._changed_scenes.discard(key)
            self._forget_unused()
        return self._scenes[key]

    def _forget_unused(self) -> None:
        """Free what no window shows any more."""
        windows = bpy.context.window_manager.windows
        layers = {window.view_layer.as_pointer() for window in windows}
        self._scenes = {key: each for key, each in self._scenes.items() if key in layers}
        uids = {each.data_uid for scene in self._scenes.values() for each in scene.drawn}
        self._cache.keep_only(uids)
        regions = {region.as_pointer() for region in viewport_regions()} if uids else set()
        self._images = {key: each for key, each in self._images.items() if key in regions}

    def _contents(self, drawn: Iterable[DrawnObject]) -> Contents | None:
        found = [(each, self._cache.get(each.splats)) for each in drawn]
        splats = {each.uid: each for _, each in found if each is not None and len(each.arrays)}
        numbers = {uid: i for i, uid in enumerate(splats)}
        instances = tuple(
            Instance(numbers[each.uid], obj.matrix, obj.opacity, obj.size, obj.color_map)
            for obj, each in found
            if each is not None and each.uid in numbers
        )
        if not instances:
            return None
        uploaded = self._upload(tuple(splats.values()))
        return Contents(uploaded, instances, self.settings.quality is not Quality.FAST)

    def _upload(self, splats: tuple[CachedSplats, ...]) -> UploadedSplats:
        uploaded = self._uploaded.get(tuple(each.key for each in splats))
        if uploaded is None:
            uploaded = UploadedSplats(splats)
            self._uploaded[uploaded.key] = uploaded
        return uploaded

    def _view(self, region: bpy.types.Region, region_3d: bpy.types.RegionView3D) -> View:
        pixel = self.settings.pixel_size
        return View(
            view=np.array(region_3d.view_matrix, np.float64),
            projection=np.array(region_3d.window_matrix, np.float64),
            width=max(1, region.width // pixel),
            height=max(1, region.height // pixel),
            clip_planes=_clip_planes(region_3d),
        )


def viewport_regions() -> Iterator[bpy.types.Region]:
    """The regions of all windows' 3D viewports that show a scene."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                yield from (region for region in area.regions if region.type == "WINDOW")


def _clip_planes(
    region_3d: bpy.types.RegionView3D,
) -> tuple[tuple[float, float, float, float], ...]:
    if not region_3d.use_clip_planes:
        return ()
    planes = [tuple(plane) for plane in region_3d.clip_planes]
    return tuple(plane for plane in planes if any(plane[:3]))


def _scene_depth(region: bpy.types.Region) -> GPUTexture:
    """The depths of what Blender drew into `region`, 0..1: its own texture is not to be had."""
    size = region.width, region.height
    depths = gpu.state.active_framebuffer_get().read_depth(0, 0, *size)
    depths.dimensions = region.width * region.height
    return GPUTexture(size, format="R32F", data=depths)
