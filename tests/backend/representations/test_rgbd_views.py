"""RGBD views of a torus and a ball as splats, points and mesh, measured against the solids.

Distances are in pixels of the views on the surface.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from splatsmith.contract.problems import InvalidRequest
from splatsmith.contract.protocol import Closure, ExtractionOptions
from splatsmith.contract.transform import rotation_matrices
from splatsmith.errors import Cancelled
from splatsmith.extraction.mesh import extract_mesh
from splatsmith.extraction.points import extract_points
from splatsmith.gaussians.cameras import orbit_cameras
from splatsmith.gaussians.rasterize import rasterize
from splatsmith.progress import Progress, silent
from splatsmith.representations.rgbd_views import RgbdViews
from splatsmith.representations.view_images import ViewImages

from .mesh_samples import is_watertight, sample_mesh
from .subjects import solid_colors, solid_distances, solid_normals, solid_views

SIZE = 128
ALL_ROUND = ([*range(0, 360, 45)] * 2 + [0, 0], [20] * 8 + [-30] * 8 + [80, -80])
# The 27 views of ivid: 9 azimuths of up to 34 degrees, at 3 elevations.
FRONT = (
    np.repeat(np.degrees([0, 0.15, -0.15, 0.3, -0.3, 0.45, -0.45, 0.6, -0.6]), 3).tolist(),
    np.tile(np.degrees([0, 0.15, -0.15]), 9).tolist(),
)


@cache
def whole() -> RgbdViews:
    return RgbdViews(solid_views(orbit_cameras(*ALL_ROUND, 3.0, 40, SIZE)), is_open=False)


@cache
def front() -> RgbdViews:
    return RgbdViews(solid_views(orbit_cameras(*FRONT, 3.0, 40, SIZE)))


def options(**changes: object) -> ExtractionOptions:
    return ExtractionOptions(**{"face_budget": 5_000, "texture_size": 1024, **changes})  # pyright: ignore[reportArgumentType]


def chosen(views: ViewImages, indices: Sequence[int]) -> ViewImages:
    picked = list(indices)
    cameras = replace(
        views.cameras, viewmats=views.cameras.viewmats[picked], Ks=views.cameras.Ks[picked]
    )
    return ViewImages(views.images[picked], views.depths[picked], views.masks[picked], cameras)


@pytest.mark.parametrize(
    ("representation", "azimuths", "elevations", "psnr"),
    [(whole, [22, 100, 200], [0, 35, -10], 26), (front, [15, -25], [4, 0], 24)],
)
def test_splats_render_like_views_from_other_cameras(
    representation: Callable[[], RgbdViews],
    azimuths: list[float],
    elevations: list[float],
    psnr: float,
) -> None:
    truth = solid_views(orbit_cameras(azimuths, elevations, 3.0, 40, 256))
    image = rasterize(representation().gaussians(silent(), "cpu"), truth.cameras)
    expected = np.where(truth.masks[..., None], truth.images, 1)
    error = ((image.colors.clip(0, 1) - expected) ** 2).mean()
    assert -10 * np.log10(error) > psnr
    holes = truth.masks & (image.alphas < 0.9)
    assert holes.sum() < 0.006 * truth.masks.sum()
    inner = truth.masks & (image.alphas > 0.99)
    assert np.abs(image.colors - expected)[inner].mean() < 3 / 255
    gaps = np.abs(image.depths - truth.depths)[inner] / representation().views.pixel_size
    assert np.median(gaps) < 0.5


def test_splats_lie_on_the_surface_with_its_normals_and_colors() -> None:
    cloud = whole().gaussians(silent(), "cpu")
    assert np.abs(solid_distances(cloud.means)).max() < 5e-4  # the facets of the rendered mesh
    normals = rotation_matrices(cloud.quats)[:, :, 2]
    cosines = (normals * solid_normals(cloud.means)).sum(axis=1)
    assert np.degrees(np.arccos(np.percentile(cosines, 5))) < 2
    assert np.abs(cloud.colors - solid_colors(cloud.means)).max() < 2e-3


def test_each_place_has_the_splats_of_one_view() -> None:
    single = chosen(whole().views, [0])
    count = len(RgbdViews(single).gaussians(silent(), "cpu"))
    assert count == single.masks.sum()
    repeated = chosen(whole().views, [0, 0, 0])
    assert len(RgbdViews(repeated).gaussians(silent(), "cpu")) == count
    assert len(whole().gaussians(silent(), "cpu")) < 0.4 * whole().views.masks.sum()
    assert len(front().gaussians(silent(), "cpu")) < 0.15 * front().views.masks.sum()


def test_the_view_with_the_smaller_pixels_on_the_surface_is_preferred() -> None:
    near, far = (solid_views(orbit_cameras([0], 0, d, 40, SIZE)) for d in (2.0, 6.0))
    both = ViewImages(
        np.concatenate([far.images, near.images]),
        np.concatenate([far.depths, near.depths]),
        np.concatenate([far.masks, near.masks]),
        replace(
            near.cameras,
            viewmats=np.concatenate([far.cameras.viewmats, near.cameras.viewmats]),
            Ks=np.concatenate([far.cameras.Ks, near.cameras.Ks]),
        ),
    )
    count = len(RgbdViews(both).gaussians(silent(), "cpu"))
    assert count == pytest.approx(near.masks.sum(), rel=0.05)


def test_what_no_view_shows_has_no_splats() -> None:
    cloud = front().gaussians(silent(), "cpu")
    behind = orbit_cameras([180], 0, 3.0, 40, SIZE)
    hidden = solid_normals(cloud.means) @ (behind.positions[0] / 3.0)
    assert (hidden > 0.5).mean() == 0


@pytest.mark.parametrize(("representation", "cosine"), [(whole, 0.99), (front, 0.93)])
def test_points_lie_on_the_surface_with_outward_normals_and_its_colors(
    representation: Callable[[], RgbdViews], cosine: float
) -> None:
    cloud = representation().gaussians(silent(), "cpu")
    points = extract_points(cloud, options(point_count=4_000), silent(), "cpu")
    points = representation().correct_normals(points)
    distances = np.abs(solid_distances(points.positions)) / representation().views.pixel_size
    assert distances.mean() < 0.1
    assert distances.max() < 1.5
    cosines = (points.normals * solid_normals(points.positions)).sum(axis=1)
    assert cosines.mean() > cosine  # where views end in front, grazing pixels are coarse
    assert (cosines < 0).mean() < 0.02
    errors = np.abs(points.colors / 255 - solid_colors(points.positions))
    assert errors.mean() < 2 / 255


@pytest.mark.parametrize(("face_budget", "mean"), [(20_000, 0.2), (2_000, 0.25)])
@pytest.mark.parametrize("closure", [Closure.AUTO, Closure.OPEN])
def test_the_mesh_of_views_from_all_sides_is_closed_and_keeps_the_face_budget(
    closure: Closure, face_budget: int, mean: float
) -> None:
    chosen_options = options(face_budget=face_budget, closure=closure)
    mesh = extract_mesh(whole(), chosen_options, silent(), "cpu")
    assert 0.9 * face_budget < len(mesh.faces) <= face_budget
    assert is_watertight(mesh)
    samples = sample_mesh(mesh)
    distances = np.abs(solid_distances(samples.positions)) / whole().views.pixel_size
    assert distances.mean() < mean
    assert distances.max() < 1
    cosines = (samples.normals * solid_normals(samples.positions)).sum(axis=1)
    assert cosines.mean() > 0.98


@pytest.mark.parametrize("face_budget", [20_000, 2_000])
def test_the_mesh_of_views_from_the_front_is_open_where_nothing_was_seen(face_budget: int) -> None:
    mesh = extract_mesh(front(), options(face_budget=face_budget), silent(), "cpu")
    assert len(mesh.faces) <= face_budget
    assert not is_watertight(mesh)
    samples = sample_mesh(mesh)
    distances = np.abs(solid_distances(samples.positions)) / front().views.pixel_size
    assert distances.mean() < 0.4
    assert distances.max() < 3
    cosines = (samples.normals * solid_normals(samples.positions)).sum(axis=1)
    assert cosines.mean() > 0.95
    assert (samples.normals[:, 2] < -0.9).mean() < 0.001  # no back
    seen = [front().views.view(i) for i in range(27)]
    visible = np.concatenate([view.points[view.mask][::50] for view in seen])
    gaps = np.linalg.norm(visible[:, None] - samples.positions[None, ::2], axis=2).min(axis=1)
    assert (gaps < 2 * front().views.pixel_size).mean() > 0.99


def test_views_from_the_front_can_be_made_watertight() -> None:
    closed = options(closure=Closure.WATERTIGHT)
    mesh = extract_mesh(front(), closed, silent(), "cpu")
    assert len(mesh.faces) <= closed.face_budget
    assert is_watertight(mesh)


@pytest.mark.parametrize(("representation", "worst"), [(whole, 8), (front, 15)])
def test_the_texture_has_the_images_colors(
    representation: Callable[[], RgbdViews], worst: float
) -> None:
    mesh = extract_mesh(representation(), options(texture_size=2048), silent(), "cpu")
    samples = sample_mesh(mesh)
    assert samples.texture_size == 2048
    errors = np.abs(samples.colors - solid_colors(samples.positions))
    assert errors.mean() < 1.5 / 255
    assert np.percentile(errors, 99) < worst / 255


def test_the_resolution_option_sets_the_voxels() -> None:
    coarse, fine = (
        whole().colored_surface(
            options(face_budget=1_000_000, resolution=resolution), silent(), "cpu"
        )
        for resolution in (40, 80)
    )
    ratio = len(fine.surface.faces) / len(coarse.surface.faces)
    assert ratio == pytest.approx(4, rel=0.15)


def test_views_that_show_nothing_are_refused() -> None:
    views = chosen(front().views, [0])
    empty = RgbdViews(replace(views, masks=np.zeros_like(views.masks)))
    with pytest.raises(InvalidRequest, match="show nothing"):
        empty.gaussians(silent(), "cpu")


def test_arrays_of_other_shapes_are_refused() -> None:
    views = chosen(front().views, [0])
    with pytest.raises(ValueError, match="depths are"):
        replace(views, depths=views.depths[:, :-1])


def test_choosing_splats_can_be_cancelled() -> None:
    steps: list[float] = []
    progress = Progress(lambda at, _stage: steps.append(at), lambda: len(steps) > 2)
    with pytest.raises(Cancelled):
        whole().gaussians(progress, "cpu")
