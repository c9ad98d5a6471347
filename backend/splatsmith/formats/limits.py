"""Limits that are checked before anything is decoded: a small file must not fill the memory.

Splat data is noise to a compressor: real files shrink by 2 to 10. What unpacks to far more than it
is was made to.
"""

from __future__ import annotations

from pathlib import Path

from ..contract.problems import UnreadableCloud

MAX_GAUSSIANS = 200_000_000
EXPANSION = 100  # decoded bytes for each byte of the file, at most
FREE_BYTES = 32 * 2**20  # that any file may unpack to


def check_count(path: Path, count: int) -> None:
    """Refuse a number of Gaussians that no file has.

    Raises:
        UnreadableCloud: it is 0, negative or absurd.
    """
    if count <= 0:
        raise UnreadableCloud(f"{path.name} holds no Gaussians.", "Choose another file.")
    if count > MAX_GAUSSIANS:
        raise UnreadableCloud(
            f"{path.name} claims to hold {count:,} Gaussians.",
            f"The most that can be read are {MAX_GAUSSIANS:,}.",
        )


def check_expansion(path: Path, decoded_bytes: int, file_bytes: int) -> None:
    """Refuse a file that would unpack to far more than a splat file can.

    Raises:
        UnreadableCloud: it would.
    """
    if decoded_bytes > max(FREE_BYTES, EXPANSION * file_bytes):
        raise UnreadableCloud(
            f"{path.name} has {file_bytes:,} bytes and would unpack to {decoded_bytes:,}.",
            "No splat file does that; it is damaged, or meant to fill the memory.",
        )


def damaged(path: Path, what: str) -> UnreadableCloud:
    """`path` is damaged: "it ..."."""
    return UnreadableCloud(f"{path.name} is damaged: {what}.", "Copy or export it again.")


def cut_off(path: Path) -> UnreadableCloud:
    return UnreadableCloud(
        f"{path.name} is cut off: it ends before its last Gaussian.", "Copy or export it again."
    )
