"""splatsmith generate: one asset, made in this process."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..contract.batches import file_name
from ..contract.jsonable import to_json
from ..contract.protocol import Artifact, GenerateRequest
from .products import extraction_of
from .screen import Screen
from .workshop import Workshop, order_generation


def run_generate(options: argparse.Namespace, screen: Screen) -> int:
    """Make the asset and name its files."""
    request = request_of(options, options.prompt, options.name or _stem(options.image))
    order = order_generation(request, options.image)
    folder: Path = options.out or Path(file_name(request.title))
    with screen.progress(request.title) as report:
        artifacts = Workshop(options.device).make(order, folder, report)
    if options.json:
        screen.show_json({"folder": str(folder), "artifacts": to_json(artifacts)})
    else:
        screen.show(listed(folder, artifacts))
    return 0


def request_of(options: argparse.Namespace, prompt: str, name: str) -> GenerateRequest:
    """The request that the options ask for, its parameters still unchecked."""
    return GenerateRequest(
        prompt=prompt,
        engine=options.engine,
        variant=options.variant,
        parameters=dict(options.parameters),
        products=tuple(options.products),
        extraction=extraction_of(options),
        name=name,
    )


def listed(folder: Path, artifacts: tuple[Artifact, ...]) -> str:
    """The artifacts with their sizes, a line each."""
    lines = (f"{folder / a.name}  {a.size_bytes / 1e6:.2f} MB" for a in artifacts)
    return "\n".join(lines)


def _stem(image: Path | None) -> str:
    return image.stem if image else ""
