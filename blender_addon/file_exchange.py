"""Import and export of files for scripts and operators; `api` hands these functions on.

Plain PLY and glTF meshes are read, and plain PLY is written, right here. All other splat formats go
through the backend: the file is uploaded, a job converts it, and what comes back is imported, or
put where the user wants it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import bpy

from .active_session import get_session, wait_for_end
from .contract.cloud import OnProgress, ignore_progress
from .contract.problems import SplatsmithError
from .contract.protocol import Product
from .contract.splat_formats import TRAITS, SplatFormat, format_to_write
from .contract.up_axis import UpAxis
from .exporting.files import Export, check_target, write_ply
from .exporting.splat_source import copy_splats
from .importing.file_kinds import is_read_here
from .importing.files import Asset, find_files, import_files
from .importing.placement import Placement, placements_of_files
from .link.backend import Backend
from .submission.conversions import export_job, import_job

AT_CURSOR = Placement()


class BackendNotInstalled(SplatsmithError):
    """Raised when a file's format needs the backend, and that is not installed."""

    code = "backend-not-installed"
    title = "The backend is not installed"
    status = 503


@dataclass(frozen=True)
class ImportReport:
    """What became of several files.

    assets: those that are in the scene.
    keys: of the jobs that convert the others, by file; `wait_for` imports what they make.
    failures: by file.
    ignored: files that were left out, since their names begin with ".".
    """

    assets: tuple[Asset, ...]
    keys: Mapping[Path, str]
    failures: Mapping[Path, SplatsmithError]
    ignored: tuple[Path, ...]


def import_asset(
    source: Path | str,
    *,
    name: str = "",
    placement: Placement = AT_CURSOR,
    up: UpAxis | None = None,
) -> Asset:
    """Import a folder of results, or a single file of splats, points or a mesh, and wait for it.

    Splats in other formats than PLY are converted by the backend first, which is started for that.

    Args:
        up: which axis of a splat file points up; None is what the file says, or Y.

    Raises:
        SplatsmithError: there is nothing to import, it cannot be read, or its format needs the
            backend and that is not installed.
    """
    found = submit_import(source, name=name, placement=placement, up=up)
    if isinstance(found, Asset):
        return found
    asset = wait_for_end(found).asset
    assert isinstance(asset, Asset)
    return asset


def submit_import(
    source: Path | str,
    *,
    name: str = "",
    placement: Placement = AT_CURSOR,
    up: UpAxis | None = None,
) -> Asset | str:
    """As `import_asset`, but return at once: the asset, or the key of the job that converts it.

    Raises:
        SplatsmithError: as in `import_asset`.
    """
    path = _absolute(source)
    if path.is_dir() or not path.exists() or is_read_here(path):
        files = replace(find_files(path, name), up=up)
        return import_files(files, tuple(Product), placement)
    _check_backend(path)
    return get_session().submit(import_job(path, name, placement.resolve(), up))


def import_assets(
    sources: Iterable[Path | str], *, placement: Placement = AT_CURSOR, up: UpAxis | None = None
) -> ImportReport:
    """Import several files, in a grid if they all get one size; a failing one stops no other.

    Files whose names begin with "." are left out: other systems keep their own notes in them.
    """
    paths = list(dict.fromkeys(_absolute(source) for source in sources))
    ignored = tuple(path for path in paths if path.name.startswith("."))
    chosen = [path for path in paths if path not in ignored]
    assets: list[Asset] = []
    keys: dict[Path, str] = {}
    failures: dict[Path, SplatsmithError] = {}
    for path, place in zip(chosen, placements_of_files(len(chosen), placement), strict=True):
        try:
            found = submit_import(path, placement=place, up=up)
        except SplatsmithError as error:
            failures[path] = error
            continue
        if isinstance(found, Asset):
            assets.append(found)
        else:
            keys[path] = found
    return ImportReport(tuple(assets), keys, failures, ignored)


def export_asset(
    objects: Collection[bpy.types.Object],
    path: Path | str,
    *,
    up: UpAxis = UpAxis.Y,
    on_progress: OnProgress = ignore_progress,
) -> Export:
    """Write splat objects, as they are in the scene, to one file, and wait for it.

    Each object's transform is written into its splats. The suffix says the format: PLY is written
    here, all others by the backend. Objects without splats are left out, which a note says.

    Args:
        up: which axis of the file points up, where its format does not fix that.
        on_progress: told the share of a PLY file that is written; an error that it raises ends the
            export.

    Raises:
        SplatsmithError: none of the objects has splats, one is being edited or flat, the file
            cannot be written, or its format needs the backend and that is not installed.
    """
    result = submit_export(objects, path, up=up, on_progress=on_progress)
    return result if isinstance(result, Export) else wait_for_export(result)


def submit_export(
    objects: Collection[bpy.types.Object],
    path: Path | str,
    *,
    up: UpAxis = UpAxis.Y,
    on_progress: OnProgress = ignore_progress,
) -> Export | str:
    """As `export_asset`, but return at once: what was written, or a key for `wait_for_export`.

    The splats are copied before it returns: what happens to the objects afterwards does not matter.

    Raises:
        SplatsmithError: as in `export_asset`.
    """
    target = _absolute(path)
    file_format = format_to_write(target.name)
    check_target(target)
    if file_format is SplatFormat.PLY:
        return write_ply(copy_splats(objects, up), target, on_progress)
    _check_backend(target)
    if TRAITS[file_format].says_up:
        up = UpAxis.Y
    return get_session().submit(export_job(copy_splats(objects), target, file_format, up))


def wait_for_export(key: str) -> Export:
    """Wait for the export `key` and put its file in place.

    Raises:
        SplatsmithError: it failed; `Cancelled` if it was cancelled.
    """
    export = wait_for_end(key).asset
    if not isinstance(export, Export):
        raise TypeError(f"The job {key!r} is no export.")
    return export


def _absolute(path: Path | str) -> Path:
    return Path(bpy.path.abspath(str(path)))


def _check_backend(path: Path) -> None:
    if not Backend(get_session().settings).is_installed:
        raise BackendNotInstalled(
            f"{path.name} is no plain PLY file: it needs the backend, which is not installed.",
            "Press Install in the Splatsmith panel, or use a plain PLY file.",
        )
