"""The prompts that were used last, in a menu beside the prompt's field.

Not as suggestions below the field (`search` of StringProperty): where one is left, Blender takes it
on Enter instead of what was typed.
"""

from __future__ import annotations

import bpy
from bpy.props import StringProperty

from .. import api
from .api_operator import ApiOperator

CHARACTERS_IN_MENU = 70


class SPLATSMITH_OT_use_prompt(ApiOperator, bpy.types.Operator):
    bl_idname = "splatsmith.use_prompt"
    bl_label = "Use Prompt"
    bl_description = "Write this prompt into the panel"
    bl_options = {"INTERNAL", "UNDO"}

    prompt: StringProperty(description="The prompt to use", options={"HIDDEN", "SKIP_SAVE"})

    @classmethod
    def description(cls, _context: bpy.types.Context, properties: SPLATSMITH_OT_use_prompt) -> str:
        return properties.prompt

    def call_api(self, context: bpy.types.Context) -> None:
        context.scene.splatsmith.prompt = self.prompt


class SPLATSMITH_OT_forget_prompts(ApiOperator, bpy.types.Operator):
    bl_idname = "splatsmith.forget_prompts"
    bl_label = "Clear Remembered Prompts"
    bl_description = "Forget the prompts that were used before; jobs and objects keep theirs"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_confirm(self, event)

    def call_api(self, _context: bpy.types.Context) -> None:
        api.forget_prompts()


class SPLATSMITH_MT_prompts(bpy.types.Menu):
    bl_idname = "SPLATSMITH_MT_prompts"
    bl_label = "Prompts Used Before"
    bl_description = "Choose a prompt that was used before"

    def draw(self, _context: bpy.types.Context) -> None:
        layout, prompts = self.layout, api.list_prompts()
        for prompt in prompts:
            text = prompt if len(prompt) <= CHARACTERS_IN_MENU else _shortened(prompt)
            layout.operator("splatsmith.use_prompt", text=text, translate=False).prompt = prompt
        if not prompts:
            layout.label(text="None yet")
            return
        layout.separator()
        layout.operator("splatsmith.forget_prompts", icon="TRASH")


def _shortened(prompt: str) -> str:
    return f"{prompt[:CHARACTERS_IN_MENU].rstrip()}…"


CLASSES = (SPLATSMITH_OT_use_prompt, SPLATSMITH_OT_forget_prompts, SPLATSMITH_MT_prompts)


def register() -> None:
    for part in CLASSES:
        bpy.utils.register_class(part)


def unregister() -> None:
    for part in reversed(CLASSES):
        bpy.utils.unregister_class(part)
