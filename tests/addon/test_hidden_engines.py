"""The preference that leaves out engines whose licences forbid commercial use."""

from __future__ import annotations

from collections.abc import Iterator

import bpy
import pytest

from blender_addon.contract.cards import Checkpoint, ConditionKind, EngineCard, Variant
from blender_addon.contract.licences import CommercialUse, Licence
from blender_addon.ui import properties
from blender_addon.ui.engine_choice import hide_engines

pytestmark = pytest.mark.once


def card(engine: str, *uses: CommercialUse) -> EngineCard:
    """With a variant for each of these licences."""
    variants = tuple(
        Variant(
            f"v{number}",
            f"V{number}",
            (ConditionKind.TEXT,),
            checkpoints=(Checkpoint(f"{engine}-{number}", "", (), Licence("L", "", True, use)),),
        )
        for number, use in enumerate(uses)
    )
    return EngineCard(engine, engine.title(), "", variants)


FREE = card("free", CommercialUse.ALLOWED, CommercialUse.FORBIDDEN)
UNKNOWN = card("unknown", CommercialUse.UNKNOWN)
FORBIDDEN = card("forbidden", CommercialUse.FORBIDDEN)


@pytest.fixture
def listed(registered: None) -> Iterator[bpy.types.PropertyGroup]:
    before = dict(properties._engine_groups)
    properties.show_engines([FREE, UNKNOWN, FORBIDDEN])
    yield bpy.context.scene.splatsmith
    hide_engines(forbid_commercial_use=False)
    for engine in set(properties._engine_groups) - set(before):
        properties._remove_engine(engine)


def choices() -> set[str]:
    return {item[0] for item in properties._list_engines(None, None)}  # type: ignore[arg-type]


def test_nothing_is_hidden_until_it_is_asked_for(listed: bpy.types.PropertyGroup) -> None:
    assert choices() >= {"free", "unknown", "forbidden"}


def test_engines_that_forbid_it_in_every_variant_are_hidden(
    listed: bpy.types.PropertyGroup,
) -> None:
    hide_engines(forbid_commercial_use=True)
    assert choices() >= {"free", "unknown"}
    assert "forbidden" not in choices()
    with pytest.raises(TypeError, match="forbidden"):
        listed.engine = "forbidden"
    hide_engines(forbid_commercial_use=False)
    listed.engine = "forbidden"
    assert listed.engine == "forbidden"


def test_a_hidden_engine_that_was_chosen_is_no_longer_used(
    listed: bpy.types.PropertyGroup,
) -> None:
    listed.engine = "forbidden"
    hide_engines(forbid_commercial_use=True)
    assert listed.engine == ""
    assert properties.engine_card(listed) is None
