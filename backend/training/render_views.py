"""Draw every object from 32 cameras: colour, alpha, depth and normals at 128 x 128.

    python -m training.render_views OBJECTS VIEWS [--limit N] [--forms 4] [--invented 8000]
        [--also OBJECTS] [--also-forms 2]

A z-buffer in numba, two-sided, four samples a pixel, no light. 16 views stand on a ring at the
elevation that the autoencoder sees, 16 more at the same azimuths with a random elevation. Every
object is drawn in several forms, all but the first stretched at random and every second one
turned a little. Then come objects that `invented.py` makes of the training objects or of plain
bodies, and last the objects of a second pack, for pictures alone.
"""

# ruff: noqa: ANN001, ANN202 - compiled by numba, which infers the types
# pyright: reportArgumentType=false
from __future__ import annotations

import argparse
import json
import logging
import multiprocessing
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numba
import numpy as np
from numpy.typing import NDArray

from training.objects import Mesh, ObjectRecord, read_index, read_mesh
from training.synthetic_objects import composed, plain, rotation_about_y

log = logging.getLogger(__name__)

RING = 16
RING_ELEVATION = 18.0
ELEVATIONS = (-10.0, 60.0)  # range of the other views, degrees
VIEWS = 2 * RING
SIZE = 128
SAMPLES = 2  # along each side of a pixel
DISTANCE = 3.0
FOV = 40.0  # degrees, whole angle
EMPTY = np.float32(1e9)


@dataclass(frozen=True)
class ViewArrays:
    """The drawn set, memory-mapped: O objects, 32 views; views 0..15 are the ring.

    Stretched forms follow all the originals, form by form, in the same order; then come those
    without names: the invented ones, and the second pack's, form by form.
    """

    rgba: NDArray[np.uint8]  # [O, 32, 128, 128, 4], colour premultiplied by alpha
    depth: NDArray[np.float16]  # [O, 32, 128, 128], along the camera's axis, 0 = nothing
    normals: NDArray[np.int8]  # [O, 32, 128, 128, 3], world frame, towards the camera, x 127
    elevations: NDArray[np.float32]  # [O, 32], degrees; azimuth of view i is (i % 16) * 22.5


def form_of(mesh: Mesh, object_id: str, form: int) -> Mesh:
    """The mesh with its sides scaled by 0.7 to 1.4 each, inside the unit sphere again; form 0 is
    the mesh itself. Odd forms are also turned by up to half a step of the ring, so that things
    are seen from everywhere and not from 16 sides alone.
    """
    if form == 0:
        return mesh
    generator = np.random.default_rng([form, *object_id.encode()])
    vertices = mesh.vertices * np.exp(generator.uniform(np.log(0.7), np.log(1.4), 3))
    if is_turned(form):
        vertices = vertices @ rotation_about_y(generator.uniform(-0.5, 0.5) * 2 * np.pi / RING).T
    vertices /= np.linalg.norm(vertices, axis=1).max()
    return replace(mesh, vertices=vertices.astype(np.float32))


def is_turned(form: int) -> bool:
    return form % 2 == 1


def parts_of_invention(known: list[ObjectRecord], number: int) -> tuple[ObjectRecord, ...]:
    """Which training objects the invented one of this number is made of: two, or none."""
    if number % 2:
        return ()
    return tuple(
        known[which] for which in np.random.default_rng(number).integers(len(known), size=2)
    )


def invent(objects: Path, parts: tuple[ObjectRecord, ...], number: int) -> Mesh:
    """The invented object of this number: of its parts, or of plain bodies."""
    generator = np.random.default_rng([1, number])
    if not parts:
        return plain(generator)
    return composed([read_mesh(objects, part) for part in parts], generator)


def view_elevations(object_id: str) -> NDArray[np.float32]:
    """[32] degrees; the random half depends on the object's id alone."""
    generator = np.random.default_rng(list(object_id.encode()))
    ring = np.full(RING, RING_ELEVATION)
    return np.concatenate([ring, generator.uniform(*ELEVATIONS, RING)]).astype(np.float32)


