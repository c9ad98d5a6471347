"""Names and media types of a job's artifacts: the files that it leaves in its folder."""

from __future__ import annotations

from .protocol import Product
from .splat_formats import TRAITS, SplatFormat
from .turntables import Turntable

SPLATS = "splats.ply"
POINTS = "points.ply"
MESH = "mesh.glb"
PREVIEW = "preview.png"
PREPARED_PICTURE = "prepared.png"
JOB_RECORD = "job.json"

PRODUCT_FILES = {Product.SPLATS: SPLATS, Product.MESH: MESH, Product.POINTS: POINTS}
_TURNTABLE_TYPES = {"webp": "image/webp", "mp4": "video/mp4", "gif": "image/gif"}


def converted_file(format: SplatFormat) -> str:
    """The artifact's name: `splats.spz`; for plain PLY the name that splats always have."""
    return f"splats{TRAITS[format].suffixes[0]}"


def turntable_file(turntable: Turntable) -> str:
    """The artifact's name: `turntable.webp`, `growing.mp4`, `swing.gif`."""
    kind, _, _ = turntable.value.rpartition("-")
    return f"{kind or 'turntable'}.{_format(turntable)}"


def _format(turntable: Turntable) -> str:
    return turntable.value.rpartition("-")[2]


MEDIA_TYPES = {
    **{converted_file(each): TRAITS[each].media_type for each in SplatFormat},
    POINTS: "application/octet-stream",
    MESH: "model/gltf-binary",
    PREVIEW: "image/png",
    PREPARED_PICTURE: "image/png",
    **{turntable_file(each): _TURNTABLE_TYPES[_format(each)] for each in Turntable},
    JOB_RECORD: "application/json",
}
"""By name, in the order in which a job lists its artifacts."""
