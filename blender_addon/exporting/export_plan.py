"""What is done with the file that the backend made of exported splats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..contract.jsonable import from_json
from ..contract.problems import InvalidRequest, NotFound
from ..link.tracked_job import TrackedJob
from .files import Export, move_result

PLAN_MEMBER = "export"  # of a job's client data


@dataclass(frozen=True)
class ExportPlan:
    """Where the file is put; decided when the job is submitted, and kept with it.

    count: of the splats. notes: those of the `Export`.
    """

    path: Path
    count: int
    notes: tuple[str, ...] = ()

    def to_members(self) -> dict[str, object]:
        """This plan as JSON members, for `export_from_members` in another session."""
        members = {"path": str(self.path), "count": self.count, "notes": list(self.notes)}
        return {PLAN_MEMBER: members}


def export_from_members(members: Mapping[str, object]) -> ExportPlan | None:
    """The plan that `ExportPlan.to_members` wrote; None if there is none, or of another version."""
    try:
        record = from_json(_PlanRecord, members[PLAN_MEMBER], "plan")
    except (KeyError, InvalidRequest):
        return None
    return ExportPlan(Path(record.path), record.count, record.notes)


@dataclass(frozen=True)
class _PlanRecord:
    """An `ExportPlan` in JSON's types."""

    path: str
    count: int
    notes: tuple[str, ...]


def finish_export(job: TrackedJob) -> Export:
    """Move the file of a finished job to where its plan wants it.

    Raises:
        FileNotExported: it cannot be written there.
        NotFound: it was moved before.
    """
    plan = job.import_plan
    assert isinstance(plan, ExportPlan) and job.results is not None
    names = [each.name for each in job.status.artifacts]
    file = next((job.results / name for name in names if (job.results / name).is_file()), None)
    if file is None:
        raise NotFound("The exported file is not here any more.", "Export it again.")
    move_result(file, plan.path)
    return Export(plan.path, plan.count, (*plan.notes, *job.status.notes))
