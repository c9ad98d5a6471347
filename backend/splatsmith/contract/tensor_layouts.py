"""Tensors of files of weights: signatures to recognise a file, and complete layouts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TensorSignature:
    """A tensor whose shape distinguishes the files of different checkpoints."""

    name: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class KeyList:
    """The names and shapes of all tensors of one network, as a resource of a package.

    resource: "package:path" of a gzipped JSON file with a member `keys`, {name: shape}, such as
        "splatsmith.engines.ivid:keys/uncond.json.gz"; null in a shape stands for any number.
    prefixes: what published files put before these names; the first that occurs is stripped.
    stored_prefix: what a converted file has before them.
    marker: one of the names; a file without it does not have this network, and need not. Empty:
        every file has it.
    """

    resource: str
    prefixes: tuple[str, ...] = ()
    stored_prefix: str = ""
    marker: str = ""


@dataclass(frozen=True)
class TensorLayout:
    """All tensors of a file, strictly: what is missing, unknown or of another shape is an error.

    dropped: patterns of names that are left out on purpose; `*` stands for anything.
    optional: patterns of names that may be there, and are then kept.
    containers: in a pickle, members that may hold the tensors, such as "state_dict"; the first
        that is there counts, and the file itself if none is.
    """

    key_lists: tuple[KeyList, ...]
    dropped: tuple[str, ...] = ()
    containers: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
