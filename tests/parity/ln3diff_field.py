"""LN3Diff's cases of density fields: grid, contour, rays and rendering."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from splatsmith.engines.ln3diff.checkpoint import decoder_tensors
from splatsmith.engines.ln3diff.triplane import BOX, PointMlp, Triplane
from splatsmith.engines.ln3diff.triplane_field import triplane_field
from splatsmith.extraction.surface.marching_cubes import marching_cubes
from splatsmith.gaussians.cameras import Cameras
from splatsmith.nn.checkpoint_loading import load_parameters
from splatsmith.progress import silent
from splatsmith.representations.field_function import FieldFunction
from splatsmith.representations.field_rendering import SampleCounts, camera_rays, march

from .case import Case, Outputs, Registry
from .reference.contours import (
    ambiguous_cells,
    cells_at,
    dense_volume,
    differing_cells,
    in_order_of,
    loops_by_cell,
)

CHECKS = Registry()


@CHECKS("density_grid")
def check_grid(case: Case) -> Outputs:
    triplane, count = _triplane(case), case.inputs["grid_size"]
    axis = torch.linspace(-BOX / 2, BOX / 2, count)
    points = torch.cartesian_prod(axis, axis, axis)
    density, color = triplane.evaluate(points)
    assert (_grid_densities(triplane, axis) - density.reshape(count, count, count)).abs().max() < (
        case.tolerance["value"] * density.abs().max()
    )
    return {
        "grid_sigma": density.reshape(1, count, count, count, 1),
        "grid_rgb": color.reshape(1, count, count, count, 3),
        **_at_points(*triplane.evaluate(case.inputs["points"][0])),
    }


@CHECKS("marching_cubes")
def check_contour(case: Case) -> Outputs:
    """Faces are compared by the borders of each cell's part: cells without ambiguous faces have
    the same, and the others cross the same edges; see `reference.contours`.
    """
    signed = (case.inputs["iso"] - case.inputs["sigma"]).numpy()
    expected, faces = case.outputs["vertices_grid_units"], case.outputs["faces"]
    surface = marching_cubes(dense_volume(signed))
    vertices = torch.from_numpy(surface.vertices).double()
    numbers = in_order_of(vertices, expected)
    vertices = vertices[torch.from_numpy(numbers)]
    own_faces = torch.from_numpy(np.argsort(numbers)[surface.faces])
    ours = loops_by_cell(vertices, own_faces)
    # The published faces may be seen from inside.
    differing = min(
        (differing_cells(ours, loops_by_cell(expected, each)) for each in (faces, faces.flip(1))),
        key=len,
    )
    if not differing <= ambiguous_cells(signed < 0) | cells_at(signed == 0):
        faces = torch.zeros_like(faces)
    world = (vertices / (len(signed) - 1) * 2 - 1) * (BOX / 2)
    x, y, z = world.unbind(1)
    return {
        "vertices_grid_units": vertices,
        "faces": faces,
        "vertices_world": world,
        "vertices_export_y_up": torch.stack([x, z, -y], 1),
    }


@CHECKS("rays")
def check_rays(case: Case) -> Outputs:
    rays = camera_rays(_camera(case, case.inputs["resolution"]), "cpu")
    return {"ray_origins": rays.origins[None], "ray_directions": rays.directions[None]}


@CHECKS("render")
def check_rendering(case: Case) -> Outputs:
    given = case.inputs
    size = case.outputs["image"].shape[-1]
    draws: Iterator[Tensor] = iter([given["rand_stratified"][0, ..., 0], given["rand_importance"]])
    settings = case.config["rendering_kwargs"]
    counts = SampleCounts(settings["depth_resolution"], settings["depth_resolution_importance"])
    rays = camera_rays(_camera(case, size), "cpu")
    marched = march(
        _in_network_frame(_triplane(case)),
        rays,
        counts,
        lambda _rays, _count: next(draws),
        silent(),
    )

    def as_image(values: Tensor) -> Tensor:
        return values.reshape(1, size, size, -1).permute(0, 3, 1, 2)

    return {
        "image": as_image(marched.over(torch.ones(3)) * 2 - 1),
        "depth": as_image(marched.clamped_depths),
        "mask": as_image(marched.alphas * 1.002 - 0.001),
    }


def _triplane(case: Case) -> Triplane:
    mlp = PointMlp().eval()
    prefix = "point_mlp."
    tensors = decoder_tensors(case.weights())
    load_parameters(mlp, {name.removeprefix(prefix): each for name, each in tensors.items()})
    return Triplane(case.inputs["planes"][0].unflatten(0, (3, -1)), mlp)


def _in_network_frame(triplane: Triplane) -> FieldFunction:
    """Its field, for cameras of the network's world."""
    field = triplane_field(triplane)
    return replace(field, evaluate=triplane.evaluate, on_grid=None)


def _grid_densities(triplane: Triplane, axis: Tensor) -> Tensor:
    """[n, n, n] on the network's axes, as the extraction evaluates them: block by block."""
    count = len(axis)
    padded = torch.nn.functional.pad(axis[None, None], (0, -count % 8), "replicate")[0, 0]
    # The asset's axes are the network's x, z and -y.
    grid = triplane_field(triplane).grid_densities(
        *(each.numpy() for each in (padded, padded, -padded))
    )
    blocks = len(padded) // 8
    numbers = torch.arange(blocks)
    values = grid.densities(torch.cartesian_prod(numbers, numbers, numbers))
    dense = values.reshape(blocks, blocks, blocks, 8, 8, 8).permute(0, 3, 1, 4, 2, 5)
    whole = dense.reshape([8 * blocks] * 3).transpose(1, 2)
    return whole[:count, :count, :count]


def _camera(case: Case, size: int) -> Cameras:
    """Of a vector of 16 numbers of the pose and 9 of the intrinsics, in images of width 1."""
    vector = case.inputs["camera25"][0]
    k = vector[16:].reshape(3, 3).clone()
    k[:2] *= size
    viewmat = torch.linalg.inv(vector[:16].reshape(4, 4))
    return Cameras(viewmat[None].numpy(), k[None].numpy(), size, size)


def _at_points(density: Tensor, color: Tensor) -> dict[str, Tensor]:
    return {"point_sigma": density[None, :, None], "point_rgb": color[None]}
