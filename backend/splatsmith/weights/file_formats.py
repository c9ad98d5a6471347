"""The format of a file of weights, by its content; suffixes are not reliable."""

from __future__ import annotations

import zipfile
from enum import Enum
from pathlib import Path

from ..errors import WeightsDamaged

ZIP_MAGIC = b"PK\x03\x04"
PROTOCOL_OPCODE = b"\x80"  # every pickle of protocol 2 or later begins with it
PICKLE_PROTOCOLS = (b"\x02", b"\x03", b"\x04", b"\x05")
HEADER_LENGTH_BYTES = 8


class WeightsFormat(Enum):
    SAFETENSORS = "safetensors"
    PICKLE = "pickle"  # what torch.save writes, in a zip archive or in its older, bare form


def weights_format(path: Path) -> WeightsFormat:
    """The format of the file at `path`.

    Raises:
        WeightsDamaged: neither; or a zip archive that torch.save would not have written.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        start = file.read(HEADER_LENGTH_BYTES + 1)
    if start.startswith(ZIP_MAGIC):
        _check_archive(path)
        return WeightsFormat.PICKLE
    if start[:1] == PROTOCOL_OPCODE and start[1:2] in PICKLE_PROTOCOLS:
        return WeightsFormat.PICKLE
    length = int.from_bytes(start[:HEADER_LENGTH_BYTES], "little")
    if start[HEADER_LENGTH_BYTES:] == b"{" and length < path.stat().st_size:
        return WeightsFormat.SAFETENSORS
    raise WeightsDamaged(
        f"{path} is neither a safetensors file nor a checkpoint of PyTorch.",
        "Choose the file that the training program wrote.",
    )


def _check_archive(path: Path) -> None:
    """Archives of torch.save store their members as they are: nothing in them grows when read."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, EOFError) as error:
        raise WeightsDamaged(
            f"{path} is cut off, or damaged ({error}).", "Copy or fetch it again."
        ) from error
    is_plain = all(member.compress_type == zipfile.ZIP_STORED for member in members)
    if not is_plain or sum(member.file_size for member in members) > path.stat().st_size:
        raise WeightsDamaged(
            f"{path} is a compressed archive, not a checkpoint of PyTorch.",
            "Choose the file that the training program wrote.",
        )
