"""One job: conditions -> engine -> cloud -> extraction -> artifacts."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import trimesh

from ..conditioning.class_labels import nearest_class_label
from ..conditioning.matting import remove_background
from ..contract import artifacts
from ..contract.cards import ConditionKind, EngineCard, Variant
from ..contract.cloud import GaussianCloud, read_cloud, write_cloud
from ..contract.points import write_points
from ..contract.protocol import (
    DEFAULT_ENGINE,
    ExtractionOptions,
    ExtractRequest,
    GenerateRequest,
    Product,
)
from ..engines import registry
from ..engines.base import EngineInputs, Generation
from ..extraction.gaussian_source import GaussianSurfaceSource
from ..extraction.glb import write_glb
from ..extraction.mesh import extract_mesh
from ..extraction.points import extract_points
from ..gaussians.preview_rendering import PreviewScene
from ..images import read_picture
from ..progress import Progress, silent
from .engine_cache import EngineCache
from .job_record import describe_extraction, describe_generation, write_record
from .previews import write_previews

PICTURE_SHARE, ENGINE_SHARE, PRODUCT_SHARE = 0.1, 0.7, 0.9


@dataclass
class Timings:
    """Seconds by stage, in the order the stages ran."""

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
    """Carry out a completed `request` and leave all its artifacts in `folder`.

    Raises:
        Cancelled: the user stopped it; the folder's content is then worthless.
        SplatsmithError: what went wrong, for the user.
    """
    timings = Timings()
    with timings.measure("load engine"):
        engine = engine_cache.get(request.engine, request.variant)
    with timings.measure("prepare picture"):
        inputs = _prepare(request, pictures, progress.part("Preparing", 0, PICTURE_SHARE))
    with timings.measure("generate"):
        part = progress.part("Generating", PICTURE_SHARE, ENGINE_SHARE)
        generation = engine.generate(inputs, part)
        notes = (*_class_notes(request, inputs), *generation.notes)
        generation = replace(generation, notes=notes)
    _write_products(
        generation.cloud,
        generation.surface,
        _Extraction(request.products, request.extraction, folder, engine_cache.device, timings),
        progress.part("Extracting", ENGINE_SHARE, PRODUCT_SHARE),
    )
    with timings.measure("draw previews"):
        part = progress.part("Drawing previews", PRODUCT_SHARE, 1)
        scene = PreviewScene(generation.cloud, generation.camera, engine_cache.device)
        write_previews(scene, request.turntables, folder, part)
    card = registry.card(request.engine)
    write_record(
        folder,
        describe_generation(request, card, generation, timings.seconds, inputs.class_label),
    )
    return generation


def extract(
    request: ExtractRequest, cloud_file: Path, folder: Path, device: str, progress: Progress
) -> None:
    """Take mesh or points from the splat file `cloud_file` into `folder`.

    Raises:
        Cancelled, SplatsmithError: as in `generate`.
    """
    timings = Timings()
    cloud = read_cloud(cloud_file)
    extraction = _Extraction(request.products, request.extraction, folder, device, timings)
    _write_products(cloud, None, extraction, progress.part("Extracting", 0, 1))
    write_record(folder, describe_extraction(request, timings.seconds))


def warm_up(engine_cache: EngineCache) -> None:
    """Load the built-in engine and all compiled code, so that the first job need not wait for it.

    Raises:
        WeightsMissing, WeightsDamaged: what the names say.
    """
    card = registry.card(DEFAULT_ENGINE)
    request = GenerateRequest(prompt="a ball", parameters={"steps": 1}).completed(card)
    with TemporaryDirectory() as folder:
        generate(request, {}, Path(folder), engine_cache, silent())


@dataclass(frozen=True)
class _Extraction:
    products: tuple[Product, ...]
    options: ExtractionOptions
    folder: Path
    device: str
    timings: Timings


def _prepare(
    request: GenerateRequest, pictures: Mapping[ConditionKind, Path], progress: Progress
) -> EngineInputs:
    progress.step(0, 1)
    images = {role: read_picture(path) for role, path in pictures.items()}
    if ConditionKind.IMAGE in images:
        images[ConditionKind.IMAGE] = remove_background(images[ConditionKind.IMAGE])
    progress.step(1, 1)
    card = registry.card(request.engine)
    variant = card.variant(request.variant)
    return EngineInputs(
        prompt=request.prompt.strip(),
        variant=request.variant,
        pictures=images,
        parameters=card.check_parameters(variant, request.parameters),
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


def _write_products(
    cloud: GaussianCloud,
    surface: trimesh.Trimesh | None,
    job: _Extraction,
    progress: Progress,
) -> None:
    """The cloud itself is always kept: everything else can be made from it again."""
    with job.timings.measure("write splats"):
        write_cloud(job.folder / artifacts.SPLATS, cloud)
    if Product.POINTS in job.products:
        with job.timings.measure("extract points"):
            part = progress.part("Sampling points", 0, 0.2)
            points = extract_points(cloud, job.options, part, job.device)
            write_points(job.folder / artifacts.POINTS, points)
    if Product.MESH in job.products:
        with job.timings.measure("extract mesh"):
            part = progress.part("Extracting the mesh", 0.2, 1)
            source = GaussianSurfaceSource(cloud)
            mesh = surface or extract_mesh(source, job.options, part, job.device)
            write_glb(job.folder / artifacts.MESH, mesh)
