"""The networks' floating-point type."""

from __future__ import annotations

import torch

from ..contract.problems import InvalidRequest


def choose_precision(name: str, device: str) -> torch.dtype:
    """By `name`: "float32", "float16", "bfloat16", or "auto".

    The last is bfloat16 on a GPU that computes it, float16 on other GPUs, float32 on a CPU.

    Raises:
        InvalidRequest: float16 on a CPU.
    """
    if name != "auto":
        if name == "float16" and device == "cpu":
            raise InvalidRequest("A CPU cannot use float16 here.", "Use float32 or bfloat16.")
        return getattr(torch, name)
    if device == "cpu":
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported(False) else torch.float16
