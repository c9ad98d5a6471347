"""A page of the documentation as HTML, for the browser of a machine that is offline.

Headings, lists, code and links as this project's pages have them; nothing else of Markdown.
"""

from __future__ import annotations

import html
import re

STYLE = (
    "body{max-width:46em;margin:2em auto;padding:0 1em;font:16px/1.5 sans-serif}"
    "pre{background:#eee;padding:1em;overflow:auto}code{background:#eee}"
)
CODE = re.compile(r"`([^`]+)`")
LINK = re.compile(r"\[([^\]]+)\]\((#[^)]*|https?:[^)]*)\)")
FOREIGN_LINK = re.compile(r"\[([^\]]+)\]\([^)]*\)")  # to a file that is not beside the page


def heading_anchor(heading: str) -> str:
    """The anchor of a heading, as code hosts make it."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def html_page(markdown: str, title: str) -> str:
    """The whole page."""
    parts: list[str] = []
    for number, block in enumerate(re.split(r"^```.*\n?", markdown, flags=re.MULTILINE)):
        parts.append(f"<pre>{html.escape(block)}</pre>" if number % 2 else _text_block(block))
    head = f'<meta charset="utf-8"><title>{html.escape(title)}</title><style>{STYLE}</style>'
    return f"<!DOCTYPE html><html><head>{head}</head><body>{''.join(parts)}</body></html>"


def _text_block(block: str) -> str:
    lines: list[str] = []
    for line in block.splitlines():
        marks, _, text = line.partition(" ")
        if marks and not marks.strip("#"):
            level = len(marks)
            lines.append(f'<h{level} id="{heading_anchor(text)}">{_inline(text)}</h{level}>')
        elif marks == "*":
            lines.append(f"<ul><li>{_inline(text)}</li></ul>")
        elif line.strip():
            lines.append(f"<p>{_inline(line)}</p>")
    return "\n".join(lines).replace("</ul>\n<ul>", "\n")


def _inline(text: str) -> str:
    pieces = CODE.split(html.escape(text, quote=False))
    pieces[1::2] = [f"<code>{piece}</code>" for piece in pieces[1::2]]
    pieces[::2] = [_emphasis(piece) for piece in pieces[::2]]
    joined = LINK.sub(r'<a href="\2">\1</a>', "".join(pieces))
    return FOREIGN_LINK.sub(r"\1", joined)


def _emphasis(text: str) -> str:
    strong = re.sub(r"\*\*([^*]+)\*\*", r"<b>\1</b>", text)
    return re.sub(r"\*([^*]+)\*", r"<i>\1</i>", strong)
