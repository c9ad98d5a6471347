"""Installation of the backend from the panel: what it takes, and its operator."""

from __future__ import annotations

import re

import bpy
from bpy.app.translations import pgettext_iface as iface_
from bpy.props import BoolProperty

from .. import api
from ..link.backend_builds import BackendBuild
from ..link.snapshot import BackendState, SessionSnapshot
from ..online_access import allow_online_access
from .api_operator import ApiOperator
from .sidebar import draw_wrapped_text

PROGRESS_LINE = re.compile(r"\[(\d+)/(\d+)\] (.*)")  # of the installer's output
OFFLINE_TEXT = (
    "Blender is offline now: this also turns on Allow Online Access in Preferences > System."
)


class SPLATSMITH_OT_install(ApiOperator, bpy.types.Operator):
    bl_idname = "splatsmith.install"
    bl_label = "Install the Backend"
    bl_description = (
        "Download the backend's packages into a folder of their own, and make a first asset, which "
        "compiles the backend for this machine. Blender's Python stays as it is"
    )

    allow_online: BoolProperty(
        name="Allow Online Access",
        description="Turn on Allow Online Access in Preferences > System",
        options={"SKIP_SAVE"},
    )

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_props_dialog(
            self, width=420, title=self.bl_label, confirm_text="Download and Install"
        )

    def draw(self, context: bpy.types.Context) -> None:
        build = api.snapshot().planned_build
        for line in installation_lines(build) if build else ():
            self.layout.label(text=line)
        if not bpy.app.online_access:
            self.layout.prop(self, "allow_online")

    def call_api(self, _context: bpy.types.Context) -> None:
        install(self.allow_online)


def install(allow_online: bool) -> None:
    """Install the backend.

    Raises:
        OnlineAccessDenied: Blender is set to stay offline, and is to stay so.
    """
    if allow_online:
        allow_online_access()
    api.install()


def installation_lines(build: BackendBuild) -> list[str]:
    """What an installation fetches, from where, and how long it takes."""
    return [
        iface_("The backend is fetched {}: {:g} GB to download, {:g} GB on the disk.").format(
            iface_(build.title), build.download_gb, build.disk_gb
        ),
        iface_("It takes about {} minutes, once; from then on everything works offline.").format(
            build.minutes
        ),
        iface_("Its packages come from pypi.org and pytorch.org, each with a known hash."),
    ]


def generate_label(state: BackendState) -> str:
    """What the panel's largest button does."""
    is_missing = state is BackendState.NOT_INSTALLED
    return iface_("Install and Generate") if is_missing else iface_("Generate")


def draw_installation(
    layout: bpy.types.UILayout, context: bpy.types.Context, now: SessionSnapshot
) -> None:
    """The offer to install, or the progress of an installation."""
    box = layout.box().column()
    if now.state is BackendState.INSTALLING:
        draw_progress(box, context, now.message)
        box.operator("splatsmith.stop", text="Cancel", icon="X")
        draw_wrapped_text(
            box, context, iface_("What you order meanwhile is made when it is ready.")
        )
        return
    lines = installation_lines(now.planned_build) if now.planned_build else []
    for line in lines:
        draw_wrapped_text(box, context, line)
    if not bpy.app.online_access:
        draw_wrapped_text(box, context, iface_(OFFLINE_TEXT))
    box.operator_context = "EXEC_DEFAULT"  # all that the dialog says stands here
    is_online = bpy.app.online_access
    text = iface_("Install") if is_online else iface_("Allow Online Access and Install")
    box.operator("splatsmith.install", text=text, icon="IMPORT").allow_online = True


def draw_progress(layout: bpy.types.UILayout, context: bpy.types.Context, message: str) -> None:
    """The last line of the installer: a bar if it counts packages, else text."""
    match = PROGRESS_LINE.fullmatch(message)
    if match:
        done, total, package = int(match[1]), int(match[2]), match[3]
        layout.progress(
            factor=done / total, text=iface_("{}  {} of {}").format(package, done, total)
        )
    else:
        draw_wrapped_text(layout, context, iface_(message or "One moment"))


CLASSES = (SPLATSMITH_OT_install,)


def register() -> None:
    for part in CLASSES:
        bpy.utils.register_class(part)


def unregister() -> None:
    for part in reversed(CLASSES):
        bpy.utils.unregister_class(part)
