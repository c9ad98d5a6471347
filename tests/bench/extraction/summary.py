"""Scores as a table, with medians, targets and ratios to other methods."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from .mesh_methods import SPLATSMITH
from .scores import Score

Scores = dict[str, dict[str, Score]]  # by method, then by case

_UNKNOWN = ("", "", "", "")
_COLUMNS = ("F", "prec", "rec", "whole", "dB", "back%", "stray%", "overlap", "tight", "faces")
HEADER = f"{'':<44}" + "".join(f"{name:>8}" for name in (*_COLUMNS, "s", "MiB"))


def row(name: str, scored: Score) -> str:
    surface = _UNKNOWN
    if known := scored.surface:
        shares = (known.f_score, known.precision, known.recall, known.f_score_whole)
        surface = tuple(f"{share:.3f}" for share in shares)
    cells = (
        *surface,
        f"{scored.psnr:.1f}",
        f"{100 * scored.backface_share:.2f}",
        f"{100 * scored.stray_color_share:.2f}",
        "" if scored.uv_overlap is None else f"{scored.uv_overlap:.1e}",
        "yes" if scored.watertight else "no",
        str(scored.faces),
        f"{scored.seconds:.1f}",
        f"{scored.peak_bytes / 2**20:.0f}",
    )
    return f"{name[:44]:<44}" + "".join(f"{cell:>8}" for cell in cells)


def summary(scores: Scores, least_psnr: float) -> Iterator[str]:
    """Our medians against the targets, then all methods compared."""
    ours = list(scores[SPLATSMITH].values())
    if ours[0].surface:
        f_scores = [s.f_score for s in ours]
        yield _least("F-score, median", float(np.median(f_scores)), 0.95)
        yield _least("F-score, 10th percentile", float(np.percentile(f_scores, 10)), 0.85)
    yield _least("PSNR, median, dB", float(np.median([s.psnr for s in ours])), least_psnr)
    yield _all(
        "at most 1 % of visible samples inside out", [s.backface_share <= 0.01 for s in ours]
    )
    yield _all(
        "at most 0.1 % of visible samples unpainted", [s.stray_color_share <= 1e-3 for s in ours]
    )
    yield _all("no texel used twice", [not s.uv_overlap for s in ours])
    yield _all("watertight when asked", [s.watertight for s in ours])
    yield from _comparison(scores)


def _least(name: str, value: float, target: float) -> str:
    verdict = "reached" if value >= target else "MISSED"
    return f"{name:<48} {value:>8.3f}  target {target:g} {verdict}"


def _all(name: str, kept: Sequence[bool]) -> str:
    verdict = "reached" if all(kept) else "MISSED"
    return f"{name:<48} {sum(kept):>4} of {len(kept)}  {verdict}"


def _comparison(scores: Scores) -> Iterator[str]:
    measured: dict[str, Callable[[Score], float]] = {
        "F-score": lambda s: s.f_score,
        "dB": lambda s: s.psnr,
        "seconds": lambda s: s.seconds,
        "MiB": lambda s: s.peak_bytes / 2**20,
    }
    yield f"{'medians':<24}" + "".join(f"{name:>12}" for name in measured)
    for method, found in scores.items():
        medians = (np.median([of(s) for s in found.values()]) for of in measured.values())
        yield f"{method:<24}" + "".join(f"{median:>12.3f}" for median in medians)
    yield "ours over theirs, median of the ratios"
    for method, found in scores.items():
        if method != SPLATSMITH:
            ratios = (_ratio(scores[SPLATSMITH], found, of) for of in measured.values())
            yield f"{method:<24}" + "".join(f"{ratio:>12.3f}" for ratio in ratios)


def _ratio(ours: dict[str, Score], theirs: dict[str, Score], of: Callable[[Score], float]) -> float:
    return float(np.median([of(ours[n]) / max(of(theirs[n]), 1e-9) for n in theirs]))
