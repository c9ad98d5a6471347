"""What is done with a job's results, and the import that does it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from ..contract.protocol import ExtractRequest, GenerateRequest
from ..link.tracked_job import TrackedJob
from ..scene.provenance import Provenance
from ..scene.transform_snapshot import TransformSnapshot
from .files import Asset, find_files, import_files, import_with_transform
from .placement import Placement
from .post_import import PostImport, apply_post_import


@dataclass(frozen=True)
class ImportPlan:
    """What is done with a job's results; decided when the job is submitted, and kept with it.

    target: where they are put; for an extraction, the transform of its splats.
    provenance: of the splats of an extraction, if Splatsmith made them.
    """

    target: Placement | TransformSnapshot
    post_import: PostImport = PostImport()
    provenance: Provenance | None = None

    def at_cursor(self) -> ImportPlan:
        """The same at the 3D cursor's present location; an extraction stays with its splats."""
        if isinstance(self.target, TransformSnapshot):
            return self
        return replace(self, target=replace(self.target, location=None).resolve())


def import_results(job: TrackedJob) -> Asset:
    """Import the results of a job by its plan.

    Raises:
        SplatsmithError: a file cannot be read; the scene is left as it was.
    """
    plan, request = job.import_plan, job.request
    assert isinstance(plan, ImportPlan) and job.results is not None
    assert isinstance(request, GenerateRequest | ExtractRequest)
    files = find_files(job.results, job.status.title)
    own = replace(files.provenance, request=json.dumps(job.status.request, ensure_ascii=False))
    files = replace(files, provenance=replace(plan.provenance or own, job=job.status.id))
    if isinstance(plan.target, TransformSnapshot):
        asset = import_with_transform(files, request.products, plan.target)
        return apply_post_import(asset, plan.post_import, plan.target.object)
    asset = import_files(files, request.products, plan.target)
    return apply_post_import(asset, plan.post_import)
