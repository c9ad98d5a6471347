"""Discovery of checkpoints in a folder: by the layout of their repository, or a part of it, and by
the names and shapes of the tensors inside.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from ..contract.cards import Checkpoint, CheckpointFile
from ..errors import WeightsDamaged
from .file_formats import WeightsFormat, weights_format
from .integrity import read_shapes, tensor_mismatch
from .path_patterns import ANY, folder_in, matches, matching_stored, stored_path

UNKNOWN_STEP = "0"  # in a path, for a training step that the layout does not give


@dataclass(frozen=True)
class DiscoveredCheckpoint:
    """A checkpoint in a folder: its files, by their paths in the repository.

    missing_levels: how many of the repository's leading folders the paths lack.
    is_named: the paths contain the repository's name, or its own leading folders.
    """

    checkpoint: Checkpoint
    files: dict[str, Path]
    missing_levels: int
    is_named: bool

    @property
    def confidence(self) -> tuple[bool, int]:
        return self.is_named, -self.missing_levels

    @property
    def weights(self) -> frozenset[Path]:
        """The files of weights, as real paths."""
        signed = [file for file in self.checkpoint.files if file.has_weights]
        paths = [path for file in signed for path in matching_stored(self.files, file)]
        return frozenset(self.files[path].resolve() for path in paths)


@dataclass(frozen=True)
class Discovery:
    """Discovered checkpoints; `warnings` are sentences on what was left out."""

    checkpoints: tuple[DiscoveredCheckpoint, ...]
    warnings: tuple[str, ...]


def discover(folder: Path, checkpoints: Sequence[Checkpoint]) -> Discovery:
    """Find these checkpoints in `folder` and its subfolders."""
    paths = [path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.is_file()]
    found: list[DiscoveredCheckpoint] = []
    warnings: list[str] = []
    misplaced: set[Path] = set()  # weights at the path of a checkpoint that they are not of
    for checkpoint in checkpoints:
        for candidate in _candidates(folder, paths, checkpoint):
            mismatch = _find_mismatch(candidate)
            if not mismatch:
                found.append(candidate)
                break
            if candidate.is_named:
                warnings.append(f"{mismatch}{_resemblance(candidate, checkpoints)}.")
                misplaced |= candidate.weights
    trusted = [each for each in found if each.is_named or not each.weights & misplaced]
    chosen, ambiguities = _resolve_conflicts(trusted)
    return Discovery(tuple(chosen), (*warnings, *ambiguities))


def _candidates(
    folder: Path, paths: Sequence[Path], checkpoint: Checkpoint
) -> list[DiscoveredCheckpoint]:
    """The places that have a file for each pattern of a checkpoint, the most confident first."""
    shared = _shared_folders(checkpoint)
    found = [
        candidate
        for count in range(len(shared) + 1)
        for candidate in _candidates_without(folder, paths, checkpoint, shared[:count])
    ]
    return sorted(found, key=lambda each: each.confidence, reverse=True)


def _candidates_without(
    folder: Path, paths: Sequence[Path], checkpoint: Checkpoint, prefix: tuple[str, ...]
) -> Iterator[DiscoveredCheckpoint]:
    patterns = [
        replace(file, path="/".join(file.path.split("/")[len(prefix) :]))
        for file in checkpoint.files
    ]
    below: dict[Path, set[str]] = defaultdict(set)
    for path in paths:
        for pattern in patterns:
            depth = pattern.path.count("/") + 1
            tail = "/".join(path.parts[-depth:])
            if matches(tail, pattern.path) or matches(tail, stored_path(pattern.path)):
                below[Path(*path.parts[:-depth])].add(tail)
    for root, tails in below.items():
        chosen = {path for pattern in patterns for path in matching_stored(tails, pattern)}
        if all(matching_stored(tails, pattern) for pattern in patterns):
            start = [UNKNOWN_STEP if part == ANY else part for part in prefix]
            files = {"/".join([*start, tail]): folder / root / tail for tail in sorted(chosen)}
            is_named = _is_named(folder / root, checkpoint) or bool(
                _shared_folders(checkpoint) and not prefix
            )
            yield DiscoveredCheckpoint(checkpoint, files, len(prefix), is_named)


def _shared_folders(checkpoint: Checkpoint) -> tuple[str, ...]:
    """The leading folders that all of its files share."""
    folders = [PurePosixPath(folder_in(file.path)).parts for file in checkpoint.files]
    shared: list[str] = []
    for parts in zip(*folders, strict=False):
        if len(set(parts)) > 1:
            break
        shared.append(parts[0])
    return tuple(shared)


def _is_named(root: Path, checkpoint: Checkpoint) -> bool:
    owner, _, name = checkpoint.repository.partition("/")
    folders = {name, f"{owner}--{name}", f"models--{owner}--{name}"}
    return bool(name) and not folders.isdisjoint(root.parts)


def _find_mismatch(candidate: DiscoveredCheckpoint) -> str:
    """How the candidate's tensors differ from the signatures, in words; empty if they match."""
    for file in candidate.checkpoint.files:
        if not file.has_weights:
            continue
        paths = [candidate.files[path] for path in matching_stored(candidate.files, file)]
        try:
            if any(weights_format(path) is WeightsFormat.PICKLE for path in paths):
                continue  # compared when it is converted
            mismatch = tensor_mismatch(read_shapes(paths), file)
        except WeightsDamaged as error:
            return error.detail.removesuffix(".")
        if mismatch:
            return f"{paths[0]} is not of {candidate.checkpoint.title}: {mismatch}"
    return ""


def _resemblance(candidate: DiscoveredCheckpoint, checkpoints: Sequence[Checkpoint]) -> str:
    """The checkpoint whose signatures the candidate matches, as the end of a sentence."""
    try:
        shapes = read_shapes(candidate.weights)
    except WeightsDamaged:
        return ""
    for other in checkpoints:
        signed: list[CheckpointFile] = [file for file in other.files if file.has_weights]
        if signed and not any(tensor_mismatch(shapes, file) for file in signed):
            return f"; it looks like {other.title}"
    return ""


def _resolve_conflicts(
    found: Sequence[DiscoveredCheckpoint],
) -> tuple[list[DiscoveredCheckpoint], list[str]]:
    """Each file for the checkpoint that it fits best; warnings where it fits two equally well."""
    chosen: list[DiscoveredCheckpoint] = []
    warnings: list[str] = []
    for each in found:
        competitors = [o for o in found if o is not each and o.weights & each.weights]
        if any(other.confidence > each.confidence for other in competitors):
            continue
        if equals := [o for o in competitors if o.confidence == each.confidence]:
            names = " or ".join(sorted(o.checkpoint.id for o in [each, *equals]))
            warnings.append(f"{min(each.weights)} may be of {names}: name the one that it is.")
        else:
            chosen.append(each)
    return chosen, sorted(set(warnings))
