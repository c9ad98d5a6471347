"""Reading splat files of any format, into the asset frame."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..contract.cloud import LoadedCloud, load_cloud
from ..contract.problems import UnreadableCloud
from ..contract.splat_formats import SplatFormat
from ..contract.up_axis import UpAxis
from ..progress import Progress, silent
from . import compressed_ply, gltf, ksplat, sog, splat, spz, usd_process
from .decoded import DecodedSplats, to_loaded
from .detection import detect_format

Decoder = Callable[[Path, Progress], DecodedSplats]

_DECODERS: dict[SplatFormat, Decoder] = {
    SplatFormat.COMPRESSED_PLY: compressed_ply.read,
    SplatFormat.SPLAT: splat.read,
    SplatFormat.KSPLAT: ksplat.read,
    SplatFormat.SPZ: spz.read,
    SplatFormat.SOG: sog.read,
    SplatFormat.GLTF: gltf.read,
    SplatFormat.USD: usd_process.read,
}


def read_splats(
    path: Path,
    up: UpAxis | None = None,
    format: SplatFormat | None = None,
    progress: Progress | None = None,
) -> LoadedCloud:
    """Read a splat file, or a folder with a SOG asset.

    Args:
        up: the file's axis that points up; None is what the file or its format says, or Y.
        format: what the file is; None to tell by its content.

    Raises:
        Cancelled: from `progress`.
        UnreadableCloud: no splat file, cut off, damaged, or would fill the memory.
    """
    try:
        found = format or detect_format(path)
        if found is SplatFormat.PLY:
            return load_cloud(path, up)
        return to_loaded(_DECODERS[found](path, progress or silent()), path, up)
    except OSError as error:
        raise UnreadableCloud(
            f"{path.name} cannot be read: {error.strerror or error}.", "Check the name."
        ) from error
