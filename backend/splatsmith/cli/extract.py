"""splatsmith extract: meshes and points from splat files, whoever made them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from ..contract.artifacts import SPLATS
from ..contract.batches import distinct_names
from ..contract.jsonable import to_json
from ..contract.problems import InvalidRequest
from ..contract.protocol import ExtractRequest
from .batch_runner import Task, make_each
from .console import Screen
from .generate import listed
from .local_runner import Extraction, Workshop, order_extraction
from .product_options import extraction_of

CLOUD_SUFFIX = ".ply"


def run_extract(options: argparse.Namespace, screen: Screen) -> int:
    """Extract from one file into --out, or from many into a folder each under it."""
    template = ExtractRequest("", tuple(options.products), extraction_of(options))
    given: list[Path] = options.clouds
    if len(given) == 1 and not given[0].is_dir():
        return _extract_one(order_extraction(template, given[0], _name(given[0])), options, screen)
    clouds = _all_clouds(given)
    names = distinct_names(_name(cloud) for cloud in clouds)
    tasks = [
        Task(name, partial(order_extraction, template, cloud, name))
        for name, cloud in zip(names, clouds, strict=True)
    ]
    return make_each(tasks, options, screen)


def _extract_one(order: Extraction, options: argparse.Namespace, screen: Screen) -> int:
    with screen.progress(order.request.title) as report:
        artifacts = Workshop(options.device).make(order, options.out, report)
    if options.json:
        screen.show_json({"folder": str(options.out), "artifacts": to_json(artifacts)})
    else:
        screen.show(listed(options.out, artifacts))
    return 0


def _all_clouds(given: Sequence[Path]) -> list[Path]:
    """The files, and those in the folders."""
    clouds: list[Path] = []
    for path in given:
        inside = sorted(path.glob(f"*{CLOUD_SUFFIX}")) if path.is_dir() else [path]
        if not inside:
            raise InvalidRequest(
                f"{path} holds no splat file.", f"They end in {CLOUD_SUFFIX}; name them or others."
            )
        clouds += inside
    return clouds


def _name(cloud: Path) -> str:
    return cloud.resolve().parent.name if cloud.name == SPLATS else cloud.stem
