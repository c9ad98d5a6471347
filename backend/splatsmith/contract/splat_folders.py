"""The splat files in a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

SPLAT_SUFFIXES = (".ply",)


@dataclass(frozen=True)
class SplatFolder:
    """What was found in a folder, by name.

    left_out: files that are no splats, and hidden ones, such as those that macOS leaves on other
        file systems for each file ("._scan.ply").
    """

    files: tuple[Path, ...]
    left_out: tuple[Path, ...]

    @property
    def note(self) -> str:
        """A sentence on what was left out; empty if nothing was."""
        if not self.left_out:
            return ""
        others = f"{len(self.left_out):,} other file{'s' * (len(self.left_out) > 1)}"
        return f"Left out: {others}, such as {self.left_out[0].name}."


def find_splats(folder: Path) -> SplatFolder:
    """The splat files in `folder`, their suffixes in any case.

    Raises:
        OSError: the folder cannot be read.
    """
    present = sorted(path for path in folder.iterdir() if path.is_file())
    files = tuple(path for path in present if _is_splats(path))
    return SplatFolder(files, tuple(path for path in present if path not in files))


def _is_splats(path: Path) -> bool:
    return path.suffix.lower() in SPLAT_SUFFIXES and not path.name.startswith(".")
