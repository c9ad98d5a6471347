"""Recognising checkpoints in a folder: by the layout of their repository, or a part of it, and by
the names and shapes of the tensors inside.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from ..contract.cards import Checkpoint, CheckpointFile
from ..errors import WeightsDamaged
from .integrity import read_shapes, signature_mismatch
from .patterns import ANY, folder_in, matches, matching

UNKNOWN_STEP = "0"  # stands in a path for a training step that a folder does not tell


@dataclass(frozen=True)
class Found:
    """A checkpoint in a folder: its files, by their paths in the repository.

    stripped: how many of the repository's folders are not there; the fewer, the surer.
    is_named: the repository's name, or a folder of its own, is in the files' paths.
    """

    checkpoint: Checkpoint
    files: dict[str, Path]
    stripped: int
    is_named: bool

    @property
    def sureness(self) -> tuple[bool, int]:
        return self.is_named, -self.stripped

    @property
    def weights(self) -> frozenset[Path]:
        """The files whose content tells what they are."""
        marked = [file for file in self.checkpoint.files if file.signatures]
        paths = [path for file in marked for path in matching(self.files, file)]
        return frozenset(self.files[path].resolve() for path in paths)


@dataclass(frozen=True)
class Search:
    """What was found, and sentences on what was nearly found."""

    found: tuple[Found, ...]
    doubts: tuple[str, ...]


def search(folder: Path, checkpoints: Sequence[Checkpoint]) -> Search:
    """Look for these checkpoints in `folder` and below."""
    paths = [path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.is_file()]
    found: list[Found] = []
    doubts: list[str] = []
    misplaced: set[Path] = set()  # weights that lie where those of another checkpoint belong
    for checkpoint in checkpoints:
        for candidate in _candidates(folder, paths, checkpoint):
            difference = _difference(candidate)
            if not difference:
                found.append(candidate)
                break
            if candidate.is_named:
                doubts.append(f"{difference}{_likeness(candidate, checkpoints)}.")
                misplaced |= candidate.weights
    trusted = [each for each in found if each.is_named or not each.weights & misplaced]
    sure, ambiguous = _surest(trusted)
    return Search(tuple(sure), (*doubts, *ambiguous))


def _candidates(folder: Path, paths: Sequence[Path], checkpoint: Checkpoint) -> list[Found]:
    """Where all patterns of a checkpoint have a file each, the surest first."""
    shared = _shared_folders(checkpoint)
    found = [
        candidate
        for count in range(len(shared) + 1)
        for candidate in _with_stripped(folder, paths, checkpoint, shared[:count])
    ]
    return sorted(found, key=lambda each: each.sureness, reverse=True)


def _with_stripped(
    folder: Path, paths: Sequence[Path], checkpoint: Checkpoint, lost: tuple[str, ...]
) -> Iterator[Found]:
    patterns = [
        replace(file, path="/".join(file.path.split("/")[len(lost) :])) for file in checkpoint.files
    ]
    below: dict[Path, set[str]] = defaultdict(set)
    for path in paths:
        for pattern in patterns:
            depth = pattern.path.count("/") + 1
            tail = "/".join(path.parts[-depth:])
            if matches(tail, pattern.path):
                below[Path(*path.parts[:-depth])].add(tail)
    for root, tails in below.items():
        chosen = {path for pattern in patterns for path in matching(tails, pattern)}
        if all(matching(tails, pattern) for pattern in patterns):
            start = [UNKNOWN_STEP if part == ANY else part for part in lost]
            files = {"/".join([*start, tail]): folder / root / tail for tail in sorted(chosen)}
            is_named = _is_named(folder / root, checkpoint) or bool(
                _shared_folders(checkpoint) and not lost
            )
            yield Found(checkpoint, files, len(lost), is_named)


def _shared_folders(checkpoint: Checkpoint) -> tuple[str, ...]:
    """The folders that all of its files lie in."""
    folders = [PurePosixPath(folder_in(file.path)).parts for file in checkpoint.files]
    shared: list[str] = []
    for parts in zip(*folders, strict=False):
        if len(set(parts)) > 1:
            break
        shared.append(parts[0])
    return tuple(shared)


def _is_named(root: Path, checkpoint: Checkpoint) -> bool:
    owner, name = checkpoint.repository.split("/")
    return bool({name, f"{owner}--{name}", f"models--{owner}--{name}"} & set(root.parts))


def _difference(candidate: Found) -> str:
    """What is wrong about the candidate's weights; empty if nothing is."""
    for file in candidate.checkpoint.files:
        if not file.signatures:
            continue
        paths = [candidate.files[path] for path in matching(candidate.files, file)]
        try:
            difference = signature_mismatch(read_shapes(paths), file)
        except WeightsDamaged as error:
            return error.detail.removesuffix(".")
        if difference:
            return f"{paths[0]} is not of {candidate.checkpoint.title}: {difference}"
    return ""


def _likeness(candidate: Found, checkpoints: Sequence[Checkpoint]) -> str:
    """Which other checkpoint the candidate's weights look like, as the end of a sentence."""
    try:
        shapes = read_shapes(candidate.weights)
    except WeightsDamaged:
        return ""
    for other in checkpoints:
        marked: list[CheckpointFile] = [file for file in other.files if file.signatures]
        if marked and not any(signature_mismatch(shapes, file) for file in marked):
            return f"; it looks like {other.title}"
    return ""


def _surest(found: Sequence[Found]) -> tuple[list[Found], list[str]]:
    """Each file for the checkpoint that it fits best; doubts where it fits two equally well."""
    sure: list[Found] = []
    doubts: list[str] = []
    for each in found:
        rivals = [o for o in found if o is not each and o.weights & each.weights]
        if any(rival.sureness > each.sureness for rival in rivals):
            continue
        if equals := [rival for rival in rivals if rival.sureness == each.sureness]:
            names = " or ".join(sorted(o.checkpoint.id for o in [each, *equals]))
            doubts.append(f"{min(each.weights)} may be of {names}: name the one that it is.")
        else:
            sure.append(each)
    return sure, sorted(set(doubts))
