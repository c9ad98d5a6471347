"""How well free views show a scene whose true pictures are known: an object of the pack.

    python -m training.ivid.free_view_quality OBJECTS ID FIGURE.png [--size 128]

Prints the peak signal to noise ratio of fused views at the 27 given cameras of 3x9, and at cameras
half-way between. FIGURE.png has four of each above what is true.
"""

from __future__ import annotations

import argparse
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from splatsmith.engines.ivid.cameras import GRID, Pose
from splatsmith.engines.ivid.depth_code import encode_depth
from splatsmith.engines.ivid.fused_views import FusedViews
from splatsmith.engines.ivid.view_chain import RgbdView
from training.ivid.render_scenes import render_scene
from training.objects import Mesh, read_index, read_mesh

Floats = NDArray[np.float32]

YAWS = sorted({pose.yaw for pose in GRID})
HALF_WAY = tuple(
    Pose((first + second) / 2, pitch)
    for first, second in pairwise(YAWS)
    for pitch in (-0.075, 0.075)
)
SHOWN = 4


def true_view(mesh: Mesh, pose: Pose, size: int) -> RgbdView:
    colors, depths = render_scene(mesh, np.degrees(pose.yaw), np.degrees(pose.pitch), size)
    codes = encode_depth(depths.astype(np.float64)).astype(np.float32)
    return RgbdView(pose, (colors / 255.0).astype(np.float32), codes)


def decibels(picture: Floats, truth: Floats) -> float:
    """Peak signal to noise ratio of colors 0..1."""
    return float(-10 * np.log10(np.mean((picture - truth) ** 2)))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("objects", type=Path)
    parser.add_argument("id")
    parser.add_argument("figure", type=Path)
    parser.add_argument("--size", type=int, default=128)
    options = parser.parse_args()
    record = next(each for each in read_index(options.objects) if each.id == options.id)
    mesh, size = read_mesh(options.objects, record), options.size
    fused = FusedViews([true_view(mesh, pose, size) for pose in GRID], "cpu")
    rows: list[Floats] = []
    for name, poses in (("given", GRID), ("half-way", HALF_WAY)):
        truths = [true_view(mesh, pose, size).colors for pose in poses]
        pictures = [fused.render(pose, size) for pose in poses]
        values = [decibels(*pair) for pair in zip(pictures, truths, strict=True)]
        sys.stdout.write(f"{name}: {min(values):.1f} to {max(values):.1f} dB, ")
        sys.stdout.write(f"{np.mean(values):.1f} on average\n")
        step = len(poses) // SHOWN
        rows += [np.concatenate(each[::step][:SHOWN], axis=1) for each in (pictures, truths)]
    figure = np.rint(255 * np.clip(np.concatenate(rows), 0, 1)).astype(np.uint8)
    Image.fromarray(figure).save(options.figure)


if __name__ == "__main__":
    main()
