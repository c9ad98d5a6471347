"""New jobs: a request, what is uploaded with it, and the plan of its import."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

import bpy

from ..contract.batches import BatchItem
from ..contract.cards import ConditionKind
from ..contract.jsonable import to_json
from ..contract.problems import InvalidRequest, SplatsmithError
from ..contract.protocol import (
    ConvertRequest,
    ExtractionOptions,
    ExtractRequest,
    GenerateRequest,
    Product,
)
from ..contract.splat_formats import SplatFormat
from ..contract.wire import AnyRequest
from ..exporting.export_plan import ExportPlan, export_from_members
from ..importing.files import asset_title, read_request
from ..importing.import_plan import ImportPlan, plan_from_members
from ..importing.placement import Placement, grid_placements
from ..importing.post_import import PostImport
from ..link.tracked_job import NOTHING, Attachments, TrackedJob, new_job
from ..scene.images import Picture, picture_file, picture_name
from ..scene.provenance import Provenance, read_provenance
from ..scene.splats import cloud_from_attributes, copy_splat_attributes
from ..scene.transform_snapshot import snapshot_transform
from .generation_settings import GenerationSettings

_IMPORTED = SplatFormat.PLY  # what files of other formats are converted to on their way in


def generation_job(
    prompt: str,
    picture: Picture | None,
    name: str,
    settings: GenerationSettings,
    plan: ImportPlan,
) -> TrackedJob:
    """A generation. Without a name, its asset is called like the prompt, the class or the picture.

    Raises:
        InvalidRequest: a picture cannot be read, or the control map has no faces.
    """
    request = GenerateRequest(
        prompt=prompt,
        engine=settings.engine,
        variant=settings.variant,
        parameters=dict(settings.parameters),
        products=settings.products,
        extraction=settings.extraction,
        name=name or ("" if prompt.strip() or settings.class_label else picture_name(picture)),
        turntables=settings.turntables,
        class_label=settings.class_label,
    )
    image = {} if picture is None else {ConditionKind.IMAGE: picture_file(picture)}
    return new_job(request, Attachments(image | settings.control_pictures()), plan)


def sample_jobs(
    first: TrackedJob, placement: Placement, post_import: PostImport
) -> list[TrackedJob]:
    """A job for each of the samples that a generation asks for, in a grid; else `first` alone."""
    if not isinstance(first.request, GenerateRequest):
        return [first]
    requests = first.request.for_each_sample()
    if len(requests) == 1:
        return [first]
    places = grid_placements(len(requests), placement)
    return [
        new_job(request, first.attachments or NOTHING, ImportPlan(place, post_import))
        for request, place in zip(requests, places, strict=True)
    ]


def extraction_job(
    splats: bpy.types.Object,
    products: Collection[Product],
    extraction: ExtractionOptions,
    post_import: PostImport,
) -> TrackedJob:
    """An extraction from a splat object.

    Raises:
        NoSplats: the object has no splats, or is being edited.
    """
    attributes = copy_splat_attributes(splats)
    request = ExtractRequest("", tuple(products), extraction, asset_title(splats.name))
    attachments = Attachments(cloud=lambda: cloud_from_attributes(attributes))
    provenance = _extracted_provenance(splats, extraction)
    return new_job(
        request, attachments, ImportPlan(snapshot_transform(splats), post_import, provenance)
    )


def batch_jobs(
    items: Sequence[BatchItem],
    settings: GenerationSettings,
    placement: Placement,
    post_import: PostImport,
) -> Iterator[tuple[str, TrackedJob | SplatsmithError]]:
    """A generation for each item, in a grid, by the item's name; or why there is none."""
    for item, place in zip(items, grid_placements(len(items), placement), strict=True):
        try:
            yield item.name, _item_job(item, settings, ImportPlan(place, post_import))
        except SplatsmithError as error:
            yield item.name, error


def repeated_job(job: TrackedJob) -> TrackedJob:
    """A new job with the request and the plan of `job`.

    Raises:
        InvalidRequest: another version of Splatsmith submitted it, or it is an export of another
            session.
    """
    if job.request is None:
        raise InvalidRequest("Another version of Splatsmith made this job.", "Submit a new one.")
    return new_job(job.request, job.attachments or NOTHING, _repeated_plan(job, job.request))


def plan_of(job: TrackedJob) -> ImportPlan:
    """The plan that a job was submitted with, by whichever session; without one, at the cursor."""
    if isinstance(job.import_plan, ImportPlan):
        return job.import_plan
    return plan_from_members(job.status.client_data) or ImportPlan(Placement().resolve())


def _repeated_plan(job: TrackedJob, request: AnyRequest) -> ImportPlan | ExportPlan:
    is_export = isinstance(request, ConvertRequest) and request.format is not _IMPORTED
    if not is_export:
        return plan_of(job)
    if isinstance(job.import_plan, ExportPlan):
        return job.import_plan
    plan = export_from_members(job.status.client_data)
    if plan is None:
        raise InvalidRequest("Another Blender wanted this file.", "Export the splats again.")
    return plan


def _item_job(item: BatchItem, settings: GenerationSettings, plan: ImportPlan) -> TrackedJob:
    """The item's own control maps and class replace those of `settings`."""
    maps = dict(item.pictures)
    picture = maps.pop(ConditionKind.IMAGE, None)
    own = replace(settings, parameters={**settings.parameters, **item.parameters})
    if maps:
        own = replace(own, control_map=None, maps=maps)
    if item.class_label:
        own = replace(own, class_label=item.class_label)
    return generation_job(item.prompt, picture, item.name, own, plan)


def _extracted_provenance(
    splats: bpy.types.Object, extraction: ExtractionOptions
) -> Provenance | None:
    """The provenance of what is extracted from `splats`, if these were generated."""
    provenance = read_provenance(splats)
    request = read_request(splats)
    if provenance is None or request is None or not isinstance(request, GenerateRequest):
        return None
    text = json.dumps(to_json(replace(request, extraction=extraction)), ensure_ascii=False)
    return replace(provenance, request=text)
