"""Objects that nobody made: shapes composed of training objects, or of plain bodies.

They teach what any shape looks like from behind. They have no names: only pictures use them.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import trimesh
from numpy.typing import NDArray

from training.objects import Mesh

Random = np.random.Generator
Floats = NDArray[np.float32]

TEXTURE = 64  # texels a side of a pattern
COLOURS = 4  # at most, on one object
DEFORMED, TEXTURED, NATURAL = 0.4, 0.5, 0.5  # chances
UP = 1
BODIES = {  # and their shares
    "box": 0.3,
    "prism": 0.2,
    "cone": 0.1,
    "ball": 0.1,
    "ring": 0.05,
    "capsule": 0.05,
    "turned": 0.2,
}


def normalised(mesh: Mesh) -> Mesh:
    """Centred by its bounds, inside the unit sphere."""
    low, high = mesh.vertices.min(0), mesh.vertices.max(0)
    vertices = mesh.vertices - (low + high) / 2
    vertices /= max(float(np.linalg.norm(vertices, axis=1).max()), 1e-6)
    return replace(mesh, vertices=vertices.astype(np.float32))


def joined(meshes: list[Mesh]) -> Mesh:
    """All of them as one; their materials and textures stay their own."""
    vertices = np.cumsum([0] + [len(mesh.vertices) for mesh in meshes])
    materials = np.cumsum([0] + [len(mesh.material_rgba) for mesh in meshes])
    texels = np.cumsum([0] + [len(mesh.texels) for mesh in meshes])
    textures = np.cumsum([0] + [len(mesh.texture_shape) for mesh in meshes])

    def together(name: str, starts: NDArray[np.int64] | None = None) -> NDArray[np.generic]:
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
        vertices=together("vertices").astype(np.float32),
        faces=together("faces", vertices).astype(np.int32),
        face_material=together("face_material", materials).astype(np.int32),
        material_rgba=together("material_rgba").astype(np.float32),
        material_texture=np.concatenate(texture).astype(np.int32),
        vertex_rgb=together("vertex_rgb").astype(np.float32),
        uv=together("uv").astype(np.float32),
        texels=together("texels").astype(np.uint8),
        texture_shape=np.concatenate(shapes).astype(np.int32),
    )


def rotation_about_y(angle: float) -> NDArray[np.float64]:
    """[3, 3], radians."""
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


def composed(meshes: list[Mesh], random: Random) -> Mesh:
    """Two objects as one: on top of each other, side by side, or the lower part of one and the
    upper of the other; or one of them with plain bodies at it.
    """
    first, second = (_recoloured(_turned(mesh, random), random) for mesh in meshes)
    how = random.choice(("stacked", "beside", "chimera", "bodies"), p=(0.3, 0.15, 0.3, 0.25))
    if how == "chimera":
        both = joined([_half(first, lower=True), _half(second, lower=False)])
        return _placed(normalised(both if len(both.faces) else first), random)
    if how == "bodies":
        second = plain(random)
    second = replace(second, vertices=second.vertices * np.float32(random.uniform(0.35, 1.0)))
    axis = UP if how == "stacked" else int(random.choice((0, 1, 2)))
    second = _attached(first, second, axis, random)
    return _placed(normalised(joined([first, second])), random)


def plain(random: Random) -> Mesh:
    """Boxes, prisms, cones, balls, rings and turned profiles, put together as things are: parts
    touch each other, many are mirrored, stand on four legs, or come in rows and circles.
    """
    palette = _palette(random)
    parts = [_part(palette, random)]
    for _ in range(int(random.integers(0, 5))):
        part = _part(palette, random)
        size = np.float32(random.uniform(0.25, 1.0))
        part = replace(part, vertices=part.vertices * size)
        axis = int(random.choice((0, 1, 2), p=(0.25, 0.5, 0.25)))
        parts += _repeated(
            _attached(parts[int(random.integers(len(parts)))], part, axis, random), random
        )
    return _placed(normalised(joined(parts)), random)


def _attached(base: Mesh, part: Mesh, axis: int, random: Random) -> Mesh:
    """The part moved to touch a side of the base's bounds, a little inside."""
    low, high = base.vertices.min(0), base.vertices.max(0)
    least, most = part.vertices.min(0), part.vertices.max(0)
    free = (high - low) - (most - least)
    centred = random.random() < 0.6
    share = np.full(3, 0.5) if centred else random.uniform(0, 1, 3)
    shift = low + share * free - least
    sink = random.uniform(0, 0.3) * (most - least)[axis]
    above = random.random() < (0.7 if axis == UP else 0.5)
    shift[axis] = high[axis] - least[axis] - sink if above else low[axis] - most[axis] + sink
    return replace(part, vertices=(part.vertices + shift).astype(np.float32))


