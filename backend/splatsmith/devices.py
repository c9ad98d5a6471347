"""The choice of a compute device."""

from __future__ import annotations

import os
import platform

import torch

from .contract.problems import InvalidRequest

AUTO = "auto"


def choose_device(wanted: str) -> str:
    """The device `wanted` ("cpu", "cuda", "cuda:1"); for "auto" CUDA if available, else the CPU.

    Raises:
        InvalidRequest: there is no such device here.
    """
    if wanted == AUTO:
        return "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, index = wanted.partition(":")
    if kind == "cpu" and not index:
        return wanted
    if kind == "cuda" and (index or "0").isdigit() and int(index or 0) < torch.cuda.device_count():
        return wanted
    raise InvalidRequest(f"There is no device {wanted!r} here.", "Use auto, cpu, cuda or cuda:1.")


def device_title(device: str) -> str:
    """The device's product name, for display."""
    if device == "cpu":
        return f"CPU ({platform.machine()}, {_core_count()} cores)"
    return torch.cuda.get_device_name(device)


def use_all_cores() -> None:
    """Set torch's thread count to the cores in this process's affinity mask."""
    torch.set_num_threads(_core_count())


def _core_count() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
