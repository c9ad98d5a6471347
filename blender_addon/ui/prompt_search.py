"""What Blender suggests below the prompt's field: prompts that were used before."""

from __future__ import annotations

import bpy

from .. import api
from ..link.remembered_prompts import find_prompts


def search_prompts(
    _settings: bpy.types.PropertyGroup, _context: bpy.types.Context, text: str
) -> list[str]:
    """The remembered prompts with the words of `text`, the newest first."""
    return find_prompts(api.list_prompts(), text)
