"""Options for products and their extraction, shared by generate, batch and extract."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TypeVar

from ..contract.protocol import (
    RESOLUTIONS,
    TEXTURE_SIZES,
    Closure,
    Crop,
    ExtractionOptions,
    Interior,
    Product,
)


@dataclass(frozen=True)
class _Flag:
    """Command line option of a field of ExtractionOptions."""

    name: str
    help: str
    metavar: str | None = None


_FLAGS = {
    "face_budget": _Flag("--faces", "triangles of the mesh at most", "N"),
    "texture_size": _Flag(
        "--texture",
        f"pixels a side: {', '.join(map(str, TEXTURE_SIZES))}; 0 for colours at the vertices",
        "PIXELS",
    ),
    "resolution": _Flag(
        "--resolution",
        "voxels along the longest side, {} to {}; 0 to choose by the cloud".format(*RESOLUTIONS),
        "VOXELS",
    ),
    "closure": _Flag(
        "--closure",
        f"what becomes of places that cannot be seen: {', '.join(Closure)}",
        "KIND",
    ),
    "close_bottom": _Flag("--keep-bottom", "leave open what opens only towards the ground"),
    "point_count": _Flag("--points", "points of the point cloud", "N"),
    "interior": _Flag(
        "--interior",
        f"what becomes of unseen spaces in a single skin: {', '.join(Interior)}; walls stay",
        "KIND",
    ),
    "crop": _Flag(
        "--crop-background",
        f"what is made without a sky or background far around: {', '.join(Crop)}; auto: meshes",
        "KIND",
    ),
}


Kind = TypeVar("Kind", bound=StrEnum)


def one_of(kind: type[Kind]) -> Callable[[str], Kind]:
    """An argparse type: text to a member of `kind`."""

    def read(text: str) -> Kind:
        try:
            return kind(text)
        except ValueError:
            raise argparse.ArgumentTypeError(
                f"there is no {text!r}, but {', '.join(kind)}"
            ) from None

    return read


def add_products(
    command: argparse.ArgumentParser, default: Sequence[Product], remark: str = ""
) -> None:
    """Add --products and all extraction options to `command`."""
    command.add_argument(
        "--products",
        nargs="+",
        type=one_of(Product),
        default=tuple(default),
        metavar="PRODUCT",
        help=f"any of: {' '.join(Product)} (default: {' '.join(default)}{remark})",
    )
    for field in fields(ExtractionOptions):
        _add_flag(command, field.name, _FLAGS[field.name])


def extraction_options(options: argparse.Namespace) -> ExtractionOptions:
    """The parsed options as ExtractionOptions.

    Raises:
        InvalidRequest: a value is out of range.
    """
    return ExtractionOptions(
        **{f.name: getattr(options, f.name) for f in fields(ExtractionOptions)}
    )


def _add_flag(command: argparse.ArgumentParser, field: str, flag: _Flag) -> None:
    default = getattr(ExtractionOptions(), field)
    if isinstance(default, bool):
        action = "store_false" if default else "store_true"
        command.add_argument(flag.name, dest=field, action=action, help=flag.help)
        return
    command.add_argument(
        flag.name,
        dest=field,
        type=type(default),
        default=default,
        metavar=flag.metavar,
        help=f"{flag.help} (default: %(default)s)",
    )
