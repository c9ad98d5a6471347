"""One recorded case: a network's configuration, weights and inputs, and the outputs to match."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

Value = Any  # a tensor, number, string, list or None, as the case's file holds it
Outputs = Mapping[str, Tensor]


@dataclass(frozen=True)
class Case:
    """A case with its floating-point tensors in float32 (or float64, where they are so)."""

    system: str
    part: str
    variant: str
    config: dict[str, Value]
    state_dict: dict[str, Tensor]
    inputs: dict[str, Value]
    outputs: dict[str, Tensor]
    tolerance: dict[str, Value]

    @property
    def name(self) -> str:
        return f"{self.system}/{self.part}/{self.variant}"

    def weights(self, component: str = "") -> dict[str, Tensor]:
        """The parameters under `component`, named as the component itself names them."""
        prefix = component and component + "."
        return {
            name.removeprefix(prefix): tensor
            for name, tensor in self.state_dict.items()
            if name.startswith(prefix)
        }


Check = Callable[[Case], Outputs]


class Registry(dict[str, Check]):
    """The checks of one system by the part that they recompute."""

    def __call__(self, part: str) -> Callable[[Check], Check]:
        """Register the decorated function for `part`."""

        def register(check: Check) -> Check:
            self[part] = check
            return check

        return register


def read_case(path: Path) -> Case:
    """Read a case's file, .pt or .pt.gz; nothing in it is executed."""
    packed = path.read_bytes()
    content = gzip.decompress(packed) if path.suffix == ".gz" else packed
    fields = torch.load(io.BytesIO(content), weights_only=True)
    return Case(**{name: _to_float32(fields[name]) for name in Case.__dataclass_fields__})


def _to_float32(value: Value) -> Value:
    if isinstance(value, Tensor) and value.dtype in (torch.float16, torch.bfloat16):
        return value.float()
    if isinstance(value, dict):
        return {name: _to_float32(each) for name, each in value.items()}
    return value
