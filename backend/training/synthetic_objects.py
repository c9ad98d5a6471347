"""Random synthetic objects: combinations of two training objects, or of geometric primitives.

They add variety of shape. They have no captions, so only picture-conditioned training uses them.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import trimesh
from numpy.typing import NDArray

from training.objects import Mesh

Rng = np.random.Generator
Floats = NDArray[np.float32]

TEXTURE_SIZE = 64  # texels along each side
MAX_COLORS = 4  # of one object
DEFORM_CHANCE, TEXTURE_CHANCE, MUTED_CHANCE = 0.4, 0.5, 0.5
Y_AXIS = 1


def normalized(mesh: Mesh) -> Mesh:
    """The mesh with its bounding box centered and its farthest vertex at distance 1."""
    low, high = mesh.vertices.min(0), mesh.vertices.max(0)
    vertices = mesh.vertices - (low + high) / 2
    vertices /= max(float(np.linalg.norm(vertices, axis=1).max()), 1e-6)
    return replace(mesh, vertices=vertices.astype(np.float32))


def concatenate(meshes: list[Mesh]) -> Mesh:
    """One mesh of all triangles, materials and textures."""
    vertices = np.cumsum([0] + [len(mesh.vertices) for mesh in meshes])
    materials = np.cumsum([0] + [len(mesh.material_rgba) for mesh in meshes])
    texels = np.cumsum([0] + [len(mesh.texels) for mesh in meshes])
    textures = np.cumsum([0] + [len(mesh.texture_shape) for mesh in meshes])

    def concatenated(name: str, starts: NDArray[np.int64] | None = None) -> NDArray[np.generic]:
        parts = [getattr(mesh, name) for mesh in meshes]
        if starts is not None:
            parts = [part + start for part, start in zip(parts, starts, strict=False)]
        return np.concatenate(parts)

    texture = [
        np.where(mesh.material_texture >= 0, mesh.material_texture + start, -1)
        for mesh, start in zip(meshes, textures, strict=False)
    ]
    shapes = [
        mesh.texture_shape + np.array([start, 0, 0])
        for mesh, start in zip(meshes, texels, strict=False)
    ]
    return Mesh(
        vertices=concatenated("vertices").astype(np.float32),
        faces=concatenated("faces", vertices).astype(np.int32),
        face_material=concatenated("face_material", materials).astype(np.int32),
        material_rgba=concatenated("material_rgba").astype(np.float32),
        material_texture=np.concatenate(texture).astype(np.int32),
        vertex_rgb=concatenated("vertex_rgb").astype(np.float32),
        uv=concatenated("uv").astype(np.float32),
        texels=concatenated("texels").astype(np.uint8),
        texture_shape=np.concatenate(shapes).astype(np.int32),
    )


def rotation_about_y(angle: float) -> NDArray[np.float64]:
    """[3, 3], radians."""
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


def compose(meshes: list[Mesh], rng: Rng) -> Mesh:
    """One object of two: stacked, side by side, the lower half of one under the upper half of the
    other, or the first with primitives attached.
    """
    first, second = (_permute_channels(_rotated(mesh, rng), rng) for mesh in meshes)
    mode = rng.choice(("stacked", "beside", "halves", "primitives"), p=(0.3, 0.15, 0.3, 0.25))
    if mode == "halves":
        both = concatenate([_clip_half(first, lower=True), _clip_half(second, lower=False)])
        return _deform_and_rotate(normalized(both if len(both.faces) else first), rng)
    if mode == "primitives":
        second = assemble_primitives(rng)
    second = replace(second, vertices=second.vertices * np.float32(rng.uniform(0.35, 1.0)))
    axis = Y_AXIS if mode == "stacked" else int(rng.choice((0, 1, 2)))
    second = _attach(first, second, axis, rng)
    return _deform_and_rotate(normalized(concatenate([first, second])), rng)


def assemble_primitives(rng: Rng) -> Mesh:
    """One to about thirty boxes, prisms, cones, spheres, tori, capsules and surfaces of revolution
    that touch each other; many parts are mirrored or repeated as legs, in rows or in circles.
    """
    palette = _palette(rng)
    parts = [_random_part(palette, rng)]
    for _ in range(int(rng.integers(0, 5))):
        part = _random_part(palette, rng)
        size = np.float32(rng.uniform(0.25, 1.0))
        part = replace(part, vertices=part.vertices * size)
        axis = int(rng.choice((0, 1, 2), p=(0.25, 0.5, 0.25)))
        parts += _repeat(_attach(parts[int(rng.integers(len(parts)))], part, axis, rng), rng)
    return _deform_and_rotate(normalized(concatenate(parts)), rng)


def _attach(base: Mesh, part: Mesh, axis: int, rng: Rng) -> Mesh:
    """The part, moved to overlap a side of the base's bounding box a little."""
    low, high = base.vertices.min(0), base.vertices.max(0)
    least, most = part.vertices.min(0), part.vertices.max(0)
    free = (high - low) - (most - least)
    centered = rng.random() < 0.6
    share = np.full(3, 0.5) if centered else rng.uniform(0, 1, 3)
    shift = low + share * free - least
    sink = rng.uniform(0, 0.3) * (most - least)[axis]
    above = rng.random() < (0.7 if axis == Y_AXIS else 0.5)
    shift[axis] = high[axis] - least[axis] - sink if above else low[axis] - most[axis] + sink
    return replace(part, vertices=(part.vertices + shift).astype(np.float32))


