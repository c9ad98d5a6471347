"""Comparing recomputed outputs with recorded ones, by the metric that the case names."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .case import Case, Outputs

PLY_PREFIX = "ply_bytes"  # of outputs that are the bytes of a PLY file
COLORS = ("red", "green", "blue")


@dataclass(frozen=True)
class Comparison:
    """`error` is the worst output's; `reason` says what else is wrong."""

    error: float
    tolerance: float
    passed: bool
    reason: str = ""


def compare(case: Case, actual: Outputs) -> Comparison:
    """Every output of `case` with the one in `actual`; a missing one is a failure."""
    limit = float(case.tolerance["value"])
    if missing := sorted(set(case.outputs) - set(actual)):
        return Comparison(math.inf, limit, False, f"incomplete: lacks {', '.join(missing)}")
    worst, passed = 0.0, True
    for name, expected in case.outputs.items():
        output = actual[name]
        if name.startswith(PLY_PREFIX):
            error = ply_error(output, expected)
            within = error <= limit
        elif output.shape != expected.shape:
            reason = f"{name} is {tuple(output.shape)}, not {tuple(expected.shape)}"
            return Comparison(math.inf, limit, False, reason)
        else:
            error, within = _compare_tensors(case, output, expected)
        worst, passed = max(worst, error), passed and within
    return Comparison(worst, limit, passed)


def relative_error(output: Tensor, expected: Tensor) -> Tensor:
    """Absolute differences over the largest expected magnitude; infinite where not a number."""
    output, expected = output.detach().double(), expected.double()
    largest = expected.abs().max().item() if expected.numel() else 0.0
    difference = (output - expected).abs().nan_to_num(math.inf, math.inf)
    return difference / (largest or 1.0)


def ply_error(output: Tensor, expected: Tensor) -> float:
    """The worst relative error of any property; infinite if the headers differ."""
    (header, rows), (expected_header, expected_rows) = _parse_ply(output), _parse_ply(expected)
    if header != expected_header or len(rows) != len(expected_rows):
        return math.inf
    # 8-bit colours may differ by one: both sides truncate.
    allowed = {name: 1.0 if name in COLORS else 0.0 for name in rows.dtype.names or ()}
    errors = [
        max(0.0, _column_error(rows[name], expected_rows[name], slack))
        for name, slack in allowed.items()
    ]
    return max(errors, default=0.0)


def _compare_tensors(case: Case, output: Tensor, expected: Tensor) -> tuple[float, bool]:
    """The error, and whether it is within the case's tolerance."""
    errors = relative_error(output, expected)
    if not errors.numel():
        return 0.0, True
    limit = float(case.tolerance["value"])
    if case.tolerance["metric"] == "fraction_within":
        fraction = (errors <= limit).double().mean().item()
        return 1 - fraction, fraction >= float(case.tolerance["fraction"])
    return errors.max().item(), errors.max().item() <= limit


def _column_error(column: np.ndarray, expected: np.ndarray, slack: float) -> float:
    difference = np.abs(column.astype(np.float64) - expected.astype(np.float64))
    largest = np.abs(expected.astype(np.float64)).max(initial=0.0) or 1.0
    return float((difference.max(initial=0.0) - slack) / largest)


def _parse_ply(content: Tensor) -> tuple[bytes, np.ndarray]:
    """Header and vertices of a binary PLY file with one element."""
    header, _, body = content.to(torch.uint8).numpy().tobytes().partition(b"end_header\n")
    types = {"float": "<f4", "uchar": "u1"}
    properties = [line.split() for line in header.decode().splitlines() if line[:8] == "property"]
    dtype = np.dtype([(name, types[kind]) for _, kind, name in properties])
    return header, np.frombuffer(body, dtype)
