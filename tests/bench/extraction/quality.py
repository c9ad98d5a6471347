"""Quality of extracted meshes, compared with other methods.

python -m tests.bench.extraction.quality --objects FOLDER [--peers] [--open3d-python PYTHON]
python -m tests.bench.extraction.quality --engine [--peers] [--open3d-python PYTHON]

Clouds are made of objects of known surface, which their meshes are compared with; or by the
built-in engine, and their meshes are compared with renderings of the cloud. Prints a row for each,
then medians and targets; writes scores.json and a contact sheet for each to --out.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from splatsmith.contract.cloud import write_cloud
from splatsmith.contract.protocol import Closure

from .contact_sheets import write_contact_sheet
from .engine_clouds import PROMPTS, engine_cases
from .ground_truth import load_ground_truth, select_objects
from .mesh_methods import SPLATSMITH, MeshMethod, available_methods, run_extraction
from .metrics import is_watertight
from .scores import FAILED, BenchmarkCase, score
from .summary import HEADER, Scores, row, summary

log = logging.getLogger(__name__)

OBJECTS = 40
LEAST_PSNR_KNOWN, LEAST_PSNR_ENGINE = 27.0, 25.0


def main(arguments: Sequence[str] | None = None) -> None:
    parsed = _parser().parse_args(arguments)
    logging.basicConfig(format="%(message)s")
    available = available_methods(parsed.open3d_python)
    methods = available if parsed.peers else {SPLATSMITH: available[SPLATSMITH]}
    scores: Scores = {name: {} for name in methods}
    _write_line(HEADER)
    for case in _cases(parsed):
        _score_case(case, methods, scores, parsed.out)
        _save(parsed.out / "scores.json", scores)
    for line in summary(scores, LEAST_PSNR_ENGINE if parsed.engine else LEAST_PSNR_KNOWN):
        _write_line(line)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--objects", type=Path, help="folder of known objects")
    source.add_argument("--engine", action="store_true", help="the built-in engine's clouds")
    parser.add_argument("--count", type=int, help=f"default: {OBJECTS}, or {len(PROMPTS)} prompts")
    parser.add_argument("--only", default="", help="only objects whose id contains this")
    parser.add_argument("--peers", action="store_true", help="run the other methods too")
    parser.add_argument("--open3d-python", help="a Python that has open3d, for its Poisson")
    parser.add_argument("--out", type=Path, default=Path("out/quality"))
    return parser


def _cases(parsed: argparse.Namespace) -> Iterator[BenchmarkCase]:
    if parsed.engine:
        yield from engine_cases(parsed.count or len(PROMPTS))
        return
    for record in select_objects(parsed.objects, parsed.count or OBJECTS):
        if parsed.only in record.id:
            truth = load_ground_truth(parsed.objects, record)
            yield BenchmarkCase(record.id, truth.cloud(), truth)


def _score_case(
    case: BenchmarkCase, methods: dict[str, MeshMethod], scores: Scores, out: Path
) -> None:
    """Run each method, print and record its score, and write a contact sheet."""
    renderings = {}
    with tempfile.TemporaryDirectory() as folder:
        cloud = Path(folder) / "cloud.ply"
        write_cloud(cloud, case.cloud)
        for name, method in methods.items():
            try:
                result = method(cloud, Path(folder))
            except RuntimeError:
                log.exception("%s: %s", case.name, name)
                scores[name][case.name] = FAILED
                continue
            scored, renderings[name] = score(result, case)
            if name == SPLATSMITH and not scored.watertight:
                scored = replace(scored, watertight=_is_watertight_on_request(cloud))
            scores[name][case.name] = scored
            _write_line(row(case.name if name == SPLATSMITH else f"  {name}", scored))
    write_contact_sheet(out / f"{case.name}.png", case, renderings)


def _is_watertight_on_request(cloud: Path) -> bool:
    """Whether the mesh is watertight when `Closure.WATERTIGHT` is requested."""
    result = run_extraction(cloud, cloud.parent, closure=Closure.WATERTIGHT, texture=0)
    return is_watertight(result.mesh)


def _save(path: Path, scores: Scores) -> None:
    rows = {
        method: {name: asdict(s) for name, s in found.items()} for method, found in scores.items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rows, indent=1), encoding="utf-8")


def _write_line(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
