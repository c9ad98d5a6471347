"""An object's provenance, kept in its custom properties."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields

import bpy

_PREFIX = "splatsmith_"


@dataclass(frozen=True)
class Provenance:
    """How an object was made; each field is a custom property.

    request: its JSON text. product: splats, mesh or points.
    licence: the names of the checkpoints' licences. commercial_use: "allowed", "forbidden" or
        "unknown". Both are empty in files of older versions.
    """

    request: str = ""
    job: str = ""
    engine: str = ""
    product: str = ""
    licence: str = ""
    commercial_use: str = ""


def write_provenance(obj: bpy.types.Object, provenance: Provenance) -> None:
    """Store `provenance` in custom properties of `obj`."""
    for name, value in asdict(provenance).items():
        obj[_PREFIX + name] = value


def read_provenance(obj: bpy.types.Object) -> Provenance | None:
    """What `write_provenance` stored; None if `obj` is not from Splatsmith."""
    values = {field.name: obj.get(_PREFIX + field.name, "") for field in fields(Provenance)}
    is_ours = _PREFIX + "request" in obj and all(isinstance(v, str) for v in values.values())
    return Provenance(**values) if is_ours else None


def copy_provenance(source: bpy.types.Object, target: bpy.types.Object) -> None:
    """Copy the provenance of `source`, if it has one, to `target`."""
    provenance = read_provenance(source)
    if provenance is not None:
        write_provenance(target, provenance)
