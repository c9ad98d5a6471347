"""Textured meshes from any source of a surface."""

from __future__ import annotations

import numpy as np
import trimesh
from PIL import Image
from trimesh.visual.material import PBRMaterial
from trimesh.visual.texture import TextureVisuals

from ..contract.protocol import ExtractionOptions
from ..progress import Progress
from .atlas.unwrap import unwrap
from .sources import SurfaceColors, SurfaceSource
from .surface.adjacency import face_neighbors
from .surface.shading_normals import split_sharp_edges
from .surface.triangle_surface import Surface
from .texture.baking import bake_texture
from .texture.vertex_colors import vertex_colors

_SURFACE_SHARE = 0.6  # of the progress


def extract_mesh(
    source: SurfaceSource, options: ExtractionOptions, progress: Progress, device: str
) -> trimesh.Trimesh:
    """A mesh of at most `options.face_budget` faces, textured, in the asset frame.

    Raises:
        InvalidRequest: the source has no surface, or one in too many pieces for a texture.
        Cancelled: between two steps.
    """
    colored = source.colored_surface(options, progress.part("", 0, _SURFACE_SHARE), device)
    texturing = progress.part("", _SURFACE_SHARE, 1)
    mesh = texture_surface(colored.surface, colored.colors, options.texture_size, texturing)
    # Assigning vertices would make trimesh drop the normals.
    mesh.apply_scale(colored.sphere.radius)
    mesh.apply_translation(colored.sphere.center)
    return mesh


def texture_surface(
    surface: Surface, colors: SurfaceColors, texture_size: int, progress: Progress
) -> trimesh.Trimesh:
    """`surface` with shading normals and a baked texture, or colours at its vertices.

    Args:
        colors: in the surface's frame.
        texture_size: pixels a side; 0 for colours at the vertices.

    Raises:
        InvalidRequest: the surface is in too many pieces for a texture.
        Cancelled: between two steps.
    """
    if not texture_size:
        painting = progress.part("Painting vertices", 0, 1)
        return _with_vertex_colors(surface, colors, painting)
    atlas = unwrap(surface, progress.part("Unwrapping", 0, 0.4))
    painting = progress.part("Painting the texture", 0.4, 1)
    image = bake_texture(atlas, colors, texture_size, painting)
    material = PBRMaterial(
        baseColorTexture=Image.fromarray(image), metallicFactor=0.0, roughnessFactor=1.0
    )
    u, v = atlas.uvs.T
    return trimesh.Trimesh(
        vertices=atlas.surface.vertices,
        faces=atlas.surface.faces,
        vertex_normals=atlas.normals,
        visual=TextureVisuals(uv=np.stack([u, 1 - v], axis=1), material=material),
        process=False,
    )


def _with_vertex_colors(
    surface: Surface, colors: SurfaceColors, progress: Progress
) -> trimesh.Trimesh:
    progress.step(0, 1)
    shaded = split_sharp_edges(surface, face_neighbors(surface.faces))
    found = vertex_colors(shaded.surface.vertices, shaded.normals, colors)
    progress.step(1, 1)
    return trimesh.Trimesh(
        vertices=shaded.surface.vertices,
        faces=shaded.surface.faces,
        vertex_normals=shaded.normals,
        vertex_colors=found,
        process=False,
    )
