"""Scores as a table, with medians, targets and ratios to the peers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from .mesh_methods import OURS
from .scores import Score

Scores = dict[str, dict[str, Score]]  # by way, then by the model's name

_UNKNOWN = ("", "", "", "")
_COLUMNS = ("F", "prec", "rec", "whole", "dB", "back%", "stray%", "overlap", "tight", "faces")
HEADER = f"{'':<44}" + "".join(f"{name:>8}" for name in (*_COLUMNS, "s", "MiB"))


def row(name: str, scored: Score) -> str:
    shape = _UNKNOWN
    if known := scored.shape:
        shares = (known.f_score, known.precision, known.recall, known.f_score_whole)
        shape = tuple(f"{share:.3f}" for share in shares)
    cells = (
        *shape,
        f"{scored.psnr:.1f}",
        f"{100 * scored.inside_out:.2f}",
        f"{100 * scored.unpainted:.2f}",
        "" if scored.uv_overlap is None else f"{scored.uv_overlap:.1e}",
        "yes" if scored.watertight else "no",
        str(scored.faces),
        f"{scored.seconds:.1f}",
        f"{scored.peak_bytes / 2**20:.0f}",
    )
    return f"{name[:44]:<44}" + "".join(f"{cell:>8}" for cell in cells)


def summary(scores: Scores, least_psnr: float) -> Iterator[str]:
    """Our medians beside the targets, then the peers' beside ours."""
    ours = list(scores[OURS].values())
    if ours[0].shape:
        f_scores = [s.f_score for s in ours]
        yield _least("F-score, median", float(np.median(f_scores)), 0.95)
        yield _least("F-score, 10th percentile", float(np.percentile(f_scores, 10)), 0.85)
    yield _least("PSNR, median, dB", float(np.median([s.psnr for s in ours])), least_psnr)
    yield _all("at most 1 % of visible samples inside out", [s.inside_out <= 0.01 for s in ours])
    yield _all("at most 0.1 % of visible samples unpainted", [s.unpainted <= 1e-3 for s in ours])
    yield _all("no texel used twice", [not s.uv_overlap for s in ours])
    yield _all("watertight when asked", [s.watertight for s in ours])
    yield from _beside_peers(scores)


def _least(name: str, value: float, target: float) -> str:
    verdict = "reached" if value >= target else "MISSED"
    return f"{name:<48} {value:>8.3f}  target {target:g} {verdict}"


def _all(name: str, kept: Sequence[bool]) -> str:
    verdict = "reached" if all(kept) else "MISSED"
    return f"{name:<48} {sum(kept):>4} of {len(kept)}  {verdict}"


def _beside_peers(scores: Scores) -> Iterator[str]:
    measured: dict[str, Callable[[Score], float]] = {
        "F-score": lambda s: s.f_score,
        "dB": lambda s: s.psnr,
        "seconds": lambda s: s.seconds,
        "MiB": lambda s: s.peak_bytes / 2**20,
    }
    yield f"{'medians':<24}" + "".join(f"{name:>12}" for name in measured)
    for way, found in scores.items():
        medians = (np.median([of(s) for s in found.values()]) for of in measured.values())
        yield f"{way:<24}" + "".join(f"{median:>12.3f}" for median in medians)
    yield "ours over theirs, median of the ratios"
    for way, found in scores.items():
        if way != OURS:
            ratios = (_ratio(scores[OURS], found, of) for of in measured.values())
            yield f"{way:<24}" + "".join(f"{ratio:>12.3f}" for ratio in ratios)


def _ratio(ours: dict[str, Score], theirs: dict[str, Score], of: Callable[[Score], float]) -> float:
    return float(np.median([of(ours[n]) / max(of(theirs[n]), 1e-9) for n in theirs]))
