"""A studio scene: backdrop, area lights and a camera that frames a box."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import bpy
from mathutils import Vector

from .materials import build_diffuse_material
from .nodes import clear_node_tree

ELEVATION = math.radians(16)
LENS_MILLIMETRES = 70
MARGIN = 1.0  # of the framed box's size
BACKDROP_COLOR = (0.50, 0.52, 0.55)
STEP_COLOR = (0.62, 0.63, 0.65)
WORLD_COLOR, WORLD_STRENGTH = (0.95, 0.97, 1.0), 0.45
WATTS = 13.0  # of a light of strength 1, times the squared width of the box
DENOISED_SAMPLES = 16


@dataclass(frozen=True)
class AreaLight:
    """A square light aimed at the box's centre; lengths in multiples of the box's width."""

    name: str
    location: tuple[float, float, float]
    edge: float
    strength: float
    color: tuple[float, float, float]


LIGHTS = (
    AreaLight("Key", (-0.7, -0.9, 1.1), 0.7, 1.0, (1.0, 0.95, 0.88)),
    AreaLight("Fill", (1.0, -0.8, 0.6), 1.0, 0.35, (0.88, 0.94, 1.0)),
    AreaLight("Rim", (0.3, 0.9, 1.1), 0.5, 0.6, (1.0, 1.0, 1.0)),
)


def build_studio(scene: bpy.types.Scene, lower: Vector, upper: Vector) -> bpy.types.Collection:
    """Add a studio around the box from `lower` to `upper` (world, metres)."""
    studio = bpy.data.collections.new("Studio")
    scene.collection.children.link(studio)
    studio.objects.link(_backdrop(lower, upper))
    for spec in LIGHTS:
        studio.objects.link(_add_light(spec, lower, upper))
    _set_up_world(scene)
    corners = [Vector(c) for c in _corners(lower, upper)]
    camera = _camera()
    studio.objects.link(camera)
    scene.camera = camera
    _fit_camera(camera, corners)
    return studio


def add_step(
    studio: bpy.types.Collection,
    lower: tuple[float, float],
    upper: tuple[float, float],
    height: float,
) -> bpy.types.Object:
    """Add a bevelled platform between two corners of the floor plan."""
    (x0, y0), (x1, y1) = lower, upper
    corners = ((x0, y0), (x1, y0), (x1, y1), (x0, y1))
    mesh = bpy.data.meshes.new("Step")
    mesh.from_pydata(
        [(x, y, z) for z in (0.0, height) for x, y in corners],
        [],
        [(4, 5, 6, 7), *((i, (i + 1) % 4, 4 + (i + 1) % 4, 4 + i) for i in range(4))],
    )
    mesh.materials.append(build_diffuse_material("Step", STEP_COLOR))
    step = bpy.data.objects.new("Step", mesh)
    bevel = step.modifiers.new("Soft edges", "BEVEL")
    bevel.width, bevel.segments = 0.03, 4
    studio.objects.link(step)
    return step


def add_label(
    studio: bpy.types.Collection, text: str, location: Sequence[float], height: float
) -> bpy.types.Object:
    """Add centred text on the floor at `location`; `height` is the font size in metres."""
    curve = bpy.data.curves.new(text, "FONT")
    curve.body = text
    curve.align_x = "CENTER"
    curve.size = height
    curve.extrude = 0.002
    curve.materials.append(build_diffuse_material("Label", (0.08, 0.08, 0.09)))
    label = bpy.data.objects.new(text, curve)
    label.location = location
    studio.objects.link(label)
    return label


def render(scene: bpy.types.Scene, target: Path, seconds: float) -> None:
    """Render with Cycles on the CPU into a PNG file, denoised, in at most about `seconds`.

    The view transform is "Standard": a filmic one would change the splats' colours.
    """
    scene.render.engine = "CYCLES"
    scene.cycles.device = "CPU"
    scene.cycles.samples = DENOISED_SAMPLES
    scene.cycles.use_adaptive_sampling = True
    scene.cycles.adaptive_threshold = 0.05
    scene.cycles.time_limit = seconds
    scene.cycles.use_denoising = True
    scene.cycles.max_bounces = 3
    scene.view_settings.view_transform = "Standard"
    scene.render.image_settings.file_format = "PNG"
    scene.render.filepath = str(target)
    bpy.ops.render.render(write_still=True, scene=scene.name)


def _backdrop(lower: Vector, upper: Vector) -> bpy.types.Object:
    """A floor with a curved transition to a wall behind."""
    width = upper.x - lower.x
    radius, back = 0.6 * width, upper.y + 0.4 * width
    steps = 24
    turns = (math.pi / 2 * i / steps for i in range(steps + 1))
    bend = [(back + radius * math.sin(t), radius * (1 - math.cos(t))) for t in turns]
    profile = [(lower.y - 4 * width, 0.0), *bend, (back + radius, 4 * width)]
    half, middle = 4 * width, (lower.x + upper.x) / 2
    corners = [(middle + side, y, lower.z + z) for y, z in profile for side in (-half, half)]
    faces = [(2 * i, 2 * i + 1, 2 * i + 3, 2 * i + 2) for i in range(len(profile) - 1)]
    mesh = bpy.data.meshes.new("Backdrop")
    mesh.from_pydata(corners, [], faces)
    mesh.shade_smooth()
    mesh.materials.append(build_diffuse_material("Backdrop", BACKDROP_COLOR))
    return bpy.data.objects.new("Backdrop", mesh)


def _add_light(spec: AreaLight, lower: Vector, upper: Vector) -> bpy.types.Object:
    width, middle = upper.x - lower.x, (lower + upper) / 2
    light = bpy.data.lights.new(spec.name, "AREA")
    light.shape = "SQUARE"
    light.size = spec.edge * width
    light.energy = WATTS * spec.strength * width**2
    light.color = spec.color
    obj = bpy.data.objects.new(spec.name, light)
    obj.location = middle + width * Vector(spec.location)
    obj.rotation_euler = (middle - obj.location).to_track_quat("-Z", "Y").to_euler()
    return obj


def _set_up_world(scene: bpy.types.Scene) -> None:
    world = scene.world = bpy.data.worlds.new("Studio")
    tree = clear_node_tree(world)
    sky = tree.out("ShaderNodeBackground", (*WORLD_COLOR, 1.0), WORLD_STRENGTH)
    tree.add("ShaderNodeOutputWorld", sky)


def _camera() -> bpy.types.Object:
    lens = bpy.data.cameras.new("Camera")
    lens.lens = LENS_MILLIMETRES
    camera = bpy.data.objects.new("Camera", lens)
    camera.rotation_euler = (math.pi / 2 - ELEVATION, 0, 0)
    return camera


def _fit_camera(camera: bpy.types.Object, corners: Sequence[Vector]) -> None:
    bpy.context.view_layer.update()
    middle = sum(corners, Vector()) / len(corners)
    spread = [x for c in corners for x in middle + MARGIN * (c - middle)]
    depsgraph = bpy.context.evaluated_depsgraph_get()
    camera.location, _ = camera.camera_fit_coords(depsgraph, spread)


def _corners(lower: Vector, upper: Vector) -> list[tuple[float, float, float]]:
    return [
        (x, y, z)
        for x in (lower.x, upper.x)
        for y in (lower.y, upper.y)
        for z in (lower.z, upper.z)
    ]
