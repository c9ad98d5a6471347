"""Gaussians in memory, and their PLY files: what other parts import of both."""

from __future__ import annotations

from .cloud_reading import LoadedCloud, load_cloud, read_cloud
from .cloud_writing import OnProgress, ignore_progress, write_cloud, write_far_cloud
from .gaussian_cloud import MAX_DEGREE, GaussianCloud, empty_cloud
from .harmonics import SH_C0

__all__ = [
    "MAX_DEGREE",
    "SH_C0",
    "GaussianCloud",
    "LoadedCloud",
    "OnProgress",
    "empty_cloud",
    "ignore_progress",
    "load_cloud",
    "read_cloud",
    "write_cloud",
    "write_far_cloud",
]
