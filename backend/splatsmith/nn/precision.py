"""The networks' floating-point type."""

from __future__ import annotations

import torch

from ..contract.problems import InvalidRequest


def choose_precision(
    name: str, device: str, preferred: torch.dtype = torch.bfloat16
) -> torch.dtype:
    """By `name`: "float32", "float16", "bfloat16", or "auto".

    The last is `preferred` on a GPU, or float16 where the GPU does not compute bfloat16; float32 on
    a CPU.

    Raises:
        InvalidRequest: float16 on a CPU.
    """
    if name != "auto":
        if name == "float16" and device == "cpu":
            raise InvalidRequest("A CPU cannot use float16 here.", "Use float32 or bfloat16.")
        return getattr(torch, name)
    if device == "cpu":
        return torch.float32
    return preferred if torch.cuda.is_bf16_supported(False) else torch.float16
