"""Tensors of a file matched with the key lists of a checkpoint, strictly."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cache
from importlib import resources
from itertools import islice

from ..contract.tensor_layouts import KeyList, TensorLayout

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]
ShapePattern = tuple[int | None, ...]  # None stands for any number

NAMES_SHOWN = 3


@dataclass(frozen=True)
class LayoutMatch:
    """The comparison of a file's tensors with a layout.

    stored_names: of the matching tensors, the name to store each under, by its name in the file.
    missing: names in the file that the layout wants. unknown: names that it neither has nor drops.
    misshapen: (name in the file, shape there, shape wanted).
    """

    stored_names: Mapping[str, str]
    missing: tuple[str, ...]
    unknown: tuple[str, ...]
    misshapen: tuple[tuple[str, Shape, ShapePattern], ...]

    @property
    def difference_count(self) -> int:
        return len(self.missing) + len(self.unknown) + len(self.misshapen)

    @property
    def difference(self) -> str:
        """Differences, with counts and the first names; empty if there are none."""
        shapes = [f"{n}: {format_shape(a)}, not {format_shape(b)}" for n, a, b in self.misshapen]
        found = (
            _counted(self.missing, "is missing", "are missing"),
            _counted(self.unknown, "is not known", "are not known"),
            _counted(shapes, "has another shape", "have another shape"),
        )
        return "; ".join(filter(None, found))


def read_key_list(resource: str) -> Mapping[str, ShapePattern]:
    """Names and shapes out of a key list's resource, "package:path"; read once.

    Raises:
        ValueError, OSError: the package has no such resource, or it is no key list.
    """
    return _read_key_list(resource)


def match_layout(shapes: Shapes, layout: TensorLayout, others: Iterable[str] = ()) -> LayoutMatch:
    """Match the tensors of a file, by name and shape, with all key lists of `layout`.

    others: names of what is no tensor in it, which are unknown if they are not dropped.
    """
    container = _container_in(shapes, layout)
    inside = {n.removeprefix(container): s for n, s in shapes.items() if n.startswith(container)}
    match = _match(inside, layout)
    surplus = [n.removeprefix(container) for n in others if n.startswith(container)]
    unknown = [n for n in (*match.unknown, *surplus) if not is_dropped(n, layout)]
    stored = {f"{container}{found}": name for found, name in match.stored_names.items()}
    return replace(match, stored_names=stored, unknown=tuple(unknown))


def is_dropped(name: str, layout: TensorLayout) -> bool:
    """Whether the layout leaves this tensor out on purpose."""
    return any(fnmatchcase(name, pattern) for pattern in layout.dropped)


def _is_optional(name: str, layout: TensorLayout) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in layout.optional)


def _container_in(shapes: Shapes, layout: TensorLayout) -> str:
    """The prefix of the names in the container that a pickle has, see PickleContent."""
    for container in layout.containers:
        if any(name.startswith(f"{container}/") for name in shapes):
            return f"{container}/"
    return ""


def _match(shapes: Shapes, layout: TensorLayout) -> LayoutMatch:
    stored: dict[str, str] = {}
    missing: list[str] = []
    misshapen: list[tuple[str, Shape, ShapePattern]] = []
    for key_list in layout.key_lists:
        expected = read_key_list(key_list.resource)
        prefix = _prefix_in(shapes, key_list, expected)
        if key_list.marker and f"{prefix}{key_list.marker}" not in shapes:
            continue
        for name, shape in expected.items():
            found = f"{prefix}{name}"
            if found not in shapes:
                missing.append(found)
            elif not _fits(shapes[found], shape):
                misshapen.append((found, shapes[found], shape))
            else:
                stored[found] = f"{key_list.stored_prefix}{name}"
    known = {*stored, *(name for name, _, _ in misshapen)}
    stored |= {name: name for name in shapes if name not in known and _is_optional(name, layout)}
    unknown = [name for name in shapes if name not in known and name not in stored]
    return LayoutMatch(stored, tuple(missing), tuple(unknown), tuple(misshapen))


def format_shape(shape: Iterable[int | None]) -> str:
    """As sentences give it: 320 x 10 x 3 x 3."""
    return " x ".join("any" if n is None else str(n) for n in shape) or "a single number"


def _fits(shape: Shape, pattern: ShapePattern) -> bool:
    return len(shape) == len(pattern) and all(
        wanted in (found, None) for found, wanted in zip(shape, pattern, strict=True)
    )


def _prefix_in(shapes: Shapes, key_list: KeyList, expected: Iterable[str]) -> str:
    """The prefix under which a published file has the network; a converted one has its own."""
    for prefix in key_list.prefixes:
        if any(f"{prefix}{name}" in shapes for name in expected):
            return prefix
    return key_list.stored_prefix


def _counted(names: Iterable[str], one: str, many: str) -> str:
    found = list(names)
    if not found:
        return ""
    shown = ", ".join(islice(found, NAMES_SHOWN))
    more = f" and {len(found) - NAMES_SHOWN:,} more" if len(found) > NAMES_SHOWN else ""
    return f"{len(found):,} {one if len(found) == 1 else many} ({shown}{more})"


@cache
def _read_key_list(resource: str) -> Mapping[str, ShapePattern]:
    package, _, path = resource.partition(":")
    content = resources.files(package).joinpath(path).read_bytes()
    keys = json.loads(gzip.decompress(content))["keys"]
    return {name: tuple(shape) for name, shape in keys.items()}