def _repeat(part: Mesh, rng: Rng) -> list[Mesh]:
    """The part once, with its mirror image, as four legs, in a row (or stairs), or in a circle."""
    mode = rng.choice(
        ("once", "mirrored", "legs", "row", "circle"), p=(0.35, 0.25, 0.15, 0.15, 0.1)
    )
    match mode:
        case "once":
            return [part]
        case "mirrored":
            copies = [part.vertices * (x, 1, 1) for x in (1, -1)]
        case "legs":
            corner = part.vertices + (0.3, 0, 0.3)
            copies = [corner * (x, 1, z) for x in (1, -1) for z in (1, -1)]
        case "row":
            step = _row_step(part, rng)
            copies = [part.vertices + k * step for k in range(int(rng.integers(3, 8)))]
        case _:
            offset = part.vertices + (rng.uniform(0.2, 0.8), 0, 0)
            count = int(rng.integers(3, 8))
            copies = [offset @ rotation_about_y(2 * np.pi * k / count).T for k in range(count)]
    return [replace(part, vertices=copy.astype(np.float32)) for copy in copies]


def _row_step(part: Mesh, rng: Rng) -> NDArray[np.float64]:
    """Offset [3] between neighbors in a row; some rows rise like stairs."""
    size = part.vertices.max(0) - part.vertices.min(0)
    step = np.zeros(3)
    axis = int(rng.choice((0, 2)))
    step[axis] = size[axis] * rng.uniform(0.7, 1.8)
    step[Y_AXIS] = size[Y_AXIS] * rng.uniform(0.3, 1.0) * (rng.random() < 0.3)
    return step


def _random_part(palette: Floats, rng: Rng) -> Mesh:
    """One primitive, randomly stretched and rotated, of one material."""
    body = _random_primitive(rng)
    vertices = body.vertices - body.bounds.mean(0)
    vertices /= max(float(np.abs(vertices).max()), 1e-6)
    vertices *= np.exp(rng.uniform(np.log(0.12), 0, 3)) if rng.random() < 0.75 else 1
    if rng.random() < 0.25:
        vertices = vertices @ trimesh.transformations.random_rotation_matrix(rng.random(3))[:3, :3]
    else:
        vertices = vertices[:, rng.permutation(3)]
    return _textured(vertices.astype(np.float32), body.faces, palette, rng)


def _random_primitive(rng: Rng) -> trimesh.Trimesh:
    create, sections = trimesh.creation, int(rng.choice((3, 4, 5, 6, 8, 12, 24)))
    match rng.choice(
        ("box", "prism", "cone", "ball", "ring", "turned", "capsule"),
        p=(0.3, 0.2, 0.1, 0.1, 0.05, 0.2, 0.05),
    ):
        case "box":
            return create.box().subdivide().subdivide()
        case "prism":
            return create.cylinder(1, 2, sections=sections)
        case "cone":
            return create.cone(1, 2, sections=sections)
        case "ball":
            return create.icosphere(int(rng.integers(1, 4)))
        case "ring":
            return create.torus(1, rng.uniform(0.1, 0.5), 24, 12)
        case "capsule":
            return create.capsule(2, rng.uniform(0.2, 1), [16, 12])
    knots = np.sort(rng.uniform(0, 1, int(rng.integers(2, 7))))
    radii = rng.uniform(0.1, 1, len(knots))
    profile = np.stack([np.r_[0, radii, 0], 2 * np.r_[knots[0], knots, knots[-1]]], 1)
    return create.revolve(profile, sections=sections)


def _textured(vertices: Floats, faces: NDArray[np.int64], palette: Floats, rng: Rng) -> Mesh:
    """Unshared triangles with a plain color or a pattern, projected along each triangle's major
    axis.
    """
    corners = vertices[faces]
    flat = corners.reshape(-1, 3)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    side = np.repeat(np.abs(normals).argmax(1), 3)
    planes = np.array([[2, 1], [0, 2], [0, 1]])[side]
    uv = np.take_along_axis(flat, planes, 1) * rng.uniform(0.3, 2)
    color = palette[rng.integers(len(palette))]
    texels, texture = np.zeros((1, 4), np.uint8), -1
    if rng.random() < TEXTURE_CHANCE:
        texels, texture = _pattern(color, palette[rng.integers(len(palette))], rng), 0
        color = np.ones(3, np.float32)
    return Mesh(
        vertices=flat.astype(np.float32),
        faces=np.arange(len(flat), dtype=np.int32).reshape(-1, 3),
        face_material=np.zeros(len(faces), np.int32),
        material_rgba=np.append(color, 1).astype(np.float32)[None],
        material_texture=np.array([texture], np.int32),
        vertex_rgb=np.ones((len(flat), 3), np.float32),
        uv=uv.astype(np.float32),
        texels=texels,
        texture_shape=np.array(
            [[0, TEXTURE_SIZE, TEXTURE_SIZE] if texture == 0 else [0, 1, 1]], np.int32
        ),
    )


