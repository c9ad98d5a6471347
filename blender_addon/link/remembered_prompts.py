"""The prompts that were used last, kept in a file of the user's."""

from __future__ import annotations

import json
from pathlib import Path

from ..contract.files import atomic_write

MAX_PROMPTS = 50
MAX_CHARACTERS = 300  # longer ones make no menu


def read_prompts(path: Path) -> tuple[str, ...]:
    """The remembered prompts, the newest first; none if there is no readable file."""
    try:
        prompts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ()
    return tuple(p for p in prompts if isinstance(p, str)) if isinstance(prompts, list) else ()


def remember_prompt(path: Path, prompt: str) -> None:
    """Put `prompt` first, once; an empty or a long one is not kept.

    Raises:
        OSError: the file cannot be written.
    """
    line = " ".join(prompt.split())
    if not line or len(line) > MAX_CHARACTERS:
        return
    before = read_prompts(path)
    prompts = [line, *(other for other in before if other != line)][:MAX_PROMPTS]
    if tuple(prompts) == before:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as part:
        part.write_text(json.dumps(prompts, ensure_ascii=False, indent=0), encoding="utf-8")
