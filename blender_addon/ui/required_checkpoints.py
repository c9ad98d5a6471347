"""The checkpoints that the next Generate requires, and which of them are missing."""

from __future__ import annotations

from bpy.app.translations import pgettext_iface as iface_

from ..contract.cards import Checkpoint, ConditionKind, Variant
from ..contract.checkpoints import CheckpointState
from ..link.snapshot import SessionSnapshot
from .properties import SplatsmithSettings, engine_card, engine_group


def chosen_variant(settings: SplatsmithSettings) -> Variant | None:
    """The variant in the panel; None until the backend has listed its engine."""
    card, group = engine_card(settings), engine_group(settings)
    return card.variant(group.variant) if card and group else None


def hub_checkpoints(settings: SplatsmithSettings) -> tuple[Checkpoint, ...]:
    """All checkpoints of the chosen variant that come from a hub."""
    variant = chosen_variant(settings)
    return tuple(c for c in variant.checkpoints if not c.is_bundled) if variant else ()


def missing_checkpoints(
    settings: SplatsmithSettings, now: SessionSnapshot
) -> tuple[Checkpoint, ...]:
    """Those that the panel's prompt, picture and parameters need, and that are not there.

    Without prompt and picture: what a prompt needs. Empty until the backend has listed its engines.
    """
    variant = chosen_variant(settings)
    if variant is None:
        return ()
    given = settings.conditions() or frozenset({ConditionKind.TEXT})
    needed = variant.required_checkpoints(given, settings.generation_settings().parameters)
    states = {status.id: status.state for status in now.weights}
    here = CheckpointState.PRESENT
    return tuple(c for c in needed if states.get(c.id, here) is not here)


def import_hint(settings: SplatsmithSettings, now: SessionSnapshot) -> str:
    """What to import first, for engines whose weights are published nowhere; "" if it is here."""
    card = engine_card(settings)
    own = next((c for c in missing_checkpoints(settings, now) if not c.is_downloadable), None)
    if card is None or own is None:
        return ""
    text = iface_(
        "No weights of {} are published. Import a file that you have trained: "
        "splatsmith weights import FILE {}"
    )
    return text.format(card.title, own.id)