def _pattern(first: Floats, second: Floats, rng: Rng) -> NDArray[np.uint8]:
    """Stripes, checks, random cells or a gradient between two colors, texels [4096, 4]."""
    v, u = np.mgrid[:TEXTURE_SIZE, :TEXTURE_SIZE] / TEXTURE_SIZE
    count = int(rng.integers(1, 7))
    match rng.choice(("stripes", "checks", "clouds", "gradient")):
        case "stripes":
            share = (np.floor((u if rng.random() < 0.5 else v) * 2 * count) % 2).astype(float)
        case "checks":
            share = (np.floor(u * 2 * count) + np.floor(v * 2 * count)) % 2
        case "clouds":
            coarse = rng.uniform(0, 1, (count + 2, count + 2))
            rows, columns = ((grid * (count + 1)).astype(int) for grid in (v, u))
            share = coarse[rows, columns]
        case _:
            share = v
    share = (share * rng.uniform(0.3, 1))[..., None]
    rgb = first + (second - first) * share + rng.normal(0, 0.03, (TEXTURE_SIZE, TEXTURE_SIZE, 1))
    rgba = np.concatenate([rgb.clip(0, 1), np.ones_like(share)], 2)
    return (255 * rgba).round().astype(np.uint8).reshape(-1, 4)


def _palette(rng: Rng) -> Floats:
    """Up to four colors [C, 3]: uniform random, or muted like wood, stone and metal."""
    count = int(rng.integers(1, MAX_COLORS + 1))
    if rng.random() < MUTED_CHANCE:
        light = rng.uniform(0.15, 0.95, (count, 1))
        warmth = rng.uniform(-0.25, 0.15, (count, 1)) * light
        return (
            np.concatenate([light - warmth / 2, light, light + warmth], 1)
            .clip(0, 1)[:, ::1]
            .astype(np.float32)
        )
    return rng.uniform(0, 1, (count, 3)).astype(np.float32)


def _rotated(mesh: Mesh, rng: Rng) -> Mesh:
    """Rotated about Y by a multiple of 90 degrees, sometimes laid on its side."""
    rotation = rotation_about_y(np.pi / 2 * rng.integers(4))
    if rng.random() < 0.15:
        rotation = rotation[[1, 2, 0]]  # a cyclic permutation of the axes is a rotation
    return replace(mesh, vertices=(mesh.vertices @ rotation.T).astype(np.float32))


def _permute_channels(mesh: Mesh, rng: Rng) -> Mesh:
    """The mesh, with its color channels permuted in half of the cases."""
    if rng.random() < 0.5:
        return mesh
    order = rng.permutation(3)
    return replace(
        mesh,
        material_rgba=mesh.material_rgba[:, [*order, 3]],
        vertex_rgb=mesh.vertex_rgb[:, order],
        texels=mesh.texels[:, [*order, 3]],
    )


def _clip_half(mesh: Mesh, *, lower: bool) -> Mesh:
    """The triangles below or above the middle of its height."""
    heights = mesh.vertices[mesh.faces, Y_AXIS].mean(1)
    kept = heights < 0 if lower else heights >= 0
    return replace(mesh, faces=mesh.faces[kept], face_material=mesh.face_material[kept])


def _deform_and_rotate(mesh: Mesh, rng: Rng) -> Mesh:
    """Rotated about Y by any angle; some are tapered, twisted, sheared or bent along Y."""
    x, y, z = (mesh.vertices @ rotation_about_y(rng.uniform(0, 2 * np.pi)).T).T
    mode = rng.choice(("taper", "twist", "shear", "bend")) if rng.random() < DEFORM_CHANCE else ""
    match mode:
        case "taper":
            scale = 1 + rng.uniform(-0.6, 0.6) * y
            x, z = x * scale, z * scale
        case "twist":
            angle = rng.uniform(-0.8, 0.8) * y
            x, z = x * np.cos(angle) - z * np.sin(angle), x * np.sin(angle) + z * np.cos(angle)
        case "shear":
            x = x + rng.uniform(-0.5, 0.5) * y
        case "bend":
            x = x + rng.uniform(-0.5, 0.5) * y * y
        case _:
            pass
    return normalized(replace(mesh, vertices=np.stack([x, y, z], 1).astype(np.float32)))
