"""Splatter images: five attributes of Gaussians as pictures of six views, and back to Gaussians.

A mosaic has three rows and two columns of views; every pixel is a Gaussian.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import torch
from torch import Tensor

from ...gaussians.gaussian_batch import GaussianBatch

ROWS, COLUMNS = 3, 2
VIEWS = ROWS * COLUMNS

Range = tuple[float, float]


class Attribute(StrEnum):
    """What a mosaic shows, by the published name."""

    POSITION = "pos"
    OPACITY = "opacity"
    SCALE = "scale"
    ROTATION = "rotation"
    COLOR = "rgbs"


FIVE = tuple(Attribute)
FOUR = tuple(each for each in Attribute if each is not Attribute.ROTATION)  # all unrotated


@dataclass(frozen=True)
class ValueRanges:
    """What black and white of a mosaic stand for.

    position: coordinates. scale: natural logarithms. rotation: components of an axis times its
    angle, radians. opacity: logits, or None where the grey value is the opacity itself.
    """

    position: Range = (-0.7, 0.7)
    scale: Range = (-10.0, -2.0)
    rotation: Range = (-5.0, 5.0)
    opacity: Range | None = (-14.0, 9.0)


@dataclass(frozen=True)
class AttributeMaps:
    """Activated attributes in the mosaics' layout, [B, C, H, W]."""

    position: Tensor  # C = 3
    opacity: Tensor  # 1, 0..1
    scale: Tensor  # 3, linear
    rotation: Tensor  # 4, unit quaternions, wxyz
    color: Tensor  # 3, sRGB 0..1

    @property
    def gaussians(self) -> GaussianBatch:
        """B clouds in the order view (row by row of the mosaic), row, column."""
        return GaussianBatch(
            means=flatten_views(self.position),
            quats=flatten_views(self.rotation),
            scales=flatten_views(self.scale),
            opacities=flatten_views(self.opacity)[..., 0],
            colors=flatten_views(self.color),
        )


def decode_mosaics(mosaics: Mapping[Attribute, Tensor], ranges: ValueRanges) -> AttributeMaps:
    """Mosaics [B, 3, H, W] in -1..1, clipped here, as attributes. Without one of rotations all are
    the identity.
    """
    values = {name: (mosaic.float().clamp(-1, 1) + 1) / 2 for name, mosaic in mosaics.items()}
    gray = values[Attribute.OPACITY].mean(1, keepdim=True)
    position = _stretch(values[Attribute.POSITION], ranges.position)
    if Attribute.ROTATION in values:
        rotation = to_quaternions(_stretch(values[Attribute.ROTATION], ranges.rotation))
    else:
        rotation = to_quaternions(torch.zeros_like(position))
    return AttributeMaps(
        position=position,
        opacity=gray if ranges.opacity is None else _stretch(gray, ranges.opacity).sigmoid(),
        scale=_stretch(values[Attribute.SCALE], ranges.scale).exp(),
        rotation=rotation,
        color=values[Attribute.COLOR],
    )


def encode_mosaics(maps: AttributeMaps, ranges: ValueRanges) -> dict[Attribute, Tensor]:
    """The inverse of `decode_mosaics`: five mosaics [B, 3, H, W] in -1..1."""
    opacity = maps.opacity
    if ranges.opacity is not None:
        opacity = _unstretch(opacity.clamp(1e-7, 1 - 1e-7).logit(), ranges.opacity)
    values = {
        Attribute.POSITION: _unstretch(maps.position, ranges.position),
        Attribute.OPACITY: opacity.expand(-1, 3, -1, -1),
        Attribute.SCALE: _unstretch(maps.scale.log(), ranges.scale),
        Attribute.ROTATION: _unstretch(to_axis_angles(maps.rotation), ranges.rotation),
        Attribute.COLOR: maps.color,
    }
    return {name: 2 * value.clamp(0, 1) - 1 for name, value in values.items()}


def to_quaternions(axis_angles: Tensor) -> Tensor:
    """Rotations [B, 3, H, W], axis times angle, as unit quaternions [B, 4, H, W], wxyz."""
    angle = axis_angles.norm(dim=1, keepdim=True)
    # sin(a / 2) / a without a division by zero: torch's sinc(x) is sin(pi x) / (pi x).
    factor = 0.5 * torch.sinc(angle / (2 * torch.pi))
    return torch.cat([(angle / 2).cos(), axis_angles * factor], 1)


def to_axis_angles(quaternions: Tensor) -> Tensor:
    """Unit quaternions [B, 4, H, W], wxyz, as axis times angle [B, 3, H, W], at most pi long."""
    upper = torch.where(quaternions[:, :1] < 0, -quaternions, quaternions)
    real, vector = upper[:, :1], upper[:, 1:]
    sine = vector.norm(dim=1, keepdim=True)
    return vector * (2 * torch.atan2(sine, real) / sine.clamp(min=1e-12))


def flatten_views(mosaic: Tensor) -> Tensor:
    """[B, C, 3 H, 2 W] to [B, 6 H W, C]."""
    views = mosaic.unflatten(2, (ROWS, -1)).unflatten(4, (COLUMNS, -1))
    return views.permute(0, 2, 4, 3, 5, 1).flatten(1, 4)


def tile_views(views: Tensor) -> Tensor:
    """[B, 6, C, H, W] to a mosaic [B, C, 3 H, 2 W]."""
    rows = views.unflatten(1, (ROWS, COLUMNS))
    return rows.permute(0, 3, 1, 4, 2, 5).flatten(4, 5).flatten(2, 3)


def _stretch(values: Tensor, bounds: Range) -> Tensor:
    """From 0..1 to `bounds`."""
    low, high = bounds
    return values * (high - low) + low


def _unstretch(values: Tensor, bounds: Range) -> Tensor:
    """From `bounds` to 0..1."""
    low, high = bounds
    return (values - low) / (high - low)
