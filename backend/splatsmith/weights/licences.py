"""Licences that the user has accepted, by URL; each is accepted once."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from pathlib import Path

from ..contract.cards import Checkpoint
from ..contract.licences import Licence
from ..errors import LicenceNotAccepted
from ..files import write_json
from .records import weights_directory


def is_accepted(licence: Licence) -> bool:
    """Whether the licence was accepted, or need not be."""
    return not licence.must_accept or licence.url in _accepted()


def accept(licences: Iterable[Licence]) -> None:
    """Record that the user has accepted these licences, with the time."""
    accepted = _accepted()
    now = time.time()
    new = {each.url: now for each in licences if not is_accepted(each)}
    if new:
        write_json(_file(), {**new, **accepted})


def check_accepted(checkpoints: Iterable[Checkpoint]) -> None:
    """Refuse checkpoints whose licence has not been accepted.

    Raises:
        LicenceNotAccepted: with the licence's name and URL.
    """
    for checkpoint in checkpoints:
        licence = checkpoint.licence
        if not is_accepted(licence):
            raise LicenceNotAccepted(
                f"{checkpoint.title} stands under the {licence.name} licence ({licence.url}),"
                " which has not been accepted.",
                "Read it, and accept it in the panel or with --accept-licence.",
            )


def _accepted() -> dict[str, float]:
    try:
        return json.loads(_file().read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}


def _file() -> Path:
    return weights_directory() / "licences.json"