def camera_rotation(azimuth: float, elevation: float) -> NDArray[np.float32]:
    """World-to-camera rotation [3, 3], OpenCV axes; azimuth 0 looks at the front (+Z), degrees."""
    a, e = np.radians(azimuth), np.radians(elevation)
    backward = np.array([np.sin(a) * np.cos(e), np.sin(e), np.cos(a) * np.cos(e)])
    right = np.array([np.cos(a), 0.0, -np.sin(a)])
    return np.stack([right, np.cross(right, backward), -backward]).astype(np.float32)


@numba.njit(cache=True, fastmath=True)
def _surface(texels, shape, u, v):  # noqa: ANN001, ANN202 - compiled
    column = min(int((u - np.floor(u)) * shape[2]), shape[2] - 1)
    row = min(int((v - np.floor(v)) * shape[1]), shape[1] - 1)
    return texels[shape[0] + row * shape[2] + column]


@numba.njit(cache=True, fastmath=True)
def _draw(
    camera,
    faces,
    material,
    rgba,
    texture,
    vertex_rgb,
    uv,
    texels,
    shapes,
    focal,
    depth,
    color,
    face,
):  # noqa: ANN001, ANN202, C901, E501, PLR0913 - one compiled loop
    """Fill depth [S, S] (EMPTY before), color [S, S, 3] and the number of the nearest face [S,
    S].
    """
    size = depth.shape[0]
    for f in range(faces.shape[0]):
        i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
        a, b, c = camera[i], camera[j], camera[k]
        xa, ya = focal * a[0] / a[2] + size / 2, focal * a[1] / a[2] + size / 2
        xb, yb = focal * b[0] / b[2] + size / 2, focal * b[1] / b[2] + size / 2
        xc, yc = focal * c[0] / c[2] + size / 2, focal * c[1] / c[2] + size / 2
        area = (xb - xa) * (yc - ya) - (xc - xa) * (yb - ya)
        if abs(area) < 1e-9:
            continue
        m = material[f]
        t = texture[m]
        for y in range(
            max(0, int(np.ceil(min(ya, yb, yc) - 0.5))),
            min(size - 1, int(max(ya, yb, yc) - 0.5)) + 1,
        ):
            for x in range(
                max(0, int(np.ceil(min(xa, xb, xc) - 0.5))),
                min(size - 1, int(max(xa, xb, xc) - 0.5)) + 1,
            ):
                px, py = x + 0.5, y + 0.5
                wb = ((px - xa) * (yc - ya) - (xc - xa) * (py - ya)) / area
                wc = ((xb - xa) * (py - ya) - (px - xa) * (yb - ya)) / area
                wa = 1 - wb - wc
                if wa < 0 or wb < 0 or wc < 0:
                    continue
                z = 1 / (wa / a[2] + wb / b[2] + wc / c[2])
                if z >= depth[y, x]:
                    continue
                wa, wb, wc = wa * z / a[2], wb * z / b[2], wc * z / c[2]
                r, g, bl = rgba[m, 0], rgba[m, 1], rgba[m, 2]
                if t >= 0:
                    u = wa * uv[i, 0] + wb * uv[j, 0] + wc * uv[k, 0]
                    v = wa * uv[i, 1] + wb * uv[j, 1] + wc * uv[k, 1]
                    texel = _surface(texels, shapes[t], u, v)
                    if texel[3] < 128:
                        continue
                    r, g, bl = r * texel[0] / 255, g * texel[1] / 255, bl * texel[2] / 255
                depth[y, x] = z
                color[y, x, 0] = r * (
                    wa * vertex_rgb[i, 0] + wb * vertex_rgb[j, 0] + wc * vertex_rgb[k, 0]
                )
                color[y, x, 1] = g * (
                    wa * vertex_rgb[i, 1] + wb * vertex_rgb[j, 1] + wc * vertex_rgb[k, 1]
                )
                color[y, x, 2] = bl * (
                    wa * vertex_rgb[i, 2] + wb * vertex_rgb[j, 2] + wc * vertex_rgb[k, 2]
                )
                face[y, x] = f


