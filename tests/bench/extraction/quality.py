"""How true extracted meshes are, beside what people take otherwise.

python -m tests.bench.extraction.quality --objects FOLDER [--peers] [--open3d-python PYTHON]
python -m tests.bench.extraction.quality --engine [--peers] [--open3d-python PYTHON]

Clouds are made of known objects, whose surfaces and pictures their meshes are compared with; or
the built-in engine makes clouds, which are compared by their own pictures. A row for each, then
medians and targets; --out gets scores.json and for each a sheet of pictures.
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

from .contact_sheets import write_sheet
from .engine_clouds import PROMPTS, generated_models
from .ground_truth import choose, truth_of
from .mesh_methods import OURS, Method, extract, methods
from .metrics import is_watertight
from .scores import FAILED, Model, score
from .summary import HEADER, Scores, row, summary

log = logging.getLogger(__name__)

OBJECTS = 40
LEAST_PSNR_KNOWN, LEAST_PSNR_ENGINE = 27.0, 25.0


def main(arguments: Sequence[str] | None = None) -> None:
    asked = _parser().parse_args(arguments)
    logging.basicConfig(format="%(message)s")
    found = methods(asked.open3d_python)
    ways = found if asked.peers else {OURS: found[OURS]}
    scores: Scores = {name: {} for name in ways}
    _write_line(HEADER)
    for model in _models(asked):
        _judge(model, ways, scores, asked.out)
        _keep(asked.out / "scores.json", scores)
    for line in summary(scores, LEAST_PSNR_ENGINE if asked.engine else LEAST_PSNR_KNOWN):
        _write_line(line)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--objects", type=Path, help="folder of known objects")
    source.add_argument("--engine", action="store_true", help="the built-in engine's clouds")
    parser.add_argument("--count", type=int, help=f"default: {OBJECTS}, or {len(PROMPTS)} prompts")
    parser.add_argument("--only", default="", help="those whose name has this in it")
    parser.add_argument("--peers", action="store_true", help="try what people take otherwise, too")
    parser.add_argument("--open3d-python", help="a Python that has open3d, for its Poisson")
    parser.add_argument("--out", type=Path, default=Path("out/quality"))
    return parser


def _models(asked: argparse.Namespace) -> Iterator[Model]:
    if asked.engine:
        yield from generated_models(asked.count or len(PROMPTS))
        return
    for record in choose(asked.objects, asked.count or OBJECTS):
        if asked.only in record.id:
            truth = truth_of(asked.objects, record)
            yield Model(record.id, truth.cloud(), truth)


def _judge(model: Model, ways: dict[str, Method], scores: Scores, out: Path) -> None:
    """Try each way, print and note its score, and draw what came out of it."""
    pictures = {}
    with tempfile.TemporaryDirectory() as folder:
        cloud = Path(folder) / "cloud.ply"
        write_cloud(cloud, model.cloud)
        for name, method in ways.items():
            try:
                attempt = method(cloud, Path(folder))
            except RuntimeError:
                log.exception("%s: %s", model.name, name)
                scores[name][model.name] = FAILED
                continue
            scored, pictures[name] = score(attempt, model)
            if name == OURS and not scored.watertight:
                scored = replace(scored, watertight=_can_be_watertight(cloud))
            scores[name][model.name] = scored
            _write_line(row(model.name if name == OURS else f"  {name}", scored))
    write_sheet(out / f"{model.name}.png", model, pictures)


def _can_be_watertight(cloud: Path) -> bool:
    """Whether the mesh is, once that is asked for."""
    attempt = extract(cloud, cloud.parent, closure=Closure.WATERTIGHT, texture=0)
    return is_watertight(attempt.mesh)


def _keep(path: Path, scores: Scores) -> None:
    rows = {way: {name: asdict(s) for name, s in found.items()} for way, found in scores.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rows, indent=1), encoding="utf-8")


def _write_line(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
