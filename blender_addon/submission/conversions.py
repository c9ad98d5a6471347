"""New jobs that convert splat files: on their way into the scene, or out of it."""

from __future__ import annotations

from pathlib import Path

from ..contract.protocol import ConvertRequest
from ..contract.splat_formats import TRAITS, SplatFormat, format_of_name
from ..contract.up_axis import UpAxis
from ..exporting.export_plan import ExportPlan
from ..exporting.splat_source import SplatSource
from ..importing.import_plan import ImportPlan
from ..importing.placement import Placement
from ..link.tracked_job import Attachments, TrackedJob, new_job
from ..link.upload_packing import SOG_META

_WITHOUT_MAGIC = (SplatFormat.SPLAT, SplatFormat.KSPLAT)


def import_job(path: Path, name: str, placement: Placement, up: UpAxis | None) -> TrackedJob:
    """The conversion of a splat file to PLY, which is imported at `placement`."""
    named = format_of_name(path.name)
    hint = named if named in _WITHOUT_MAGIC else None  # all others are told by content
    request = ConvertRequest(
        (), SplatFormat.PLY, up=up, source_format=hint, name=name or _title_of(path)
    )
    return new_job(request, Attachments(file=path), ImportPlan(placement))


def _title_of(path: Path) -> str:
    """The name of a file without its suffix; of a SOG asset's meta.json, that of its folder."""
    if path.name.lower() == SOG_META:
        return path.parent.name
    found = format_of_name(path.name)
    endings = TRAITS[found].suffixes if found else (path.suffix,)
    ending = max((each for each in endings if path.name.lower().endswith(each)), key=len)
    return path.name[: len(path.name) - len(ending)] or path.name


def export_job(source: SplatSource, path: Path, file_format: SplatFormat, up: UpAxis) -> TrackedJob:
    """The conversion of the scene's splats, with Y up in `source`, to the file `path`."""
    request = ConvertRequest((), file_format, up=source.up, target_up=up, name=path.name)
    plan = ExportPlan(path, source.count, (*source.notes, *_origin_notes(source, file_format)))
    return new_job(request, Attachments(cloud=source.cloud), plan)


def _origin_notes(source: SplatSource, file_format: SplatFormat) -> tuple[str, ...]:
    if source.origin is None:
        return ()
    x, y, z = source.origin
    title = TRAITS[file_format].title
    return (
        f"{title} cannot hold positions this far from the origin: they are counted from "
        f"({x:.0f}, {y:.0f}, {z:.0f}).",
    )
