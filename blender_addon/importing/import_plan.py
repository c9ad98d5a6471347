"""What is done with a job's results, and the import that does it."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ..contract.artifacts import SPLATS
from ..contract.jsonable import from_json, to_json
from ..contract.problems import InvalidRequest, SplatsmithError
from ..contract.protocol import ConvertRequest, ExtractRequest, GenerateRequest, JobStatus, Product
from ..link.tracked_job import TrackedJob
from ..scene.provenance import Provenance
from ..scene.transform_snapshot import (
    TransformSnapshot,
    snapshot_from_members,
    snapshot_members,
)
from .files import Asset, AssetFiles, find_files, import_files, import_with_transform
from .placement import Placement
from .post_import import PostImport, apply_post_import

PLAN_MEMBER = "import"  # of a job's client data

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ImportPlan:
    """What is done with a job's results; decided when the job is submitted, and kept with it.

    target: where they are put; for an extraction, the transform of its splats.
    provenance: of the splats of an extraction, if Splatsmith made them.
    """

    target: Placement | TransformSnapshot
    post_import: PostImport = PostImport()
    provenance: Provenance | None = None

    def to_members(self) -> dict[str, object]:
        """This plan as JSON members, for `plan_from_members` in another session."""
        target = self.target
        is_placed = isinstance(target, Placement)
        record = _PlanRecord(
            target if is_placed else None,
            None if is_placed else snapshot_members(target),
            self.post_import,
            self.provenance,
        )
        members = to_json(record)
        assert isinstance(members, dict)
        return {PLAN_MEMBER: members}

    def at_cursor(self) -> ImportPlan:
        """The same at the 3D cursor's present location; an extraction stays with its splats."""
        if isinstance(self.target, TransformSnapshot):
            return self
        return replace(self, target=replace(self.target, location=None).resolve())

    def at(self, location: tuple[float, float, float]) -> ImportPlan:
        """The same, standing exactly there; an extraction in the size of its splats."""
        if isinstance(self.target, TransformSnapshot):
            return replace(self, target=Placement(location, size=None))
        placement = replace(self.target, location=location, keep_place=False, clear=False)
        return replace(self, target=placement)


@dataclass(frozen=True)
class _PlanRecord:
    """An `ImportPlan` in JSON's types. `transform`: of the splats of an extraction."""

    placement: Placement | None
    transform: dict[str, object] | None
    post_import: PostImport
    provenance: Provenance | None


def plan_from_members(members: Mapping[str, object]) -> ImportPlan | None:
    """The plan that `ImportPlan.to_members` wrote; None if there is none, or of another version."""
    try:
        record = from_json(_PlanRecord, members[PLAN_MEMBER], "plan")
    except (KeyError, InvalidRequest):
        return None
    target = record.placement
    if record.transform is not None:
        target = snapshot_from_members(record.transform)
    if target is None:
        return None
    return ImportPlan(target, record.post_import, record.provenance)


class ImportFailed(SplatsmithError):
    """Raised when results cannot be imported for a reason that nobody foresaw."""

    code = "import-failed"
    title = "The results cannot be imported"
    status = 500


def import_results(job: TrackedJob) -> Asset:
    """Import the results of a job by its plan.

    Raises:
        SplatsmithError: a file cannot be read, or Blender refuses it; the scene is left as it was.
    """
    try:
        return _import_results(job)
    except SplatsmithError:
        raise
    except Exception as error:  # noqa: BLE001  whatever it is, the other jobs' results must come
        log.exception("the results of the job %s cannot be imported", job.status.id)
        raise ImportFailed(
            f"Blender could not import the results ({str(error).strip() or type(error).__name__}).",
            "They are kept: import the job again from the list.",
        ) from error


def _import_results(job: TrackedJob) -> Asset:
    plan, request = job.import_plan, job.request
    assert isinstance(plan, ImportPlan) and job.results is not None
    if isinstance(request, ConvertRequest):
        return _import_converted(job.results, job.status, plan)
    assert isinstance(request, GenerateRequest | ExtractRequest)
    files = find_files(job.results, job.status.title)
    own = replace(files.provenance, request=json.dumps(job.status.request, ensure_ascii=False))
    files = replace(files, provenance=replace(plan.provenance or own, job=job.status.id))
    if isinstance(plan.target, TransformSnapshot):
        asset = import_with_transform(files, request.products, plan.target)
        return apply_post_import(asset, plan.post_import, plan.target.object)
    asset = import_files(files, request.products, plan.target)
    return apply_post_import(asset, plan.post_import)


def _import_converted(folder: Path, status: JobStatus, plan: ImportPlan) -> Asset:
    """Import a splat file of another program, which a job converted."""
    assert isinstance(plan.target, Placement)
    files = AssetFiles(folder, {Product.SPLATS: folder / SPLATS}, status.title)
    asset = import_files(files, (Product.SPLATS,), plan.target)
    return replace(asset, notes=(*status.notes, *asset.notes), job=status.id)
