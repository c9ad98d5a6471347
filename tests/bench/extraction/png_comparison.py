"""Our PNG encoder against OpenCV's: time of the whole extraction and size of the file.

python -m tests.bench.extraction.png_comparison --objects FOLDER [--count N] [--texture N]

Each object is extracted once; its texture is then encoded by both in turn. Times are processor
time on one core, where neither gains by threads.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import trimesh
from PIL import Image
from trimesh.visual import TextureVisuals
from trimesh.visual.material import PBRMaterial

from splatsmith.contract.protocol import ExtractionOptions
from splatsmith.extraction.gaussian_source import GaussianSurfaceSource
from splatsmith.extraction.mesh import extract_mesh
from splatsmith.extraction.texture.png import encode_png
from splatsmith.progress import silent
from tests.backend.gaussians.clouds import shell
from training.objects import read_mesh

from .ground_truth import object_cloud, select_objects

_REPEATS = 3  # of which the least counts


def _opencv(*parameters: int) -> Callable[[np.ndarray], bytes]:
    def encode(image: np.ndarray) -> bytes:
        done, data = cv2.imencode(".png", image[..., ::-1], parameters)
        assert done
        return data.tobytes()

    return encode


ENCODERS: dict[str, Callable[[np.ndarray], bytes]] = {
    "ours": encode_png,
    "cv2, default": _opencv(),
    "cv2, level 1, filter up": _opencv(
        cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP
    ),
}


@dataclass(frozen=True)
class Encoding:
    seconds: float
    size: int  # bytes
    share: float  # of the extraction's time, this encoding included


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--objects", type=Path, required=True, help="folder of known objects")
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--texture", type=int, default=2048)
    parsed = parser.parse_args(arguments)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    options = ExtractionOptions(texture_size=parsed.texture)
    extract_mesh(GaussianSurfaceSource(shell(1000)), options, silent(), "cpu")  # compiles
    results: dict[str, list[Encoding]] = {name: [] for name in ENCODERS}
    for record in select_objects(parsed.objects, parsed.count):
        source = GaussianSurfaceSource(object_cloud(record, read_mesh(parsed.objects, record)))
        start = time.process_time()
        mesh = extract_mesh(source, options, silent(), "cpu")
        seconds = time.process_time() - start
        image = np.asarray(_texture(mesh))
        for name, encode in ENCODERS.items():
            results[name].append(_measure(encode, image, seconds))
        _write_line(f"{record.id[:32]:<34}{seconds:>8.2f} s")
    for line in markdown(results):
        _write_line(line)


def _texture(mesh: trimesh.Trimesh) -> Image.Image:
    assert isinstance(mesh.visual, TextureVisuals)
    assert isinstance(mesh.visual.material, PBRMaterial)
    assert mesh.visual.material.baseColorTexture is not None
    return mesh.visual.material.baseColorTexture


def _measure(encode: Callable[[np.ndarray], bytes], image: np.ndarray, rest: float) -> Encoding:
    times: list[float] = []
    size = 0
    for _ in range(_REPEATS):
        start = time.process_time()
        size = len(encode(image))
        times.append(time.process_time() - start)
    return Encoding(min(times), size, min(times) / (rest + min(times)))


def markdown(results: dict[str, list[Encoding]]) -> Iterator[str]:
    """Medians over the objects."""
    yield f"\nMedians of {len(results['ours'])} objects\n"
    yield "| | encoding, s | of the extraction | file, MiB |"
    yield "|---|---:|---:|---:|"
    for name, found in results.items():
        seconds = np.median([each.seconds for each in found])
        share = 100 * np.median([each.share for each in found])
        size = np.median([each.size for each in found]) / 2**20
        yield f"| {name} | {seconds:.3f} | {share:.1f} % | {size:.2f} |"


def _write_line(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
