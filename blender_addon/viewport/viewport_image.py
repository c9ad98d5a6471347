"""The splats of one region of the window: sorted on a thread, drawn, and kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from gpu.types import GPUTexture

from .background_task import LatestTask
from .depth_order import back_to_front, view_dependent_colors
from .packing import (
    Floats,
    Instance,
    SplatArrays,
    View,
    base_colors,
    data_textures,
    instance_texture,
)
from .splat_cache import CachedSplats
from .splat_drawing import (
    SortedSplats,
    SplatImage,
    upload,
    upload_colors,
    upload_data,
    upload_order,
)

Key = tuple[tuple[int, int], ...]  # of the datablocks, and versions of their arrays
Layout = tuple[Key, tuple[int, ...]]  # and which of them each instance shows


class UploadedSplats:
    """The textures of some datablocks; all regions that show the same ones share them."""

    def __init__(self, splats: Sequence[CachedSplats]) -> None:
        self.key: Key = tuple(each.key for each in splats)
        self.parts: list[SplatArrays] = [each.arrays for each in splats]
        self.has_harmonics = any(part.harmonics for part in self.parts)
        self.textures = upload_data(data_textures(self.parts))

    @cached_property
    def colors(self) -> GPUTexture:
        return upload_colors(base_colors(self.parts))


@dataclass(frozen=True)
class Contents:
    """What a region shows: instances of uploaded datablocks.

    follows_view: whether colors are found anew for each view.
    """

    uploaded: UploadedSplats
    instances: tuple[Instance, ...]
    follows_view: bool

    @property
    def layout(self) -> Layout:
        """Splats may be drawn in an order that was found for the same layout."""
        return self.uploaded.key, tuple(each.data for each in self.instances)

    def state(self, view: View) -> bytes:
        """What the image depends on, beside the layout."""
        arrays = [view.view, view.projection, *(each.matrix for each in self.instances)]
        arrays += [each.color_map for each in self.instances]
        arrays.append(np.array([(each.opacity, each.size) for each in self.instances]))
        return b"".join(array.tobytes() for array in arrays)


@dataclass(frozen=True)
class Sorted:
    """Found on a thread for `layout`."""

    layout: Layout
    order: Floats


@dataclass(frozen=True)
class Seen:
    """Found on a thread for `layout`; see `view_dependent_colors`."""

    layout: Layout
    colors: Floats
    shifts: list[int]


class ViewportImage:
    """Sorts and draws what one region shows.

    While a thread sorts for a new view, splats are drawn in the order of an earlier one.
    """

    def __init__(self) -> None:
        self._sorting: LatestTask[Sorted] = LatestTask()
        self._coloring: LatestTask[Seen] = LatestTask()
        self._requested: tuple[Layout, bytes] | None = None
        self._sorted: tuple[Layout, GPUTexture, int] | None = None
        self._seen: tuple[Layout, GPUTexture, list[int]] | None = None
        self._uploaded: UploadedSplats | None = None  # kept from one drawing to the next
        self._image: SplatImage | None = None
        self._drawn: tuple[object, ...] = ()  # what the image was drawn of

    @property
    def is_busy(self) -> bool:
        """Whether a thread works for it, or has results that were not drawn yet."""
        tasks = (self._sorting, self._coloring)
        return any(task.is_busy or task.has_result for task in tasks)

    @property
    def has_news(self) -> bool:
        return self._sorting.has_result or self._coloring.has_result

    def wait(self) -> None:
        """Wait for the threads, so that the next drawing is right."""
        self._sorting.wait()
        self._coloring.wait()

    def draw(
        self, contents: Contents, view: View, scene_depth: GPUTexture | None
    ) -> SplatImage | None:
        """The image of `contents`, or None until they have been sorted once."""
        self._uploaded = contents.uploaded
        self._request(contents, view)
        self._take_results()
        if self._sorted is None or self._sorted[0] != contents.layout:
            return None
        _, order, count = self._sorted
        colors, shifts = self._colors(contents)
        image = self._image_of(view)
        drawn = (image, order, colors, contents.layout, contents.state(view), view.clip_planes)
        if scene_depth is None and drawn == self._drawn:
            return image
        self._drawn = drawn if scene_depth is None else ()
        textures = contents.uploaded.textures | {
            "order": order,
            "colors": colors,
            "instances": upload(instance_texture(contents.instances, shifts), "RGBA32F"),
        }
        image.draw(SortedSplats(textures, count), view, scene_depth)
        return image

    def _request(self, contents: Contents, view: View) -> None:
        """Start the threads, if what they work on has changed."""
        layout, requested = contents.layout, (contents.layout, contents.state(view))
        if requested == self._requested:
            return
        self._requested = requested
        parts, instances = contents.uploaded.parts, contents.instances
        self._sorting.request(lambda: Sorted(layout, back_to_front(parts, instances, view)))
        if contents.follows_view and contents.uploaded.has_harmonics:
            self._coloring.request(
                lambda: Seen(layout, *view_dependent_colors(parts, instances, view))
            )

    def _take_results(self) -> None:
        if (found := self._sorting.take()) is not None:
            self._sorted = found.layout, upload_order(found.order), len(found.order)
        if (seen := self._coloring.take()) is not None:
            self._seen = seen.layout, upload_colors(seen.colors), seen.shifts

    def _colors(self, contents: Contents) -> tuple[GPUTexture, list[int]]:
        """Those found for an earlier view, or those that depend on none."""
        if contents.follows_view and self._seen and self._seen[0] == contents.layout:
            return self._seen[1:]
        return contents.uploaded.colors, [0] * len(contents.instances)

    def _image_of(self, view: View) -> SplatImage:
        if self._image is None or self._image.size != (view.width, view.height):
            self._image = SplatImage(view.width, view.height)
        return self._image