def _repeated(part: Mesh, random: Random) -> list[Mesh]:
    """The part alone, with its mirror image, four times, in a row that may rise, or in a circle."""
    how = random.choice(
        ("once", "mirrored", "legs", "row", "circle"), p=(0.35, 0.25, 0.15, 0.15, 0.1)
    )
    match how:
        case "once":
            return [part]
        case "mirrored":
            places = [part.vertices * (x, 1, 1) for x in (1, -1)]
        case "legs":
            corner = part.vertices + (0.3, 0, 0.3)
            places = [corner * (x, 1, z) for x in (1, -1) for z in (1, -1)]
        case "row":
            step = _row_step(part, random)
            places = [part.vertices + k * step for k in range(int(random.integers(3, 8)))]
        case _:
            away = part.vertices + (random.uniform(0.2, 0.8), 0, 0)
            count = int(random.integers(3, 8))
            places = [away @ rotation_about_y(2 * np.pi * k / count).T for k in range(count)]
    return [replace(part, vertices=place.astype(np.float32)) for place in places]


def _row_step(part: Mesh, random: Random) -> NDArray[np.float64]:
    """From one of a row to the next; some rows rise as stairs do."""
    size = part.vertices.max(0) - part.vertices.min(0)
    step = np.zeros(3)
    axis = int(random.choice((0, 2)))
    step[axis] = size[axis] * random.uniform(0.7, 1.8)
    step[UP] = size[UP] * random.uniform(0.3, 1.0) * (random.random() < 0.3)
    return step


def _part(palette: Floats, random: Random) -> Mesh:
    """One body, somehow stretched and turned, of one material."""
    body = _body(random)
    vertices = body.vertices - body.bounds.mean(0)
    vertices /= max(float(np.abs(vertices).max()), 1e-6)
    vertices *= np.exp(random.uniform(np.log(0.12), 0, 3)) if random.random() < 0.75 else 1
    if random.random() < 0.25:
        vertices = (
            vertices @ trimesh.transformations.random_rotation_matrix(random.random(3))[:3, :3]
        )
    else:
        vertices = vertices[:, random.permutation(3)]
    return _covered(vertices.astype(np.float32), body.faces, palette, random)