@numba.njit(cache=True, fastmath=True)
def _reduce(depth, color, face, face_normals, rgba, nearest, normals):  # noqa: ANN001, ANN202, C901, PLR0913 - compiled
    """Average the samples of each pixel; depth takes the nearest, empty pixels get 0."""
    share = 255 / SAMPLES**2
    for y in range(SIZE):
        for x in range(SIZE):
            total = np.zeros(4, np.float32)
            direction = np.zeros(3, np.float32)
            near = EMPTY
            for v in range(y * SAMPLES, (y + 1) * SAMPLES):
                for u in range(x * SAMPLES, (x + 1) * SAMPLES):
                    if depth[v, u] < EMPTY:
                        total[:3] += color[v, u]
                        total[3] += 1
                        direction += face_normals[face[v, u]]
                        near = min(near, depth[v, u])
            length = np.sqrt((direction * direction).sum()) + 1e-6
            for c in range(4):
                rgba[y, x, c] = np.uint8(min(255.0, total[c] * share + 0.5))
            for c in range(3):
                normals[y, x, c] = np.int8(np.round(direction[c] / length * 127))
            nearest[y, x] = near if near < EMPTY else 0.0


def draw_view(mesh: Mesh, azimuth: float, elevation: float) -> tuple[NDArray, NDArray, NDArray]:
    """One view: rgba uint8 [128, 128, 4] premultiplied, depth float16 [128, 128], normals int8
    [128, 128, 3].
    """
    fine = SIZE * SAMPLES
    rotation = camera_rotation(azimuth, elevation)
    camera = mesh.vertices @ rotation.T + np.array([0, 0, DISTANCE], np.float32)
    focal = np.float32(fine / 2 / np.tan(np.radians(FOV / 2)))
    depth = np.full((fine, fine), EMPTY, np.float32)
    color, face = np.zeros((fine, fine, 3), np.float32), np.zeros((fine, fine), np.int32)
    _draw(
        camera, mesh.faces, mesh.face_material, mesh.material_rgba, mesh.material_texture,
        mesh.vertex_rgb, mesh.uv, mesh.texels, mesh.texture_shape, focal, depth, color, face,
    )  # fmt: skip
    rgba = np.empty((SIZE, SIZE, 4), np.uint8)
    nearest, normals = np.empty((SIZE, SIZE), np.float32), np.empty((SIZE, SIZE, 3), np.int8)
    _reduce(
        depth, color, face, _facing_normals(camera[mesh.faces]) @ rotation, rgba, nearest, normals
    )
    return rgba, nearest.astype(np.float16), normals


def _facing_normals(corners: NDArray[np.float32]) -> NDArray[np.float32]:
    """Unit normals [F, 3] of triangles [F, 3, 3] in the camera's frame, turned towards the
    camera.
    """
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-12
    return normal * -np.sign((normal * corners[:, 0]).sum(1, keepdims=True))


def draw_object(mesh: Mesh, object_id: str) -> tuple[NDArray, NDArray, NDArray]:
    """All 32 views of one object, stacked."""
    azimuths = np.arange(VIEWS) % RING * (360 / RING)
    views = [
        draw_view(mesh, a, e) for a, e in zip(azimuths, view_elevations(object_id), strict=True)
    ]
    rgba, depth, normals = (np.stack(part) for part in zip(*views, strict=True))
    return rgba, depth, normals


def open_views(folder: Path, mode: str = "r") -> ViewArrays:
    """Memory-map the drawn set; mode `r` to read, `r+` to fill."""
    arrays = {
        name: np.load(folder / f"{name}.npy", mmap_mode=mode)
        for name in ViewArrays.__dataclass_fields__
    }
    return ViewArrays(**arrays)


def invented_id(number: int) -> str:
    return f"invented-{number}"


