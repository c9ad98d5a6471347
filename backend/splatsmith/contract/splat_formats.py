"""The splat file formats by name: suffixes, media types, and what each can hold."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .problems import InvalidRequest
from .up_axis import UpAxis


class SplatFormat(StrEnum):
    """A kind of splat file; docs/formats.md has what each keeps."""

    PLY = "ply"  # 3D Gaussian Splatting's own
    COMPRESSED_PLY = "compressed-ply"  # SuperSplat's packed PLY
    SPLAT = "splat"  # antimatter15's
    KSPLAT = "ksplat"  # mkkellogg's GaussianSplats3D
    SPZ = "spz"  # Niantic's
    SOG = "sog"  # PlayCanvas' bundle of WebP images
    GLTF = "gltf"  # with KHR_gaussian_splatting
    USD = "usd"  # ParticleField3DGaussianSplat


@dataclass(frozen=True)
class FormatTraits:
    """What is fixed about a format.

    Attributes:
        title: for people.
        suffixes: those of its files; the first one is given to new files.
        media_type: over HTTP.
        degree: the highest degree of spherical harmonics that is written.
        says_up: whether its files say, or its definition fixes, which axis points up.
    """

    title: str
    suffixes: tuple[str, ...]
    media_type: str
    degree: int
    says_up: bool


_BINARY = "application/octet-stream"

TRAITS = {
    SplatFormat.PLY: FormatTraits("PLY", (".ply",), _BINARY, 4, False),
    SplatFormat.COMPRESSED_PLY: FormatTraits(
        "compressed PLY", (".compressed.ply",), _BINARY, 3, False
    ),
    SplatFormat.SPLAT: FormatTraits("SPLAT", (".splat",), _BINARY, 0, False),
    SplatFormat.KSPLAT: FormatTraits("KSPLAT", (".ksplat",), _BINARY, 2, False),
    SplatFormat.SPZ: FormatTraits("SPZ", (".spz",), _BINARY, 4, True),
    SplatFormat.SOG: FormatTraits("SOG", (".sog",), "application/zip", 3, False),
    SplatFormat.GLTF: FormatTraits("glTF", (".glb", ".gltf"), "model/gltf-binary", 3, True),
    SplatFormat.USD: FormatTraits(
        "USD", (".usdc", ".usd", ".usda", ".usdz"), "model/vnd.usd", 4, True
    ),
}


def format_of_name(name: str) -> SplatFormat | None:
    """The format that a file's name ends in, in any case; None if it is no splat file's."""
    lower = name.lower()
    endings = ((suffix, each) for each, traits in TRAITS.items() for suffix in traits.suffixes)
    matches = [(len(suffix), each) for suffix, each in endings if lower.endswith(suffix)]
    return max(matches)[1] if matches else None


def format_to_write(name: str) -> SplatFormat:
    """As `format_of_name`.

    Raises:
        InvalidRequest: the name ends in none.
    """
    found = format_of_name(name)
    if found is None:
        raise InvalidRequest(
            f"The name {name} does not say which splat format to write.",
            f"End it in {', '.join(traits.suffixes[0] for traits in TRAITS.values())}.",
        )
    return found


def check_up(format: SplatFormat, up: UpAxis) -> None:
    """Refuse an axis that files of this format cannot have up.

    Raises:
        InvalidRequest: so it is.
    """
    allowed = (UpAxis.Y, UpAxis.Z) if format is SplatFormat.USD else (UpAxis.Y,)
    if TRAITS[format].says_up and up not in allowed:
        raise InvalidRequest(
            f"{TRAITS[format].title} files have {' or '.join(allowed).upper()} up.",
            "Leave the axis out.",
        )
