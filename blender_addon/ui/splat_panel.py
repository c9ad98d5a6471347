"""The panel of the active splat object: sections, each with the operators of another module."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import bpy

from ..scene.splats import is_splats
from .sidebar import SidebarPanel

Draw = Callable[[bpy.types.UILayout, bpy.types.Context, bpy.types.Object], None]


@dataclass(frozen=True)
class Section:
    """A part of the panel with a heading that opens and closes it.

    order: sections are drawn by rising order.
    draw: called with the section's layout, the context and the active splat object; only draws.
    """

    name: str
    order: int
    draw: Draw
    is_open: bool = True


_sections: list[Section] = []


def add_section(section: Section) -> None:
    """Add a section to the panel; called by `register()` of the module that has its operators."""
    _sections.append(section)
    _sections.sort(key=lambda each: each.order)


def remove_section(section: Section) -> None:
    """Remove what `add_section` added."""
    _sections.remove(section)


def sections() -> tuple[Section, ...]:
    """The panel's sections, from top to bottom."""
    return tuple(_sections)


class SPLATSMITH_PT_splats(SidebarPanel, bpy.types.Panel):
    bl_label = "Splats"
    bl_parent_id = "SPLATSMITH_PT_main"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        obj = context.active_object
        return obj is not None and is_splats(obj)

    def draw(self, context: bpy.types.Context) -> None:
        for section in sections():
            identifier = f"SPLATSMITH_PT_splats_{section.name}"
            header, body = self.layout.panel(identifier, default_closed=not section.is_open)
            header.label(text=section.name)
            if body is not None:
                section.draw(body.column(), context, context.active_object)