@dataclass(frozen=True)
class Pack:
    """Objects of a folder, and in how many forms each is drawn; 1 = only as they are."""

    folder: Path
    records: list[ObjectRecord]
    forms: int

    @property
    def ids(self) -> list[str]:
        """Of all forms, form by form."""
        return [record.id for record in self.records] * self.forms

    def tasks(self, views: Path, first: int) -> list[_Task]:
        """What to draw, from slot `first` on."""
        slots = first + np.arange(len(self.ids)).reshape(self.forms, -1).T
        return [
            _Task(self.folder, views, record, tuple(row))
            for record, row in zip(self.records, slots, strict=True)
        ]


def _create(folder: Path, pack: Pack, nameless: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    names = pack.ids + nameless
    shape = (len(names), VIEWS, SIZE, SIZE)
    for name, dtype, channels in (
        ("rgba", np.uint8, (4,)),
        ("depth", np.float16, ()),
        ("normals", np.int8, (3,)),
    ):
        np.lib.format.open_memmap(folder / f"{name}.npy", "w+", dtype, shape + channels)
    np.save(folder / "elevations.npy", np.stack([view_elevations(name) for name in names]))
    kept = {"forms": pack.forms, "objects": [asdict(record) for record in pack.records]}
    (folder / "records.json").write_text(json.dumps(kept), encoding="utf-8")


def read_records(folder: Path) -> tuple[list[ObjectRecord], int]:
    """The drawn objects, in the arrays' order, and in how many forms each was drawn."""
    kept = json.loads((folder / "records.json").read_text(encoding="utf-8"))
    rows = kept["objects"]
    records = [ObjectRecord(**{**row, "tags": tuple(row["tags"])}) for row in rows]
    return records, kept["forms"]


@dataclass(frozen=True)
class _Task:
    objects: Path
    folder: Path
    record: ObjectRecord
    slots: tuple[int, ...]  # where to write each form


@dataclass(frozen=True)
class _Invention:
    objects: Path
    folder: Path
    parts: tuple[ObjectRecord, ...]
    number: int
    slot: int


def _fill(task: _Task | _Invention) -> None:
    arrays = open_views(task.folder, "r+")
    if isinstance(task, _Invention):
        mesh = invent(task.objects, task.parts, task.number)
        drawn = {task.slot: (mesh, invented_id(task.number))}
    else:
        mesh, name = read_mesh(task.objects, task.record), task.record.id
        drawn = {slot: (form_of(mesh, name, form), name) for form, slot in enumerate(task.slots)}
    for slot, (form, name) in drawn.items():
        arrays.rgba[slot], arrays.depth[slot], arrays.normals[slot] = draw_object(form, name)


def render_all(folder: Path, pack: Pack, invented: int, also: Pack) -> None:
    """Draw everything into `folder` on all cores; objects of `also` have no names."""
    invented_ids = [invented_id(number) for number in range(invented)]
    _create(folder, pack, invented_ids + also.ids)
    known = [record for record in pack.records if record.split == "train"]
    first = len(pack.ids)
    tasks: list[_Task | _Invention] = [
        *pack.tasks(folder, 0),
        *(
            _Invention(pack.folder, folder, parts_of_invention(known, i), i, first + i)
            for i in range(invented)
        ),
        *also.tasks(folder, first + invented),
    ]
    _fill(tasks[0])  # compile before the workers start
    with multiprocessing.Pool() as pool:
        for done, _ in enumerate(pool.imap_unordered(_fill, tasks[1:], chunksize=4), 2):
            if done % 500 == 0:
                log.info("drawn %d of %d objects", done, len(tasks))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("objects", type=Path)
    parser.add_argument("views", type=Path)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--forms", type=int, default=4, help="1 = only as they are")
    parser.add_argument("--invented", type=int, default=8000)
    parser.add_argument("--also", type=Path, help="a second pack, for pictures alone")
    parser.add_argument("--also-forms", type=int, default=2)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    records = read_index(arguments.objects)[: arguments.limit]
    pack = Pack(arguments.objects, records, arguments.forms)
    more = read_index(arguments.also) if arguments.also else []
    also = Pack(arguments.also, more, arguments.also_forms)
    render_all(arguments.views, pack, arguments.invented, also)


if __name__ == "__main__":
    main()
