"""One job: request -> engine -> representation -> products and previews -> job record."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import numpy as np
from numpy.typing import NDArray

from ..conditioning.matting import remove_background
from ..conditioning.nearest_class_label import nearest_class_label
from ..contract import artifacts
from ..contract.cards import SIDE_CONDITIONS, ConditionKind, EngineCard, Variant
from ..contract.cloud import GaussianCloud, write_cloud
from ..contract.parameters import ParameterValue
from ..contract.points import write_points
from ..contract.protocol import (
    DEFAULT_ENGINE,
    Crop,
    ExtractionOptions,
    ExtractRequest,
    GenerateRequest,
    Product,
)
from ..engines import registry
from ..engines.base import EngineInputs, Generation
from ..extraction.far_shell import find_far_shell
from ..extraction.glb import write_glb
from ..extraction.mesh import extract_mesh
from ..extraction.points import extract_points
from ..formats import read_splats
from ..gaussians.preview_rendering import PreviewScene
from ..images import read_picture
from ..progress import Progress, silent
from ..representations.base import Representation
from ..representations.gaussians import GaussianSplats
from .engine_cache import EngineCache
from .job_record import describe_extraction, describe_generation, write_record
from .previews import PreviewSources, write_prepared_picture, write_previews

PICTURE_SHARE, ENGINE_SHARE, PRODUCT_SHARE = 0.1, 0.7, 0.9
READ_SHARE = 0.02  # of an extraction


@dataclass
class Timings:
    """Seconds by stage, in the order of execution."""

    seconds: dict[str, float] = field(default_factory=dict[str, float])

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[stage] = time.perf_counter() - start


def generate(
    request: GenerateRequest,
    pictures: Mapping[ConditionKind, Path],
    folder: Path,
    engine_cache: EngineCache,
    progress: Progress,
) -> Generation:
    """Generate an asset and write all its artifacts to `folder`.

    Args:
        request: completed, that is checked against its engine's card with all defaults filled in.
        pictures: files by role.

    Raises:
        Cancelled: between two steps; what the folder contains is then incomplete.
        SplatsmithError: an error for the user.
    """
    timings = Timings()
    inputs, generation = _run_engine(request, pictures, engine_cache, timings, progress)
    cloud, notes = _write_products(
        generation.representation,
        _Extraction(request.products, request.extraction, folder, engine_cache.device, timings),
        progress.part("Extracting", ENGINE_SHARE, PRODUCT_SHARE),
    )
    generation = replace(generation, notes=(*generation.notes, *notes))
    with timings.measure("draw previews"):
        part = progress.part("Drawing previews", PRODUCT_SHARE, 1)
        camera, path = generation.camera, generation.camera_path
        scene = PreviewScene(cloud, camera, engine_cache.device, path)
        sources = PreviewSources(scene, generation.free_views)
        preview_notes = write_previews(sources, request.turntables, folder, part)
        write_prepared_picture(generation.prepared_picture, folder)
    generation = replace(generation, notes=(*generation.notes, *preview_notes))
    card = registry.card(request.engine)
    record = describe_generation(
        request, card, generation, len(cloud), timings.seconds, inputs.class_label
    )
    write_record(folder, record)
    return generation


def extract(
    request: ExtractRequest, cloud_file: Path, folder: Path, device: str, progress: Progress
) -> tuple[str, ...]:
    """Extract the requested products from the splat file `cloud_file` into `folder`.

    Returns notes for the user.

    Raises:
        Cancelled, SplatsmithError: as in `generate`.
    """
    timings = Timings()
    with timings.measure("read splats"):
        part = progress.part("Reading splats", 0, READ_SHARE)
        loaded = read_splats(cloud_file, request.up, progress=part)
    extraction = _Extraction(
        request.products, request.extraction, folder, device, timings, loaded.origin
    )
    _, notes = _write_products(
        GaussianSplats(loaded.cloud), extraction, progress.part("Extracting", READ_SHARE, 1)
    )
    loaded = replace(loaded, notes=(*loaded.notes, *notes))
    write_record(folder, describe_extraction(request, loaded, timings.seconds))
    return loaded.notes


def warm_up(engine_cache: EngineCache) -> None:
    """Load the built-in engine and all compiled code, so that the first job need not wait for them.

    Raises:
        WeightsMissing, WeightsDamaged: the built-in weights cannot be loaded.
    """
    card = registry.card(DEFAULT_ENGINE)
    request = GenerateRequest(prompt="a ball", parameters={"steps": 1}).completed(card)
    with TemporaryDirectory() as folder:
        generate(request, {}, Path(folder), engine_cache, silent())


def _run_engine(
    request: GenerateRequest,
    pictures: Mapping[ConditionKind, Path],
    engine_cache: EngineCache,
    timings: Timings,
    progress: Progress,
) -> tuple[EngineInputs, Generation]:
    with timings.measure("load engine"):
        engine = engine_cache.get(request.engine, request.variant)
    with timings.measure("prepare picture"):
        inputs = _prepare(request, pictures, progress.part("Preparing", 0, PICTURE_SHARE))
    with timings.measure("generate"):
        part = progress.part("Generating", PICTURE_SHARE, ENGINE_SHARE)
        generation = engine.generate(inputs, part)
    notes = (*_class_notes(request, inputs), *generation.notes)
    return inputs, replace(generation, notes=notes)


@dataclass(frozen=True)
class _Extraction:
    """What to extract, where to write it, and on what device.

    origin: [3] float64, where the cloud's zero lies; kept in the files.
    """

    products: tuple[Product, ...]
    options: ExtractionOptions
    folder: Path
    device: str
    timings: Timings
    origin: NDArray[np.float64] | None = None


def _prepare(
    request: GenerateRequest, pictures: Mapping[ConditionKind, Path], progress: Progress
) -> EngineInputs:
    progress.step(0, 1)
    card = registry.card(request.engine)
    variant = card.variant(request.variant)
    images = {role: read_picture(path) for role, path in pictures.items()}
    cut_out = set() if variant.keeps_background else {ConditionKind.IMAGE, *SIDE_CONDITIONS}
    for role in cut_out & set(images):
        images[role] = remove_background(images[role])
    progress.step(1, 1)
    return EngineInputs(
        prompt=request.prompt.strip(),
        variant=request.variant,
        pictures=images,
        parameters=cast("Mapping[str, ParameterValue]", request.parameters),  # it is completed
        class_label=_class_label(request, card, variant),
    )


def _class_label(request: GenerateRequest, card: EngineCard, variant: Variant) -> str:
    """The request's class, or the one nearest to its prompt."""
    if request.class_label or not (variant.finds_class_by_prompt and request.prompt.strip()):
        return request.class_label
    return nearest_class_label(request.prompt.strip(), card.class_labels)


