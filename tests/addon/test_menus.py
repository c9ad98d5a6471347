"""Menus, tooltips and the manual: what the menu search finds, and where it leads."""

from __future__ import annotations

import fnmatch
import re
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import bpy
import pytest

from blender_addon.ui import manual
from blender_addon.ui.markdown_page import html_page
from tests.addon.interface_texts import SOURCES, operator_name, own_classes, own_properties

MENUS = ("add_menu.py", "backend_menu.py", "splat_menu.py")

pytestmark = pytest.mark.usefixtures("registered")


def operators() -> list[type[bpy.types.Operator]]:
    return [part for part in own_classes() if issubclass(part, bpy.types.Operator)]


def operators_in_menus() -> set[str]:
    """The operators that the menus named Splatsmith or Splats draw, whatever is selected."""
    source = "".join((SOURCES / name).read_text("utf-8") for name in MENUS)
    return {f"splatsmith.{name}" for name in re.findall(r'"(?:splatsmith\.)?(\w+)"', source)}


def test_every_operator_has_a_tooltip() -> None:
    assert not [part.bl_idname for part in operators() if not part.bl_description]


def test_every_property_has_a_tooltip() -> None:
    parts = own_classes()
    missing = [
        f"{part.__name__}.{prop.identifier}"
        for part in parts
        for prop in own_properties(part)
        if not prop.description
    ]
    assert not missing


def test_the_search_finds_every_operator_under_splat() -> None:
    for part in operators():
        if "INTERNAL" in getattr(part, "bl_options", ()):
            given = [p for p in own_properties(part) if p.is_hidden and p.is_skip_save]
            assert given, f"{part.bl_idname} needs nothing from a panel: give it a menu"
        else:
            is_in_menu = operator_name(part) in operators_in_menus()
            assert is_in_menu, operator_name(part)


def test_menus_are_named_splat() -> None:
    for name in ("SPLATSMITH_MT_add", "SPLATSMITH_MT_backend", "SPLATSMITH_MT_splats"):
        assert "splat" in getattr(bpy.types, name).bl_label.lower()


def test_the_add_dialog_needs_a_prompt_or_a_picture(session: None) -> None:
    with pytest.raises(RuntimeError, match="prompt or choose a picture"):
        bpy.ops.splatsmith.add_asset()


def test_every_operator_has_a_section_of_the_manual() -> None:
    page = manual.manual_page().read_text("utf-8")
    anchors = set(re.findall(r'id="([^"]+)"', page))
    _, sections = manual.manual_map()
    assert {section for _, section in sections} <= {f"#{anchor}" for anchor in anchors}
    for part in operators():
        path = f"bpy.ops.{operator_name(part)}"
        assert any(fnmatch.fnmatchcase(path, pattern) for pattern, _ in sections)


def test_online_manual_opens_a_file_that_exists() -> None:
    prefix, _ = manual.manual_map()
    assert Path(url2pathname(urlsplit(prefix).path)).is_file()


def test_markdown_becomes_html() -> None:
    page = html_page("# A <b>\n\n* **x** `a*b*`\n* [y](#z) [w](w.md)\n\n```\n1 < 2\n```\n", "T")
    assert '<h1 id="a-b">A &lt;b&gt;</h1>' in page
    assert "<li><b>x</b> <code>a*b*</code></li>" in page
    assert '<li><a href="#z">y</a> w</li>' in page
    assert "<pre>1 &lt; 2\n</pre>" in page
