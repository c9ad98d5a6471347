"""The checkpoints of the chosen engine: their state, size and licence, and their download."""

from __future__ import annotations

from collections.abc import Iterable

import bpy
from bpy.app.translations import pgettext_iface as iface_
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.props import BoolProperty, StringProperty

from .. import api
from ..contract.cards import Checkpoint
from ..contract.checkpoints import CheckpointState, CheckpointStatus
from ..contract.licences import Licence
from ..contract.problems import InvalidRequest
from ..contract.protocol import DownloadRequest
from ..link.snapshot import SessionSnapshot
from .api_operator import ApiOperator, backend_unavailable_reason
from .properties import engine_group
from .required_checkpoints import hub_checkpoints, import_hint, missing_checkpoints
from .sidebar import SidebarPanel, draw_wrapped_text

WIDTH = 420
GIGABYTE = 1e9
OFFLINE = "Allow online access in Preferences > System first"
STATE_ICONS = {
    CheckpointState.ABSENT: "IMPORT",
    CheckpointState.PARTIAL: "SORTTIME",
    CheckpointState.PRESENT: "CHECKMARK",
    CheckpointState.DAMAGED: "ERROR",
}


class SPLATSMITH_OT_download(ApiOperator, bpy.types.Operator):
    bl_idname = "splatsmith.download"
    bl_label = "Download Checkpoints"
    bl_description = "Fetch from the model hub what the engine needs for the panel's settings"

    checkpoint: StringProperty(
        description="The id of one checkpoint. Empty: all that is missing",
        options={"HIDDEN", "SKIP_SAVE"},
    )
    accept: BoolProperty(
        name="I have read and accept",
        description="Remembered: each licence is asked about once",
        options={"SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        reason = backend_unavailable_reason(api.snapshot()) or (
            "" if bpy.app.online_access else rpt_(OFFLINE)
        )
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_props_dialog(
            self, width=WIDTH, title=self.bl_label, confirm_text="Download"
        )

    def draw(self, context: bpy.types.Context) -> None:
        chosen, now = self._checkpoints(context), api.snapshot()
        column = self.layout.column(align=True)
        for each in chosen:
            column.label(text=f"{each.title}, {_size(each, now)}")
            column.label(text=f"{each.repository}, {each.licence.name}", icon="BLANK1")
            column.label(text=iface_(each.licence.summary), icon="BLANK1")
        pending = open_licences(chosen, now)
        for licence in pending:
            self.layout.operator(
                "wm.url_open", text=iface_("Read: {}").format(licence.name)
            ).url = licence.url
        if pending:
            self.layout.prop(self, "accept")

    def call_api(self, context: bpy.types.Context) -> None:
        chosen = self._checkpoints(context)
        if not chosen:
            raise InvalidRequest("Nothing is missing.", rpt_("Press Generate."))
        if not self.accept and (pending := open_licences(chosen, api.snapshot())):
            raise InvalidRequest(
                rpt_("The licence {} has not been accepted.").format(pending[0].name),
                rpt_("Read it at {}, and tick that you accept it.").format(pending[0].url),
            )
        settings = context.scene.splatsmith
        ids = tuple(each.id for each in chosen)
        variant = engine_group(settings).variant
        api.submit_download(DownloadRequest(settings.engine, variant, ids, self.accept))

    def _checkpoints(self, context: bpy.types.Context) -> tuple[Checkpoint, ...]:
        settings = context.scene.splatsmith
        if not self.checkpoint:
            missing = missing_checkpoints(settings, api.snapshot())
            return tuple(each for each in missing if each.is_downloadable)
        return tuple(c for c in hub_checkpoints(settings) if c.id == self.checkpoint)


class SPLATSMITH_PT_checkpoints(SidebarPanel, bpy.types.Panel):
    bl_label = "Checkpoints"
    bl_parent_id = "SPLATSMITH_PT_engine"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return bool(hub_checkpoints(context.scene.splatsmith))

    def draw(self, context: bpy.types.Context) -> None:
        settings, now = context.scene.splatsmith, api.snapshot()
        statuses = {status.id: status for status in now.weights}
        column = self.layout.column(align=True)
        for each in hub_checkpoints(settings):
            _draw_checkpoint(column, each, statuses.get(each.id))
        if hint := import_hint(settings, now):
            draw_wrapped_text(self.layout, context, hint)
        missing = [c for c in missing_checkpoints(settings, now) if c.is_downloadable]
        if missing:
            total = sum(_left(each, statuses.get(each.id)) for each in missing)
            text = iface_("Download What Is Needed ({:.1f} GB)").format(total / GIGABYTE)
            self.layout.operator("splatsmith.download", text=text, icon="IMPORT")
        here = {each.id for each in now.weights if each.state is CheckpointState.PRESENT}
        absent = [c for c in hub_checkpoints(settings) if c.is_downloadable and c.id not in here]
        if absent and not bpy.app.online_access:
            draw_wrapped_text(self.layout, context, iface_(OFFLINE))


def open_licences(checkpoints: Iterable[Checkpoint], now: SessionSnapshot) -> list[Licence]:
    """The licences of these that are still to be accepted, each once."""
    accepted = {status.id for status in now.weights if status.is_licence_accepted}
    pending = [c.licence for c in checkpoints if c.licence.must_accept and c.id not in accepted]
    return list({licence.url: licence for licence in pending}.values())


def _draw_checkpoint(
    column: bpy.types.UILayout, checkpoint: Checkpoint, status: CheckpointStatus | None
) -> None:
    row = column.row(align=True)
    state = status.state if status else CheckpointState.ABSENT
    row.label(text=checkpoint.title, icon=STATE_ICONS[state])
    if status is None or state is CheckpointState.PRESENT or not checkpoint.is_downloadable:
        return
    share = status.present_bytes / max(status.size_bytes, 1)
    if state is CheckpointState.PARTIAL:
        row.label(text=f"{share:.0%}")
    button = row.operator("splatsmith.download", text="", icon="IMPORT", emboss=False)
    button.checkpoint = checkpoint.id


def _size(checkpoint: Checkpoint, now: SessionSnapshot) -> str:
    status = next((each for each in now.weights if each.id == checkpoint.id), None)
    return f"{_left(checkpoint, status) / GIGABYTE:.2f} GB"


def _left(checkpoint: Checkpoint, status: CheckpointStatus | None) -> int:
    """How many bytes are still to be fetched."""
    return status.size_bytes - status.present_bytes if status else checkpoint.size_bytes


CLASSES = (SPLATSMITH_OT_download, SPLATSMITH_PT_checkpoints)


def register() -> None:
    for part in CLASSES:
        bpy.utils.register_class(part)


def unregister() -> None:
    for part in reversed(CLASSES):
        bpy.utils.unregister_class(part)
