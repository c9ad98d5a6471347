"""What one way to a mesh was worth on one cloud."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from splatsmith.contract.cloud import GaussianCloud
from splatsmith.gaussians.rasterize import rasterize
from training.objects import Mesh

from . import metrics
from .ground_truth import Truth, all_around
from .mesh_colors import painted
from .mesh_methods import Attempt
from .mesh_rendering import MeshPictures, draw_mesh
from .surface_sampling import scattered

VIEWS, SIZE, SAMPLES = 12, 256, 3
REACH = 0.01  # of the bounding box's diagonal
_POINTS = 200_000
_PIXEL = 1 / 12  # variance of the box that the meshes' samples are averaged over, pixels^2


@dataclass(frozen=True)
class Shape:
    """How near a mesh's surface is to the true one.

    Attributes:
        precision: share of the mesh that lies at the true surface.
        recall: share of the true surface, as far as it can be seen from outside, that it has.
        f_score: of both.
        f_score_whole: counts what of the truth is hidden inside as well.
    """

    precision: float
    recall: float
    f_score: float
    f_score_whole: float


@dataclass(frozen=True)
class Score:
    """Of one mesh; shares are 0..1.

    Attributes:
        shape: None where no true surface is known.
        psnr: of its pictures, decibels.
        inside_out: of its visible samples, how many show the back of a face.
        unpainted: of its visible samples, how many have a colour that no Gaussian near has.
        uv_overlap: of its texels, how many are used twice; None without a texture.
    """

    shape: Shape | None
    psnr: float
    inside_out: float
    unpainted: float
    uv_overlap: float | None
    watertight: bool
    faces: int
    seconds: float
    peak_bytes: int

    @property
    def f_score(self) -> float:
        return self.shape.f_score if self.shape else 0.0


FAILED = Score(Shape(0, 0, 0, 0), 0, 1, 1, None, False, 0, 0, 0)  # no mesh came out


@dataclass(frozen=True)
class Model:
    """What a mesh is to look like: its cloud, in the unit sphere, or the object behind that."""

    name: str
    cloud: GaussianCloud
    truth: Truth | None = None

    @cached_property
    def pictures(self) -> NDArray[np.float32]:
        """[12, 256, 256, 3] over white, of what is true."""
        if self.truth is None:
            return self.cloud_pictures
        return draw_mesh(self.truth.mesh, all_around(VIEWS, SIZE), samples=SAMPLES).colors

    @cached_property
    def cloud_pictures(self) -> NDArray[np.float32]:
        """The same of the cloud."""
        colors = rasterize(self.cloud, all_around(VIEWS, SIZE), eps2d=_PIXEL).colors
        return np.clip(colors, 0, 1)


def score(attempt: Attempt, model: Model) -> tuple[Score, MeshPictures]:
    """How good the mesh is, and how it looks."""
    mesh = painted(attempt.mesh)
    pictures = draw_mesh(mesh, all_around(VIEWS, SIZE), samples=SAMPLES)
    has_texture = mesh.texture_shape[0, 1] > 1
    scored = Score(
        shape=_shape(mesh, model.truth) if model.truth else None,
        psnr=metrics.psnr(pictures.colors, model.pictures),
        inside_out=metrics.inside_out(pictures),
        unpainted=metrics.unpainted(mesh, pictures, model.cloud),
        uv_overlap=metrics.uv_overlap(mesh) if has_texture else None,
        watertight=metrics.is_watertight(attempt.mesh),
        faces=len(mesh.faces),
        seconds=attempt.cost.seconds,
        peak_bytes=attempt.cost.peak,
    )
    return scored, pictures


def _shape(mesh: Mesh, truth: Truth) -> Shape:
    found = scattered(mesh, _POINTS, np.random.default_rng(0)).of(mesh, mesh.vertices)
    whole = metrics.likeness(found, truth.points, REACH * truth.diagonal)
    outside = whole.wanting(truth.seen)
    return Shape(outside.precision, outside.recall, outside.f_score, whole.f_score)
