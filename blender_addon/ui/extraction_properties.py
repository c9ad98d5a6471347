"""Properties of the extraction options, for the panel and for the operators' dialogs."""

from __future__ import annotations

import bpy
from bpy.props import BoolProperty, EnumProperty, IntProperty

from .. import api
from ..contract.protocol import (
    RESOLUTIONS,
    TEXTURE_SIZES,
    Closure,
    Crop,
    ExtractionOptions,
    Interior,
)

DEFAULT = ExtractionOptions()
VERTEX_COLORS = "0"

TEXTURES = (
    (VERTEX_COLORS, "Vertex colours", "No texture: a colour at each vertex", 0),
    *((str(s), f"{s} px", f"A texture of {s} by {s} pixels", s) for s in TEXTURE_SIZES),
)
CLOSURES = (
    (Closure.AUTO.value, "Automatic", "Watertight for objects, open for scenes", 0),
    (Closure.WATERTIGHT.value, "Watertight", "One closed skin, without holes", 1),
    (Closure.OPEN.value, "Open", "A surface only where the splats show one", 2),
)
INTERIORS = (
    (Interior.AUTO.value, "Automatic", "What is seen of it stays hollow, the rest is filled", 0),
    (Interior.SOLID.value, "Solid", "Filled, up to its opening", 1),
    (Interior.SHELL.value, "Shell", "Hollow: the skin becomes a wall as thick as a voxel", 2),
)
CROPS = (
    (Crop.AUTO.value, "Meshes", "Meshes are made of the subject alone", 0),
    (Crop.ALL.value, "Meshes and Points", "So are points", 1),
    (Crop.NONE.value, "Nothing", "All splats count, however far away", 2),
)


class ExtractionFields:
    """Property annotations for Blender classes that inherit them."""

    face_budget: IntProperty(
        name="Faces",
        description="How many triangles the mesh may have",
        default=DEFAULT.face_budget,
        min=4,
        max=5_000_000,
        soft_min=1_000,
        soft_max=200_000,
    )
    texture: EnumProperty(
        name="Texture",
        description="Where the mesh has its colours",
        items=TEXTURES,
        default=str(DEFAULT.texture_size),
    )
    automatic_detail: BoolProperty(
        name="Automatic Detail",
        description="Let the splats decide how fine the surface is looked at",
        default=not DEFAULT.resolution,
    )
    resolution: IntProperty(
        name="Detail",
        description="Voxels along the longest side; what is thinner than one comes out too thick",
        default=256,
        min=RESOLUTIONS[0],
        max=RESOLUTIONS[1],
    )
    closure: EnumProperty(
        name="Surface",
        description="What becomes of places that nobody can see",
        items=CLOSURES,
        default=DEFAULT.closure.value,
    )
    interior: EnumProperty(
        name="Interior",
        description="What becomes of the inside of a single skin of splats. Walls that have splats "
        "on both sides stay",
        items=INTERIORS,
        default=DEFAULT.interior.value,
    )
    close_bottom: BoolProperty(
        name="Close the Bottom",
        description="Fill what only opens towards the ground, as the inside of a bell does",
        default=DEFAULT.close_bottom,
    )
    quads: BoolProperty(
        name="Quads",
        description="Remesh the result to quads, half as many, with colours at the vertices. "
        "Blender stands still for some seconds meanwhile",
    )
    point_count: IntProperty(
        name="Points",
        description="How many points to draw from the splats",
        default=DEFAULT.point_count,
        min=1,
        max=20_000_000,
        soft_min=1_000,
        soft_max=500_000,
    )
    crop: EnumProperty(
        name="Without Sky",
        description="What is made without a sky or background that lies far around the subject of "
        "a capture",
        items=CROPS,
        default=DEFAULT.crop.value,
    )
    alone: BoolProperty(
        name="Show One Result",
        description="The results lie in one place: show only the mesh, or what comes next to it. "
        "The eyes and cameras in the Outliner bring back the rest",
        default=True,
    )

    def extraction(self) -> ExtractionOptions:
        """The options that a request takes."""
        return ExtractionOptions(
            face_budget=self.face_budget,
            texture_size=int(self.texture),
            resolution=0 if self.automatic_detail else self.resolution,
            closure=Closure(self.closure),
            close_bottom=self.close_bottom,
            point_count=self.point_count,
            interior=Interior(self.interior),
            crop=Crop(self.crop),
        )

    def post_import(self) -> api.PostImport:
        """What is done with the results after their import."""
        return api.PostImport(quads=self.quads, show_one=self.alone)

    def load_options(self, options: ExtractionOptions) -> None:
        """Set the properties from `options`."""
        self.face_budget = options.face_budget
        self.texture = str(options.texture_size)
        self.automatic_detail = not options.resolution
        self.resolution = options.resolution or self.resolution
        self.closure = options.closure.value
        self.close_bottom = options.close_bottom
        self.point_count = options.point_count
        self.interior = options.interior.value
        self.crop = options.crop.value

    def copy_from(self, other: ExtractionFields) -> None:
        """Copy all properties of `other`."""
        for name in ExtractionFields.__annotations__:
            setattr(self, name, getattr(other, name))


def draw_mesh_fields(layout: bpy.types.UILayout, fields: ExtractionFields) -> None:
    """The options of a mesh, in two columns."""
    layout.prop(fields, "face_budget")
    layout.prop(fields, "texture")
    row = layout.row(heading="Detail")
    row.prop(fields, "automatic_detail", text="Automatic")
    if not fields.automatic_detail:
        row.prop(fields, "resolution", text="")
    layout.prop(fields, "closure")
    column = layout.column()
    column.active = fields.closure != Closure.OPEN.value
    column.prop(fields, "interior")
    column.prop(fields, "close_bottom")
    layout.prop(fields, "quads")


def draw_point_fields(layout: bpy.types.UILayout, fields: ExtractionFields) -> None:
    """The options of points."""
    layout.prop(fields, "point_count")
