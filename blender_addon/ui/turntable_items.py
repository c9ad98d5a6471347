"""Kinds of turntables as items of an enum, several of which may be chosen."""

from __future__ import annotations

from ..contract.turntables import Turntable

TURNTABLE_ITEMS = (
    (Turntable.WEBP.value, "WebP", "One turn, small, for web pages", "", 1),
    (Turntable.MP4.value, "MP4", "One turn, as a film", "", 2),
    (Turntable.GIF.value, "GIF", "One turn, for programs that show no WebP", "", 16),
    (
        Turntable.GROWING_WEBP.value,
        "Growing WebP",
        "Two turns; the splats grow during the first",
        "",
        4,
    ),
    (
        Turntable.GROWING_MP4.value,
        "Growing MP4",
        "Two turns, as a film; the splats grow during the first",
        "",
        8,
    ),
    (
        Turntable.GROWING_GIF.value,
        "Growing GIF",
        "Two turns, for programs that show no WebP; the splats grow during the first",
        "",
        32,
    ),
    (
        Turntable.SWING_WEBP.value,
        "Swing WebP",
        "A swing before a scene, in which its views are blended; for engines that make "
        "views with depths",
        "",
        64,
    ),
    (Turntable.SWING_MP4.value, "Swing MP4", "The swing, as a film", "", 128),
    (
        Turntable.SWING_GIF.value,
        "Swing GIF",
        "The swing, for programs that show no WebP",
        "",
        256,
    ),
)
