"""What test engines and real ones give, as tests look at it."""

from __future__ import annotations

from splatsmith.contract.cloud import GaussianCloud
from splatsmith.engines.base import Generation
from splatsmith.progress import silent


def cloud_of(generation: Generation) -> GaussianCloud:
    """The Gaussians of an engine's answer."""
    return generation.representation.gaussians(silent(), "cpu")