def _body(random: Random) -> trimesh.Trimesh:
    create, sections = trimesh.creation, int(random.choice((3, 4, 5, 6, 8, 12, 24)))
    match random.choice(
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
            return create.icosphere(int(random.integers(1, 4)))
        case "ring":
            return create.torus(1, random.uniform(0.1, 0.5), 24, 12)
        case "capsule":
            return create.capsule(2, random.uniform(0.2, 1), [16, 12])
    knots = np.sort(random.uniform(0, 1, int(random.integers(2, 7))))
    radii = random.uniform(0.1, 1, len(knots))
    profile = np.stack([np.r_[0, radii, 0], 2 * np.r_[knots[0], knots, knots[-1]]], 1)
    return create.revolve(profile, sections=sections)


def _covered(vertices: Floats, faces: NDArray[np.int64], palette: Floats, random: Random) -> Mesh:
    """Triangles of their own corners, with a plain colour or a pattern that is laid on from the
    side they face.
    """
    corners = vertices[faces]
    flat = corners.reshape(-1, 3)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    side = np.repeat(np.abs(normals).argmax(1), 3)
    planes = np.array([[2, 1], [0, 2], [0, 1]])[side]
    uv = np.take_along_axis(flat, planes, 1) * random.uniform(0.3, 2)
    colour = palette[random.integers(len(palette))]
    texels, texture = np.zeros((1, 4), np.uint8), -1
    if random.random() < TEXTURED:
        texels, texture = _pattern(colour, palette[random.integers(len(palette))], random), 0
        colour = np.ones(3, np.float32)
    return Mesh(
        vertices=flat.astype(np.float32),
        faces=np.arange(len(flat), dtype=np.int32).reshape(-1, 3),
        face_material=np.zeros(len(faces), np.int32),
        material_rgba=np.append(colour, 1).astype(np.float32)[None],
        material_texture=np.array([texture], np.int32),
        vertex_rgb=np.ones((len(flat), 3), np.float32),
        uv=uv.astype(np.float32),
        texels=texels,
        texture_shape=np.array([[0, TEXTURE, TEXTURE] if texture == 0 else [0, 1, 1]], np.int32),
    )


def _pattern(first: Floats, second: Floats, random: Random) -> NDArray[np.uint8]:
    """Stripes, checks, clouds or a gradient between two colours, texels [4096, 4]."""
    v, u = np.mgrid[:TEXTURE, :TEXTURE] / TEXTURE
    count = int(random.integers(1, 7))
    match random.choice(("stripes", "checks", "clouds", "gradient")):
        case "stripes":
            share = (np.floor((u if random.random() < 0.5 else v) * 2 * count) % 2).astype(float)
        case "checks":
            share = (np.floor(u * 2 * count) + np.floor(v * 2 * count)) % 2
        case "clouds":
            coarse = random.uniform(0, 1, (count + 2, count + 2))
            rows, columns = ((grid * (count + 1)).astype(int) for grid in (v, u))
            share = coarse[rows, columns]
        case _:
            share = v
    share = (share * random.uniform(0.3, 1))[..., None]
    rgb = first + (second - first) * share + random.normal(0, 0.03, (TEXTURE, TEXTURE, 1))
    rgba = np.concatenate([rgb.clip(0, 1), np.ones_like(share)], 2)
    return (255 * rgba).round().astype(np.uint8).reshape(-1, 4)


def _palette(random: Random) -> Floats:
    """Up to four colours: bright ones, or muted ones as wood, stone and metal have."""
    count = int(random.integers(1, COLOURS + 1))
    if random.random() < NATURAL:
        light = random.uniform(0.15, 0.95, (count, 1))
        warmth = random.uniform(-0.25, 0.15, (count, 1)) * light
        return (
            np.concatenate([light - warmth / 2, light, light + warmth], 1)
            .clip(0, 1)[:, ::1]
            .astype(np.float32)
        )
    return random.uniform(0, 1, (count, 3)).astype(np.float32)


def _turned(mesh: Mesh, random: Random) -> Mesh:
    """Turned by a multiple of 90 degrees, sometimes laid on its side."""
    turn = rotation_about_y(np.pi / 2 * random.integers(4))
    if random.random() < 0.15:
        turn = turn[[1, 2, 0]]  # a rotation: the axes go round
    return replace(mesh, vertices=(mesh.vertices @ turn.T).astype(np.float32))


def _recoloured(mesh: Mesh, random: Random) -> Mesh:
    """Its channels exchanged, for half of them."""
    if random.random() < 0.5:
        return mesh
    order = random.permutation(3)
    return replace(
        mesh,
        material_rgba=mesh.material_rgba[:, [*order, 3]],
        vertex_rgb=mesh.vertex_rgb[:, order],
        texels=mesh.texels[:, [*order, 3]],
    )


def _half(mesh: Mesh, *, lower: bool) -> Mesh:
    """Its triangles below or above the middle of its height."""
    heights = mesh.vertices[mesh.faces, UP].mean(1)
    kept = heights < 0 if lower else heights >= 0
    return replace(mesh, faces=mesh.faces[kept], face_material=mesh.face_material[kept])


def _placed(mesh: Mesh, random: Random) -> Mesh:
    """Turned by any angle; some are tapered, twisted, sheared or bent along their height."""
    x, y, z = (mesh.vertices @ rotation_about_y(random.uniform(0, 2 * np.pi)).T).T
    how = random.choice(("taper", "twist", "shear", "bend")) if random.random() < DEFORMED else ""
    match how:
        case "taper":
            scale = 1 + random.uniform(-0.6, 0.6) * y
            x, z = x * scale, z * scale
        case "twist":
            angle = random.uniform(-0.8, 0.8) * y
            x, z = x * np.cos(angle) - z * np.sin(angle), x * np.sin(angle) + z * np.cos(angle)
        case "shear":
            x = x + random.uniform(-0.5, 0.5) * y
        case "bend":
            x = x + random.uniform(-0.5, 0.5) * y * y
        case _:
            pass
    return normalised(replace(mesh, vertices=np.stack([x, y, z], 1).astype(np.float32)))
