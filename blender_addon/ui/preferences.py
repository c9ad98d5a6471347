"""The add-on's preferences: which backend is used, and how it runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import bpy
from bpy.props import BoolProperty, EnumProperty, StringProperty

from .. import api
from ..link.address import Address
from ..scene.splats import IS_NATIVE
from ..viewport import registration as viewport
from ..viewport.settings import Quality, ViewportSettings
from .engine_choice import hide_engines
from .manual import draw_manual_button

ADDON = __package__.rpartition(".")[0]

DEVICES = (
    ("auto", "Automatic", "The graphics card where there is a fitting one, else the processor"),
    ("cpu", "Processor", "Slower, and works everywhere"),
    ("cuda", "NVIDIA GPU", "Needs a driver for CUDA"),
)


QUALITIES = (
    (Quality.FULL.value, "Full", "The viewport's resolution; colors follow the view"),
    (Quality.HALF.value, "Half", "Half the viewport's resolution; colors follow the view"),
    (Quality.FAST.value, "Fast", "Half the viewport's resolution; the same colors in every view"),
)


def _apply(preferences: SplatsmithPreferences, _context: bpy.types.Context) -> None:
    api.configure(preferences.settings())


def _apply_viewport(preferences: SplatsmithPreferences, _context: bpy.types.Context) -> None:
    viewport.configure(preferences.viewport_settings())


def _apply_hiding(preferences: SplatsmithPreferences, _context: bpy.types.Context) -> None:
    hide_engines(forbid_commercial_use=preferences.hides_non_commercial)


class SplatsmithPreferences(bpy.types.AddonPreferences):
    bl_idname = ADDON

    folder: StringProperty(
        name="Folder",
        description="Where the backend, pictures and results are kept. Empty: with the extension",
        subtype="DIR_PATH",
        update=_apply,
    )
    accelerator: EnumProperty(
        name="Install for",
        description="Which build of the backend Install fetches",
        items=DEVICES,
        update=_apply,
    )
    device: EnumProperty(
        name="Compute on",
        description="What the backend computes on, from its next start",
        items=DEVICES,
        update=_apply,
    )
    python: StringProperty(
        name="Python",
        description="The Python, 3.11 or newer, that Install makes the backend's environment with. "
        "Empty: Blender's own",
        subtype="FILE_PATH",
        update=_apply,
    )
    environment: StringProperty(
        name="Environment",
        description="A virtual environment with the backend's packages, made by someone else, "
        "to use without installing. Empty: the add-on's own",
        subtype="DIR_PATH",
        update=_apply,
    )
    remote_url: StringProperty(
        name="Address",
        description="A backend on another machine, such as http://studio:8000. "
        "Empty: one on this machine",
        update=_apply,
    )
    remote_token: StringProperty(
        name="Token",
        description="The token that the other machine's backend asks for",
        subtype="PASSWORD",
        update=_apply,
    )
    hub_token: StringProperty(
        name="Hub Token",
        description="Your access token at the model hub, for checkpoints that it hands out only to "
        "users who asked for access. Empty: the one in HF_TOKEN, or none",
        subtype="PASSWORD",
        update=_apply,
    )
    auto_start: BoolProperty(
        name="Start the backend with Blender",
        description="Have it ready before the first Generate; it keeps its memory all the while",
    )

    author: StringProperty(
        name="Author",
        description="Who is named as the author by Mark as Asset. Empty: Splatsmith",
    )
    hides_non_commercial: BoolProperty(
        name="Hide Engines That Forbid Commercial Use",
        description="Leave engines out of the choice whose licences allow no commercial use of "
        "what they make",
        update=_apply_hiding,
    )

    has_shown_panel: BoolProperty(
        description="Whether the sidebar was opened on the panel once", options={"HIDDEN"}
    )
    draws_splats: BoolProperty(
        name="Draw Splats in the Viewport",
        description="In Solid and Material Preview, as they are in previews. Otherwise their node "
        "groups show them, as in Rendered",
        default=True,
        update=_apply_viewport,
    )
    viewport_quality: EnumProperty(
        name="Quality",
        description="How splats are drawn in the viewport",
        items=QUALITIES,
        update=_apply_viewport,
    )

    def settings(self) -> api.BackendSettings:
        """The backend settings of these preferences."""
        chosen = api.default_settings()
        return replace(
            chosen,
            folder=_path(self.folder) or chosen.folder,
            python=_path(self.python),
            environment=_path(self.environment),
            accelerator=self.accelerator,
            device=self.device,
            remote=remote_address(self.remote_url, self.remote_token),
            hub_token=self.hub_token.strip(),
        )

    def viewport_settings(self) -> ViewportSettings:
        """How splats are drawn in the viewport, by these preferences."""
        return ViewportSettings(self.draws_splats, Quality(self.viewport_quality))

    def draw(self, _context: bpy.types.Context) -> None:
        layout = self.layout
        draw_manual_button(layout.row())
        layout.use_property_split = True
        layout.use_property_decorate = False
        local = layout.column(heading="On this machine")
        local.active = not self.remote_url
        for name in ("auto_start", "device", "accelerator", "folder", "python", "environment"):
            local.prop(self, name)
        local.prop(self, "hub_token")
        layout.separator()
        remote = layout.column(heading="On another machine")
        remote.prop(self, "remote_url")
        row = remote.row()
        row.active = bool(self.remote_url)
        row.prop(self, "remote_token")
        layout.separator()
        layout.column(heading="Engines").prop(self, "hides_non_commercial")
        layout.column(heading="Assets").prop(self, "author")
        if not IS_NATIVE:
            layout.separator()
            drawing = layout.column(heading="Viewport")
            drawing.prop(self, "draws_splats")
            row = drawing.row()
            row.active = self.draws_splats
            row.prop(self, "viewport_quality")


def remote_address(url: str, token: str) -> Address | None:
    """What was typed, without the blanks and line ends that are copied with it; None if empty."""
    return Address(url.strip(), token.strip()) if url.strip() else None


def preferences() -> SplatsmithPreferences | None:
    """The preferences; None where a script registered the add-on without enabling it."""
    addon = bpy.context.preferences.addons.get(ADDON)
    return addon.preferences if addon else None


def register() -> None:
    bpy.utils.register_class(SplatsmithPreferences)
    chosen = preferences()
    if chosen is not None:
        api.configure(chosen.settings())
        viewport.configure(chosen.viewport_settings())
        hide_engines(forbid_commercial_use=chosen.hides_non_commercial)
        if chosen.auto_start and not bpy.app.background:
            api.start()


def unregister() -> None:
    bpy.utils.unregister_class(SplatsmithPreferences)


def _path(text: str) -> Path | None:
    return Path(bpy.path.abspath(text)) if text else None
