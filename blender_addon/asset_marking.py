"""Objects that Splatsmith made as assets; `api` hands these functions on."""

from __future__ import annotations

from pathlib import Path

import bpy

from .active_session import get_session
from .contract.artifacts import PREVIEW
from .contract.problems import SplatsmithError
from .contract.protocol import ExtractRequest, GenerateRequest
from .importing.files import read_request
from .scene.asset_browser import AssetDetails, add_to_asset_browser
from .scene.asset_catalogs import Catalog, catalog_file, define_catalog, engine_catalog
from .scene.provenance import Provenance, read_provenance

AUTHOR = "Splatsmith"


def mark_as_asset(obj: bpy.types.Object, author: str = "") -> tuple[str, ...]:
    """Add `obj` to the asset browser, with what is known of how it was made.

    The prompt becomes its description, the job's picture its preview, the engine its catalog, the
    checkpoints' licences its licence; without an `author` it is by Splatsmith.

    Returns sentences for the user: why its catalog is not seen yet.
    """
    provenance = read_provenance(obj) or Provenance()
    request = read_request(obj)
    catalog = _catalog_of(obj)
    add_to_asset_browser(
        obj,
        AssetDetails(
            description=_description(request),
            author=author or AUTHOR,
            licence=_licence(provenance),
            tags=_tags(provenance, request),
            catalog=catalog.id if catalog else "",
            preview=_find_preview(provenance.job),
        ),
    )
    return _define([catalog] if catalog else [])


def define_asset_catalogs() -> tuple[str, ...]:
    """Have the open file's folder or asset library know the catalogs of the file's assets.

    Returns sentences for the user: why they are not seen yet.
    """
    return _define(_used_catalogs())


def _define(catalogs: list[Catalog]) -> tuple[str, ...]:
    file = catalog_file()
    if file is None:
        return tuple(f"Save the file, and its catalog {c.path} is made too." for c in catalogs)
    try:
        for catalog in catalogs:
            define_catalog(file, catalog)
    except SplatsmithError as error:
        return (str(error),)
    return ()


def _used_catalogs() -> list[Catalog]:
    """Those of the file's own objects that were marked here, each once."""
    marked = (obj for obj in bpy.data.objects if obj.asset_data and obj.library is None)
    found = ((obj, _catalog_of(obj)) for obj in marked)
    used = {c.id: c for obj, c in found if c and obj.asset_data.catalog_id == c.id}
    return list(used.values())


def _catalog_of(obj: bpy.types.Object) -> Catalog | None:
    """That of the engine, under its title where the backend has said it."""
    provenance = read_provenance(obj)
    if provenance is None or not provenance.engine:
        return None
    cards = get_session().snapshot.engines
    titles = {card.id: card.title for card in cards}
    engine = provenance.engine
    return engine_catalog(engine, titles.get(engine, engine.capitalize()))


def _find_preview(job: str) -> Path | None:
    """The job's picture, also of a job that is in no list any more."""
    session = get_session()
    known = session.tracker.find(job)
    if known is not None and known.preview is not None:
        return known.preview
    kept = session.settings.results / job / PREVIEW
    return kept if job.isalnum() and kept.is_file() else None


def _description(request: GenerateRequest | ExtractRequest | None) -> str:
    if isinstance(request, GenerateRequest):
        return request.prompt or request.title
    return request.title if request else ""


def _licence(provenance: Provenance) -> str:
    if not provenance.commercial_use:
        return provenance.licence
    return f"{provenance.licence}; commercial use: {provenance.commercial_use}"


def _tags(
    provenance: Provenance, request: GenerateRequest | ExtractRequest | None
) -> tuple[str, ...]:
    label = request.class_label if isinstance(request, GenerateRequest) else ""
    tags = (AUTHOR, provenance.engine, provenance.product, label)
    return tuple(tag for tag in tags if tag)
