"""Path patterns of checkpoints, matched against the paths of a repository."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from ..contract.cards import CheckpointFile

ANY = "*"


def matches(path: str, pattern: str) -> bool:
    """Whether `path` matches `pattern`, whose `*` never crosses a slash."""
    parts, wanted = path.split("/"), pattern.split("/")
    return len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted))


def matching(paths: Iterable[str], file: CheckpointFile) -> list[str]:
    """The paths that `file` matches, sorted; where `*` stands for a folder, the last folder's."""
    found = sorted(path for path in paths if matches(path, file.path))
    if ANY not in folder_in(file.path):
        return found
    last = max(map(folder_in, found), default="")
    return [path for path in found if folder_in(path) == last]


def folder_in(path: str) -> str:
    """The folder of a path inside a repository."""
    return path.rpartition("/")[0]
