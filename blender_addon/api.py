"""The scripting interface; the operators call nothing else.

    from bl_ext.user_default.splatsmith import api

    chair = api.generate("a wooden chair")
    boat = api.generate(picture="boat.png", placement=api.Placement(location=(2, 0, 0), size=0.5))
    api.batch("prompts.txt")
    statue = api.extract(bpy.context.object, extraction=api.ExtractionOptions(face_budget=50_000))
    scan = api.import_asset("scan.spz", placement=api.Placement(keep_place=True, size=None))
    api.export_asset([*scan.objects.values()], "scan.ply", up=api.UpAxis.Z)

Works in Blender's window, in `blender --background` and in the bpy module. The backend is started
on first use and ends with Blender. Call all of this on the main thread.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

import bpy

from . import splat_tools
from .active_session import POLL_SECONDS, configure, get_session, poll, shutdown
from .asset_marking import define_asset_catalogs, mark_as_asset
from .batches import BatchReport, BatchSubmission, batch, submit_batch, wait_for_asset
from .contract.cards import ConditionKind
from .contract.protocol import DownloadRequest, ExtractionOptions, GenerateRequest, Product
from .contract.up_axis import UpAxis
from .exporting.files import Export
from .file_exchange import (
    ImportReport,
    export_asset,
    import_asset,
    import_assets,
    submit_export,
    submit_import,
    wait_for_export,
)
from .importing.files import Asset, read_request
from .importing.import_plan import ImportPlan
from .importing.placement import Placement
from .importing.post_import import PostImport
from .job_control import (
    cancel,
    dismiss_problem,
    download,
    import_job,
    install,
    load_previews,
    planned_size,
    remove,
    result_folder,
    retry,
    snapshot,
    start,
    stop,
    submit_download,
)
from .link.settings import BackendSettings
from .link.uploaded_pictures import find_picture
from .online_access import default_settings
from .prompts import forget_prompts, list_prompts, remember_prompt
from .scene.control_map import ControlMap
from .scene.images import Picture
from .scene.native_splats import make_native
from .scene.quads import add_quads
from .scene.splat_join import join_splats
from .scene.splat_repair import repair_splats
from .scene.splat_transforms import Components, apply_transform
from .submission.generation_settings import GenerationSettings
from .submission.new_jobs import extraction_job, generation_job, sample_jobs
from .variations import repeat_with_new_seed, submit_variations

# What scripts use, beside the functions of this module.
__all__ = [
    "POLL_SECONDS",
    "Asset",
    "BackendSettings",
    "BatchReport",
    "BatchSubmission",
    "Components",
    "ConditionKind",
    "ControlMap",
    "DownloadRequest",
    "Export",
    "ExtractionOptions",
    "GenerationSettings",
    "ImportReport",
    "Placement",
    "PostImport",
    "Product",
    "UpAxis",
    "apply_transform",
    "batch",
    "cancel",
    "configure",
    "default_settings",
    "define_asset_catalogs",
    "dismiss_problem",
    "download",
    "export_asset",
    "forget_prompts",
    "import_asset",
    "import_assets",
    "import_job",
    "install",
    "join_splats",
    "list_prompts",
    "load_previews",
    "mark_as_asset",
    "planned_size",
    "poll",
    "read_request",
    "remember_prompt",
    "remove",
    "repair_splats",
    "repeat_with_new_seed",
    "result_folder",
    "retry",
    "shutdown",
    "snapshot",
    "splat_tools",
    "start",
    "stop",
    "submit_download",
    "submit_batch",
    "submit_export",
    "submit_import",
    "submit_variations",
    "wait_for_export",
]


DEFAULT_SETTINGS, DEFAULT_EXTRACTION = GenerationSettings(), ExtractionOptions()
AT_CURSOR, AS_IMPORTED = Placement(), PostImport()


def generate(
    prompt: str = "",
    picture: Picture | None = None,
    *,
    name: str = "",
    settings: GenerationSettings = DEFAULT_SETTINGS,
    placement: Placement = AT_CURSOR,
    post_import: PostImport = AS_IMPORTED,
) -> Asset:
    """Generate an asset, wait for it and import it. Ctrl+C cancels the job.

    Raises:
        SplatsmithError: the job failed; says why and what to do.
    """
    plan = ImportPlan(placement.resolve(), post_import)
    return wait_for(get_session().submit(generation_job(prompt, picture, name, settings, plan)))


def submit(
    prompt: str = "",
    picture: Picture | None = None,
    *,
    name: str = "",
    settings: GenerationSettings = DEFAULT_SETTINGS,
    placement: Placement = AT_CURSOR,
    post_import: PostImport = AS_IMPORTED,
) -> str:
    """Submit a generation and return its key at once, for `wait_for`.

    Without `wait_for`, `poll` imports it when it is done; the panel's timer calls that.

    Raises:
        InvalidRequest: a picture cannot be read, or the control map has no faces.
    """
    plan = ImportPlan(placement.resolve(), post_import)
    return get_session().submit(generation_job(prompt, picture, name, settings, plan))


def submit_samples(
    prompt: str = "",
    picture: Picture | None = None,
    *,
    name: str = "",
    settings: GenerationSettings = DEFAULT_SETTINGS,
    placement: Placement = AT_CURSOR,
    post_import: PostImport = AS_IMPORTED,
) -> list[str]:
    """As `submit`, with a job for each of the `samples` that the parameters ask for, in a grid.

    Returns their keys.

    Raises:
        InvalidRequest: a picture cannot be read, or the control map has no faces.
    """
    plan = ImportPlan(placement.resolve(), post_import)
    first = generation_job(prompt, picture, name, settings, plan)
    jobs = sample_jobs(first, placement, post_import)
    return [get_session().submit(job) for job in jobs]


def extract(
    splats: bpy.types.Object,
    products: Collection[Product] = (Product.MESH,),
    *,
    extraction: ExtractionOptions = DEFAULT_EXTRACTION,
    post_import: PostImport = AS_IMPORTED,
) -> Asset:
    """Extract a mesh or points from a splat object, from whatever program, and wait for them.

    They get the name and the transform that the splats have when the results arrive.

    Raises:
        SplatsmithError: the job failed; says why and what to do.
    """
    return wait_for(
        submit_extraction(splats, products, extraction=extraction, post_import=post_import)
    )


def submit_extraction(
    splats: bpy.types.Object,
    products: Collection[Product] = (Product.MESH,),
    *,
    extraction: ExtractionOptions = DEFAULT_EXTRACTION,
    post_import: PostImport = AS_IMPORTED,
) -> str:
    """Submit an extraction and return its key at once.

    Raises:
        NoSplats: the object has no splats, or is being edited.
    """
    return get_session().submit(extraction_job(splats, products, extraction, post_import))


def remesh_to_quads(mesh: bpy.types.Object, face_count: int = 0) -> bpy.types.Object:
    """Remesh a mesh object to about `face_count` quads with its colours, and hide it.

    A `face_count` of 0 is half the number of triangles. Takes some seconds.

    Raises:
        NoMesh: the object has no faces, or is being edited.
    """
    return add_quads(mesh, face_count)


def make_splats_native(objects: Iterable[bpy.types.Object]) -> list[bpy.types.Object]:
    """Turn splat objects of older files into those that Blender 5.3 and later draw themselves.

    Returns those that were changed; other objects are passed over.

    Raises:
        NotNative: this Blender is older, or an object cannot be changed; none is changed then.
    """
    return make_native(objects)


def wait_for(key: str) -> Asset:
    """Wait for the job `key` and import its results.

    Raises:
        SplatsmithError: the job failed; `Cancelled` if it was cancelled.
    """
    return wait_for_asset(key)


def find_pictures(request: GenerateRequest) -> dict[ConditionKind, Path]:
    """The files of the pictures in `request`, by role, as far as they were sent from here."""
    folder = get_session().settings.pictures
    found = {kind: find_picture(folder, upload) for kind, upload in request.pictures.items()}
    return {kind: path for kind, path in found.items() if path is not None}
