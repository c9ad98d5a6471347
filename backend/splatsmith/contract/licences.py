"""Licences of checkpoints, and whether they allow commercial use."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class CommercialUse(StrEnum):
    """Whether a checkpoint, and what is generated with it, may be used commercially."""

    ALLOWED = "allowed"
    FORBIDDEN = "forbidden"
    UNKNOWN = "unknown"  # not stated


@dataclass(frozen=True)
class Licence:
    """The terms of a checkpoint; those with `must_accept` are agreed to once, before a download.

    commercial_terms: what commercial use is subject to, as a sentence, if anything.
    """

    name: str
    url: str = ""
    must_accept: bool = False
    commercial_use: CommercialUse = CommercialUse.UNKNOWN
    commercial_terms: str = ""

    @property
    def summary(self) -> str:
        """Whether and on which terms commercial use is allowed, in sentences."""
        return " ".join(
            filter(None, (COMMERCIAL_SENTENCES[self.commercial_use], self.commercial_terms))
        )


COMMERCIAL_SENTENCES = {
    CommercialUse.ALLOWED: "Commercial use is allowed.",
    CommercialUse.FORBIDDEN: "Commercial use is forbidden.",
    CommercialUse.UNKNOWN: "Whether commercial use is allowed is not known.",
}


def commercial_use_of(licences: Iterable[Licence]) -> CommercialUse:
    """Of all these together: forbidden if one forbids it, else unknown if one does not state it."""
    uses = {licence.commercial_use for licence in licences}
    for use in (CommercialUse.FORBIDDEN, CommercialUse.UNKNOWN):
        if use in uses:
            return use
    return CommercialUse.ALLOWED


# Of base models that several engines take parts of.
STABILITY_COMMUNITY = Licence(
    "Stability AI Community License",
    "https://stability.ai/community-license-agreement",
    must_accept=True,
    commercial_use=CommercialUse.ALLOWED,
    commercial_terms="From 1,000,000 US dollars of yearly revenue on, it needs another licence.",
)