def _class_notes(request: GenerateRequest, inputs: EngineInputs) -> list[str]:
    if inputs.class_label == request.class_label:
        return []
    return [f"The prompt stands for the class {inputs.class_label!r}, the nearest one to it."]


def _crop(
    representation: Representation, job: _Extraction
) -> tuple[GaussianCloud | None, tuple[str, ...]]:
    """The subject alone, if something is to be made of it that has far surroundings; and a note."""
    cropped = {Crop.AUTO: {Product.MESH}, Crop.ALL: {Product.MESH, Product.POINTS}}
    wanted = cropped.get(job.options.crop, set()) & set(job.products)
    if not wanted or not isinstance(representation, GaussianSplats):
        return None, ()
    found = find_far_shell(representation.cloud)
    if found is None:
        return None, ()
    return representation.cloud.select(np.flatnonzero(found.subject)), (found.note,)


def _write_products(
    representation: Representation, job: _Extraction, progress: Progress
) -> tuple[GaussianCloud, tuple[str, ...]]:
    """Write the products; returns the cloud, which is always written, and notes for the user."""
    with job.timings.measure("make splats"):
        cloud = representation.gaussians(progress.part("Making splats", 0, 0.1), job.device)
        write_cloud(job.folder / artifacts.SPLATS, cloud, job.origin)
    subject, notes = _crop(representation, job)
    if Product.POINTS in job.products:
        with job.timings.measure("extract points"):
            part = progress.part("Sampling points", 0.1, 0.25)
            shown = subject if subject and job.options.crop is Crop.ALL else cloud
            points = extract_points(shown, job.options, part, job.device)
            points = representation.correct_normals(points)
            write_points(job.folder / artifacts.POINTS, points, job.origin)
    if Product.MESH in job.products:
        with job.timings.measure("extract mesh"):
            part = progress.part("Extracting the mesh", 0.25, 1)
            source = GaussianSplats(subject) if subject else representation
            mesh = extract_mesh(source, job.options, part, job.device)
            write_glb(job.folder / artifacts.MESH, mesh, job.origin)
    return cloud, notes
