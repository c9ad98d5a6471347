"""Path patterns of checkpoints, matched against the paths of a repository."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from ..contract.cards import Checkpoint, CheckpointFile

ANY = "*"
PICKLE_SUFFIXES = {".pt", ".pth", ".ckpt", ".bin"}
SAFETENSORS = ".safetensors"


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


def is_pickle(path: str) -> bool:
    """Whether a file of this name is pickled; only its content is proof."""
    return PurePosixPath(path).suffix in PICKLE_SUFFIXES


def has_pickles(checkpoint: Checkpoint) -> bool:
    """Whether any file of the checkpoint is published as a pickle."""
    return any(is_pickle(file.path) for file in checkpoint.files)


def stored_path(path: str) -> str:
    """The path, or pattern, of a published file once it is stored: that of safetensors."""
    return str(PurePosixPath(path).with_suffix(SAFETENSORS)) if is_pickle(path) else path


def matching_stored(paths: Iterable[str], file: CheckpointFile) -> list[str]:
    """As `matching`, among the paths of a record, where pickles are converted or still are not."""
    known = list(paths)
    return matching(known, replace(file, path=stored_path(file.path))) or matching(known, file)


def pattern_of(checkpoint: Checkpoint, path: str) -> CheckpointFile:
    """The checkpoint's pattern that the path matches."""
    return next(file for file in checkpoint.files if matching_stored([path], file))


def folder_in(path: str) -> str:
    """The folder of a path inside a repository."""
    return path.rpartition("/")[0]
