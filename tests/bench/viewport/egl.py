"""The draw handler's shaders without Blender: frames per second of a GPU, through EGL.

python tests/bench/viewport/egl.py [PICTURE.png]    needs numpy, plyfile, moderngl, Pillow

Draws and sorts as the add-on does, into an image of 1280 x 720; the order is uploaded for each
frame, the sorting is timed by itself, since it has a thread of its own.
"""

from __future__ import annotations

import sys
import time
import types
from pathlib import Path

import moderngl
import numpy as np

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT), str(ROOT / "backend")]
# The package itself needs Blender; these modules of it do not.
addon = types.ModuleType("blender_addon")
addon.__path__ = [str(ROOT / "blender_addon")]
sys.modules["blender_addon"] = addon

from blender_addon.viewport.depth_order import back_to_front  # noqa: E402
from blender_addon.viewport.packing import (  # noqa: E402
    TEXTURE_WIDTH,
    Instance,
    SplatArrays,
    View,
    base_colors,
    data_textures,
    instance_texture,
    order_texture,
    view_uniforms,
)
from tests.bench.viewport.surfels import surfel_arrays  # noqa: E402

COUNTS = (16_384, 262_144, 1_000_000)
WIDTH, HEIGHT = 1280, 720
QUADS = 64
FRAMES, WARM_UP = 60, 5
SHADERS = ROOT / "blender_addon" / "viewport"
SAMPLERS = ("order", "instances", "centers", "rotations", "scales", "colors", "scene_depth")
INTERFACE = (("vec2", "place"), ("vec2", "sigmas"), ("flat vec4", "color"), ("flat float", "depth"))


def shader_source(stage: str) -> str:
    """The add-on's source with the declarations that Blender makes of its create info."""
    vertex = stage == "vertex"
    lines = ["#version 430", f"#define QUADS {QUADS}", source("splats_view.glsl")]
    lines += ["layout(std140) uniform View { SplatView camera; };"]
    lines += [f"uniform sampler2D {name};" for name in SAMPLERS]
    for kind, name in INTERFACE:
        flat, _, plain = kind.rpartition(" ")
        lines.append(f"{flat} {'out' if vertex else 'in'} {plain} {name};")
    lines.append("in vec3 corner;" if vertex else "out vec4 splat_color;")
    return "\n".join([*lines, source(f"splats_{stage}.glsl")])


def source(name: str) -> str:
    return (SHADERS / name).read_text(encoding="utf-8")


def turned_view(degrees: float) -> View:
    """A camera three units from the origin."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    view = np.array([[c, s, 0, 0], [0, 0, 1, 0], [s, -c, 0, -3.0], [0, 0, 0, 1]])
    near, far, focal = 0.1, 100.0, 2.0
    depth = -(far + near) / (far - near), -2 * far * near / (far - near)
    projection = np.diag([focal * HEIGHT / WIDTH, focal, depth[0], 0])
    projection[2, 3], projection[3, 2] = depth[1], -1
    return View(view, projection, WIDTH, HEIGHT)


class Drawing:
    """The splats of one cloud on the GPU."""

    def __init__(self, context: moderngl.Context, count: int) -> None:
        arrays = surfel_arrays(count)
        base = np.concatenate([arrays["sh0"], arrays["opacities"][:, None]], axis=1)
        positions = np.ascontiguousarray(arrays["means"].T)
        self.part = SplatArrays(positions, arrays["quats"], arrays["scales"], base, ())
        self.instances = [Instance(0, np.eye(4))]
        self.context = context
        self.program = context.program(
            vertex_shader=shader_source("vertex"), fragment_shader=shader_source("fragment")
        )
        self.textures = {
            name: self.upload(values, 4) for name, values in data_textures([self.part]).items()
        }
        self.textures["colors"] = self.upload(base_colors([self.part]), 4)
        self.textures["instances"] = self.upload(instance_texture(self.instances), 4)
        self.uniforms = context.buffer(reserve=4 * len(view_uniforms(turned_view(0), 0, False)))
        self.target = context.framebuffer([context.texture((WIDTH, HEIGHT), 4, dtype="f2")])
        self.quads = self.batch()

    def upload(self, values: np.ndarray, channels: int) -> moderngl.Texture:
        size = TEXTURE_WIDTH, len(values) // TEXTURE_WIDTH
        return self.context.texture(size, channels, values.tobytes(), dtype="f4")

    def batch(self) -> moderngl.VertexArray:
        vertices = np.empty((QUADS, 4, 3), np.float32)
        vertices[..., :2] = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
        vertices[..., 2] = np.arange(QUADS)[:, None]
        triangles = np.array([0, 1, 2, 0, 2, 3]) + 4 * np.arange(QUADS)[:, None]
        buffer = self.context.buffer(vertices.tobytes())
        indices = self.context.buffer(triangles.astype(np.int32).tobytes())
        return self.context.vertex_array(self.program, [(buffer, "3f", "corner")], indices)

    def draw(self, order: np.ndarray, view: View) -> None:
        textures = self.textures | {"order": self.upload(order_texture(order), 2)}
        for unit, name in enumerate(SAMPLERS):
            if name in self.program:
                textures.get(name, textures["order"]).use(unit)
                self.program[name].value = unit
        self.uniforms.write(view_uniforms(view, len(order), False).tobytes())
        self.uniforms.bind_to_uniform_block(self.program["View"].binding)
        self.target.use()
        self.target.clear()
        self.context.enable(moderngl.BLEND)
        self.context.blend_func = moderngl.ONE, moderngl.ONE_MINUS_SRC_ALPHA
        self.quads.render(instances=-(-len(order) // QUADS))
        textures["order"].release()

    def frame(self, number: int) -> tuple[float, float]:
        """Seconds to sort, and to draw."""
        view = turned_view(6.0 * number)
        start = time.perf_counter()
        order = back_to_front([self.part], self.instances, view)
        sorted_at = time.perf_counter()
        self.draw(order, view)
        self.context.finish()
        return sorted_at - start, time.perf_counter() - sorted_at


def main(pictures: list[str]) -> None:
    context = moderngl.create_standalone_context(backend="egl", require=430)
    print(context.info["GL_RENDERER"])  # noqa: T201
    for count in COUNTS:
        drawing = Drawing(context, count)
        times = np.array([drawing.frame(i) for i in range(WARM_UP + FRAMES)])[WARM_UP:]
        sort, draw = np.median(times, axis=0)
        print(f"{count:>9} splats: {1 / draw:8.1f} frames/s, sorted in {1000 * sort:6.1f} ms")  # noqa: T201
    if pictures:
        save_picture(drawing, Path(pictures[0]))


def save_picture(drawing: Drawing, path: Path) -> None:
    from PIL import Image  # only for the picture

    pixels = np.frombuffer(drawing.target.read(components=4, dtype="f2"), np.float16)
    image = pixels.reshape(HEIGHT, WIDTH, 4)[::-1].astype(np.float32)
    over_grey = image[..., :3] + (1 - image[..., 3:]) * 0.25
    Image.fromarray(np.round(255 * np.clip(over_grey, 0, 1)).astype(np.uint8)).save(path)


if __name__ == "__main__":
    main(sys.argv[1:])
