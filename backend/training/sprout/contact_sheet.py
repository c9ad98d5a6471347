"""A sheet of assets for people to look at, made as the engine makes them by default, seed 0.

    python -m training.sprout.contact_sheet SHEET.jpg PROMPT...
    python -m training.sprout.contact_sheet SHEET.jpg PICTURE...

Each argument is a picture's file, or else a prompt. Of prompts the asset is shown; of pictures the
picture, and the asset from two sides.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from splatsmith.conditioning.matting import remove_background
from splatsmith.contract.cards import ConditionKind
from splatsmith.engines.base import EngineInputs
from splatsmith.engines.sprout.card import CARD
from splatsmith.engines.sprout.engine import Sprout, load
from splatsmith.gaussians.preview_rendering import (
    PreviewImage,
    PreviewScene,
    TurntableSpec,
    render_turntable,
)
from splatsmith.images import read_picture
from splatsmith.progress import silent

CELL = 200  # pixels a side
BESIDE = 3  # of a turn's six views the one that is shown beside the first: from behind
GREY = 236


def cells(sprout: Sprout, asked: str) -> list[PreviewImage]:
    """Pictures [CELL, CELL, 3] of one prompt or one picture's file."""
    file = Path(asked)
    if not file.is_file():
        return [next(_views(sprout, asked, {}))]
    cutout = remove_background(read_picture(file))
    views = list(_views(sprout, "", {ConditionKind.IMAGE: cutout}))
    return [_laid(cutout), views[0], views[BESIDE]]


def _views(
    sprout: Sprout, prompt: str, pictures: dict[ConditionKind, NDArray[np.uint8]]
) -> Iterator[PreviewImage]:
    inputs = EngineInputs(prompt, "base", pictures, CARD.check_parameters({"seed": 0}))
    made = sprout.generate(inputs, silent())
    return render_turntable(
        PreviewScene(made.cloud, made.camera, "cpu"), TurntableSpec(2 * BESIDE, CELL)
    )


def _laid(cutout: NDArray[np.uint8]) -> PreviewImage:
    """A cut-out in the middle of a square of grey."""
    picture = Image.fromarray(cutout, "RGBA")
    picture.thumbnail((CELL - 20, CELL - 20))
    square = Image.new("RGBA", (CELL, CELL), (GREY, GREY, GREY, 255))
    place = ((CELL - picture.width) // 2, (CELL - picture.height) // 2)
    square.alpha_composite(picture, place)
    return np.asarray(square.convert("RGB"))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("sheet", type=Path)
    parser.add_argument("asked", nargs="+")
    parser.add_argument("--columns", type=int, default=6, help="prompts or pictures in a row")
    arguments = parser.parse_args()
    sprout = load("base", "cpu")
    made = [np.concatenate(cells(sprout, asked), axis=1) for asked in arguments.asked]
    blank = np.full_like(made[0], GREY)
    made += [blank] * (-len(made) % arguments.columns)
    rows = [
        np.concatenate(made[first : first + arguments.columns], axis=1)
        for first in range(0, len(made), arguments.columns)
    ]
    Image.fromarray(np.concatenate(rows)).save(arguments.sheet, quality=88)


if __name__ == "__main__":
    main()
