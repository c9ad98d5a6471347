"""Where a ray from the viewer's eye ends: on what is seen, or on the ground."""

from __future__ import annotations

from dataclasses import dataclass

import bpy
from mathutils import Vector
from mathutils.geometry import intersect_line_plane

UP = Vector((0.0, 0.0, 1.0))
FAR = 1_000.0  # metres: beyond it, a point of the ground is the horizon


@dataclass(frozen=True)
class ViewRay:
    """A ray in the world: from `origin` along `direction`, which has length 1."""

    origin: Vector
    direction: Vector


def place_on_ray(scene: bpy.types.Scene, depsgraph: bpy.types.Depsgraph, ray: ViewRay) -> Vector:
    """Where something that is dropped along `ray` comes to stand.

    That is on the first visible face; else on the ground, Z = 0; else, towards the sky, at the
    depth of the 3D cursor. Splats and points have no faces.
    """
    hit, location, *_ = scene.ray_cast(depsgraph, ray.origin, ray.direction)
    if hit:
        return location
    ground = _meet_plane(ray, Vector(), UP)
    if ground is not None and (ground - ray.origin).length < FAR:
        return ground
    facing = _meet_plane(ray, scene.cursor.location, ray.direction)
    return facing if facing is not None else scene.cursor.location.copy()


def _meet_plane(ray: ViewRay, point: Vector, normal: Vector) -> Vector | None:
    """Where the ray meets a plane in front of the eye."""
    met = intersect_line_plane(ray.origin, ray.origin + ray.direction, point, normal)
    if met is None or (met - ray.origin).dot(ray.direction) <= 0:
        return None
    return met
