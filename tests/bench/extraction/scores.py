"""Scores of one method on one cloud."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from splatsmith.contract.cloud import GaussianCloud
from splatsmith.gaussians.rasterize import rasterize
from training.objects import Mesh

from . import metrics
from .ground_truth import GroundTruth, evaluation_cameras
from .mesh_colors import to_mesh
from .mesh_methods import MeshResult
from .mesh_rendering import MeshRendering, render_mesh
from .surface_sampling import stratified_points

VIEWS, SIZE, SAMPLES = 12, 256, 3
REACH = 0.01  # of the bounding box's diagonal
_POINTS = 200_000
_PIXEL = 1 / 12  # variance of the box filter of the meshes' renderings, pixels^2


@dataclass(frozen=True)
class SurfaceScore:
    """A mesh's surface against the ground truth.

    Attributes:
        precision: share of the mesh that lies on the ground truth.
        recall: share of the ground truth visible from outside that the mesh covers.
        f_score: their harmonic mean.
        f_score_whole: with recall over hidden surfaces too.
    """

    precision: float
    recall: float
    f_score: float
    f_score_whole: float


@dataclass(frozen=True)
class Score:
    """Of one mesh; shares are in 0..1.

    Attributes:
        surface: None without a ground truth.
        psnr: of its rendering, decibels.
        backface_share: of its visible samples.
        stray_color_share: visible samples with a colour that no Gaussian nearby has.
        uv_overlap: share of its texels used twice; None without a texture.
    """

    surface: SurfaceScore | None
    psnr: float
    backface_share: float
    stray_color_share: float
    uv_overlap: float | None
    watertight: bool
    faces: int
    seconds: float
    peak_bytes: int

    @property
    def f_score(self) -> float:
        return self.surface.f_score if self.surface else 0.0


FAILED = Score(SurfaceScore(0, 0, 0, 0), 0, 1, 1, None, False, 0, 0, 0)  # the method gave no mesh


@dataclass(frozen=True)
class BenchmarkCase:
    """A cloud in the unit sphere, with the object that it was made from if there is one."""

    name: str
    cloud: GaussianCloud
    truth: GroundTruth | None = None

    @cached_property
    def reference_images(self) -> NDArray[np.float32]:
        """[VIEWS, SIZE, SIZE, 3] over white, of the ground truth or else of the cloud."""
        if self.truth is None:
            return self.cloud_images
        return render_mesh(self.truth.mesh, evaluation_cameras(VIEWS, SIZE), samples=SAMPLES).colors

    @cached_property
    def cloud_images(self) -> NDArray[np.float32]:
        """[VIEWS, SIZE, SIZE, 3] over white, of the cloud."""
        colors = rasterize(self.cloud, evaluation_cameras(VIEWS, SIZE), eps2d=_PIXEL).colors
        return np.clip(colors, 0, 1)


def score(result: MeshResult, case: BenchmarkCase) -> tuple[Score, MeshRendering]:
    """The mesh's score and its rendering."""
    mesh = to_mesh(result.mesh)
    rendering = render_mesh(mesh, evaluation_cameras(VIEWS, SIZE), samples=SAMPLES)
    has_texture = mesh.texture_shape[0, 1] > 1
    scored = Score(
        surface=_score_surface(mesh, case.truth) if case.truth else None,
        psnr=metrics.psnr(rendering.colors, case.reference_images),
        backface_share=metrics.backface_share(rendering),
        stray_color_share=metrics.stray_color_share(mesh, rendering, case.cloud),
        uv_overlap=metrics.uv_overlap(mesh) if has_texture else None,
        watertight=metrics.is_watertight(result.mesh),
        faces=len(mesh.faces),
        seconds=result.cost.seconds,
        peak_bytes=result.cost.peak,
    )
    return scored, rendering


def _score_surface(mesh: Mesh, truth: GroundTruth) -> SurfaceScore:
    found = stratified_points(mesh, _POINTS, np.random.default_rng(0)).interpolate(
        mesh, mesh.vertices
    )
    whole = metrics.match_surfaces(found, truth.points, REACH * truth.diagonal)
    outside = whole.restricted_to(truth.visible)
    return SurfaceScore(outside.precision, outside.recall, outside.f_score, whole.f_score)
