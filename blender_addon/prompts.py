"""The prompts that the panel remembers; `api` hands these functions on."""

from __future__ import annotations

import logging

from .active_session import get_session
from .link import remembered_prompts
from .link.errors import written_files

log = logging.getLogger(__name__)


def list_prompts() -> tuple[str, ...]:
    """The prompts that were used last, the newest first."""
    return remembered_prompts.read_prompts(get_session().settings.prompts)


def remember_prompt(prompt: str) -> None:
    """Keep `prompt` among those that the panel offers."""
    try:
        remembered_prompts.remember_prompt(get_session().settings.prompts, prompt)
    except OSError as error:  # no reason to generate nothing
        log.warning("the prompt cannot be remembered: %s", error)


def forget_prompts() -> None:
    """Delete the remembered prompts.

    Raises:
        FileNotWritten: their file cannot be deleted.
    """
    with written_files():
        get_session().settings.prompts.unlink(missing_ok=True)
