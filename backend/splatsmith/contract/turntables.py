"""Kinds of moving pictures of an asset."""

from __future__ import annotations

from enum import StrEnum


class Turntable(StrEnum):
    """A moving picture of an asset: one turn, or two, during the first of which its splats grow; or
    a swing before a scene, in which its RGBD views are blended.
    """

    WEBP = "webp"
    MP4 = "mp4"
    GIF = "gif"
    GROWING_WEBP = "growing-webp"
    GROWING_MP4 = "growing-mp4"
    GROWING_GIF = "growing-gif"
    SWING_WEBP = "swing-webp"
    SWING_MP4 = "swing-mp4"
    SWING_GIF = "swing-gif"

    @property
    def grows(self) -> bool:
        return self.value.startswith("growing-")

    @property
    def swings(self) -> bool:
        """Whether it shows RGBD views, which not every engine gives."""
        return self.value.startswith("swing-")
