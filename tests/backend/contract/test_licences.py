"""Licences say whether commercial use is allowed, one by one and together."""

from __future__ import annotations

import pytest

from splatsmith.contract.licences import CommercialUse, Licence, commercial_use_of
from splatsmith.engines import registry

FREE = Licence("MIT", commercial_use=CommercialUse.ALLOWED)
STUDY = Licence("Study Licence", commercial_use=CommercialUse.FORBIDDEN)
NONE = Licence("none stated")


@pytest.mark.parametrize(
    ("licences", "use"),
    [
        ((), CommercialUse.ALLOWED),
        ((FREE, FREE), CommercialUse.ALLOWED),
        ((FREE, NONE), CommercialUse.UNKNOWN),
        ((NONE, STUDY, FREE), CommercialUse.FORBIDDEN),
    ],
)
def test_the_strictest_licence_decides(licences: tuple[Licence, ...], use: CommercialUse) -> None:
    assert commercial_use_of(licences) is use


def test_a_licence_sums_up_what_it_says_of_commercial_use() -> None:
    limited = Licence("L", commercial_use=CommercialUse.ALLOWED, commercial_terms="Up to 5 euros.")
    assert limited.summary == "Commercial use is allowed. Up to 5 euros."
    assert NONE.summary == "Whether commercial use is allowed is not known."


def test_every_licence_says_whether_commercial_use_is_allowed_if_it_is_known() -> None:
    built_in = [card for card in registry.cards() if card.quality != "test"]
    licences = {each for card in built_in for variant in card.variants for each in variant.licences}
    assert len(licences) >= 5
    unknown = {
        each.name.partition(":")[0]: each
        for each in licences
        if each.commercial_use is CommercialUse.UNKNOWN
    }
    assert set(unknown) == {"none stated", "that of your own training"}
    assert "ask the authors" in unknown["none stated"].summary
    stability = next(each for each in licences if "Stability" in each.name)
    assert "1,000,000 US dollars" in stability.summary
