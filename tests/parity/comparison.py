"""How far an answer is from the recorded one, by the measure that its case names."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .case import Case, Outputs

PLY = "ply_bytes"  # begins the names of outputs that are whole PLY files
COLOURS = ("red", "green", "blue")


@dataclass(frozen=True)
class Verdict:
    """`error` is of the worst output; `fault` names what is wrong beyond numbers."""

    error: float
    tolerance: float
    passed: bool
    fault: str = ""


def judge(case: Case, answers: Outputs) -> Verdict:
    """Compare `answers` with every output of `case`; a missing one is a failure."""
    limit = float(case.tolerance["value"])
    if missing := sorted(set(case.outputs) - set(answers)):
        return Verdict(math.inf, limit, False, f"incomplete: lacks {', '.join(missing)}")
    worst, passed = 0.0, True
    for name, expected in case.outputs.items():
        answer = answers[name]
        if name.startswith(PLY):
            error = ply_error(answer, expected)
            within = error <= limit
        elif answer.shape != expected.shape:
            fault = f"{name} is {tuple(answer.shape)}, not {tuple(expected.shape)}"
            return Verdict(math.inf, limit, False, fault)
        else:
            error, within = _measure(case, answer, expected)
        worst, passed = max(worst, error), passed and within
    return Verdict(worst, limit, passed)


def relative_error(answer: Tensor, expected: Tensor) -> Tensor:
    """Absolute differences divided by the largest reference value; infinite where not a number."""
    answer, expected = answer.detach().double(), expected.double()
    largest = expected.abs().max().item() if expected.numel() else 0.0
    difference = (answer - expected).abs().nan_to_num(math.inf, math.inf)
    return difference / (largest or 1.0)


def ply_error(answer: Tensor, expected: Tensor) -> float:
    """The worst relative error of any property; infinite if the headers differ."""
    (head, rows), (expected_head, expected_rows) = _ply(answer), _ply(expected)
    if head != expected_head or len(rows) != len(expected_rows):
        return math.inf
    # A byte's rounding is no error of the network's: both sides cut the same fraction off.
    allowed = {name: 1.0 if name in COLOURS else 0.0 for name in rows.dtype.names or ()}
    errors = [
        max(0.0, _column_error(rows[name], expected_rows[name], slack))
        for name, slack in allowed.items()
    ]
    return max(errors, default=0.0)


def _measure(case: Case, answer: Tensor, expected: Tensor) -> tuple[float, bool]:
    errors = relative_error(answer, expected)
    if not errors.numel():
        return 0.0, True
    limit = float(case.tolerance["value"])
    if case.tolerance["metric"] == "fraction_within":
        share = (errors <= limit).double().mean().item()
        return 1 - share, share >= float(case.tolerance["fraction"])
    return errors.max().item(), errors.max().item() <= limit


def _column_error(column: np.ndarray, expected: np.ndarray, slack: float) -> float:
    difference = np.abs(column.astype(np.float64) - expected.astype(np.float64))
    largest = np.abs(expected.astype(np.float64)).max(initial=0.0) or 1.0
    return float((difference.max(initial=0.0) - slack) / largest)


def _ply(content: Tensor) -> tuple[bytes, np.ndarray]:
    """A binary PLY file's header and its one element's rows."""
    head, _, body = content.to(torch.uint8).numpy().tobytes().partition(b"end_header\n")
    kinds = {"float": "<f4", "uchar": "u1"}
    properties = [line.split() for line in head.decode().splitlines() if line[:8] == "property"]
    dtype = np.dtype([(name, kinds[kind]) for _, kind, name in properties])
    return head, np.frombuffer(body, dtype)
