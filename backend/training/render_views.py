"""Render every object from 32 cameras: color, alpha, depth and normals at 128 x 128.

    python -m training.render_views OBJECTS VIEWS [--limit N] [--forms 4] [--synthetic 8000]
        [--extra OBJECTS] [--extra-forms 2]

16 views lie on a ring at the autoencoder's elevation, 16 more at the same azimuths and random
elevations; mesh_rasterizer.py draws them, without light. Every object is rendered in several forms:
all but the first are stretched at random, odd ones also rotated. The objects of
synthetic_objects.py and those of a second pack follow, both without captions.
"""

# pyright: reportArgumentType=false
from __future__ import annotations

import argparse
import json
import logging
import multiprocessing
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.mesh_rasterizer import SIZE, render_view
from training.objects import Mesh, ObjectRecord, read_index, read_mesh
from training.synthetic_objects import assemble_primitives, compose, rotation_about_y

log = logging.getLogger(__name__)

RING_VIEWS = 16
RING_ELEVATION = 18.0
ELEVATIONS = (-10.0, 60.0)  # range of the other views, degrees
VIEWS = 2 * RING_VIEWS


@dataclass(frozen=True)
class ViewArrays:
    """The rendered data set, memory-mapped: O objects, 32 views; views 0..15 are the ring.

    Rows: all records, form by form; then synthetic objects; then the second pack, form by form.
    """

    rgba: NDArray[np.uint8]  # [O, 32, 128, 128, 4], sRGB premultiplied by alpha
    depth: NDArray[np.float16]  # [O, 32, 128, 128], camera z, 0 = empty
    normals: NDArray[np.int8]  # [O, 32, 128, 128, 3], world frame, facing the camera, x 127
    elevations: NDArray[np.float32]  # [O, 32], degrees; azimuth of view i is (i % 16) * 22.5


def stretched_form(mesh: Mesh, object_id: str, form: int) -> Mesh:
    """The mesh scaled by 0.7 to 1.4 along each axis and renormalized; form 0 is the mesh itself.

    Odd forms are also rotated about Y by up to half a step of the ring, since views from 16
    azimuths alone do not generalize to those in between.
    """
    if form == 0:
        return mesh
    generator = np.random.default_rng([form, *object_id.encode()])
    vertices = mesh.vertices * np.exp(generator.uniform(np.log(0.7), np.log(1.4), 3))
    if is_rotated(form):
        vertices = (
            vertices @ rotation_about_y(generator.uniform(-0.5, 0.5) * 2 * np.pi / RING_VIEWS).T
        )
    vertices /= np.linalg.norm(vertices, axis=1).max()
    return replace(mesh, vertices=vertices.astype(np.float32))


def is_rotated(form: int) -> bool:
    return form % 2 == 1


def source_objects(training: list[ObjectRecord], number: int) -> tuple[ObjectRecord, ...]:
    """The two training objects that a synthetic one is composed of; none for odd numbers."""
    if number % 2:
        return ()
    return tuple(
        training[which] for which in np.random.default_rng(number).integers(len(training), size=2)
    )


def make_synthetic(objects: Path, parts: tuple[ObjectRecord, ...], number: int) -> Mesh:
    """The synthetic object of this number: of `parts`, or of primitives if there are none."""
    generator = np.random.default_rng([1, number])
    if not parts:
        return assemble_primitives(generator)
    return compose([read_mesh(objects, part) for part in parts], generator)


def view_elevations(object_id: str) -> NDArray[np.float32]:
    """[32] degrees; the random half is seeded by the object's id."""
    generator = np.random.default_rng(list(object_id.encode()))
    ring = np.full(RING_VIEWS, RING_ELEVATION)
    return np.concatenate([ring, generator.uniform(*ELEVATIONS, RING_VIEWS)]).astype(np.float32)


def render_object(mesh: Mesh, object_id: str) -> tuple[NDArray, NDArray, NDArray]:
    """RGBA, depth and normals of all 32 views, see `ViewArrays`."""
    azimuths = np.arange(VIEWS) % RING_VIEWS * (360 / RING_VIEWS)
    views = [
        render_view(mesh, a, e) for a, e in zip(azimuths, view_elevations(object_id), strict=True)
    ]
    rgba, depth, normals = (np.stack(part) for part in zip(*views, strict=True))
    return rgba, depth, normals


def open_views(folder: Path, mode: str = "r") -> ViewArrays:
    """Memory-map the rendered data set; mode `r` to read, `r+` to fill."""
    arrays = {
        name: np.load(folder / f"{name}.npy", mmap_mode=mode)
        for name in ViewArrays.__dataclass_fields__
    }
    return ViewArrays(**arrays)


def synthetic_id(number: int) -> str:
    """Also the seed of the object's elevations, hence the earlier word in it."""
    return f"invented-{number}"


@dataclass(frozen=True)
class ObjectPack:
    """Objects of a folder, and in how many forms each is rendered; 1 = the original alone."""

    folder: Path
    records: list[ObjectRecord]
    forms: int

    @property
    def ids(self) -> list[str]:
        """Of all rows, form by form."""
        return [record.id for record in self.records] * self.forms

    def tasks(self, views: Path, first: int) -> list[_ObjectTask]:
        """Rendering tasks that fill the rows from `first` on."""
        rows = first + np.arange(len(self.ids)).reshape(self.forms, -1).T
        return [
            _ObjectTask(self.folder, views, record, tuple(row))
            for record, row in zip(self.records, rows, strict=True)
        ]


def _create(folder: Path, pack: ObjectPack, unnamed: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    names = pack.ids + unnamed
    shape = (len(names), VIEWS, SIZE, SIZE)
    for name, dtype, channels in (
        ("rgba", np.uint8, (4,)),
        ("depth", np.float16, ()),
        ("normals", np.int8, (3,)),
    ):
        np.lib.format.open_memmap(folder / f"{name}.npy", "w+", dtype, shape + channels)
    np.save(folder / "elevations.npy", np.stack([view_elevations(name) for name in names]))
    stored = {"forms": pack.forms, "objects": [asdict(record) for record in pack.records]}
    (folder / "records.json").write_text(json.dumps(stored), encoding="utf-8")


def read_records(folder: Path) -> tuple[list[ObjectRecord], int]:
    """The rendered objects in the arrays' order, and the number of forms."""
    stored = json.loads((folder / "records.json").read_text(encoding="utf-8"))
    rows = stored["objects"]
    records = [ObjectRecord(**{**row, "tags": tuple(row["tags"])}) for row in rows]
    return records, stored["forms"]


@dataclass(frozen=True)
class _ObjectTask:
    objects: Path
    folder: Path
    record: ObjectRecord
    rows: tuple[int, ...]  # one per form


@dataclass(frozen=True)
class _SyntheticTask:
    objects: Path
    folder: Path
    parts: tuple[ObjectRecord, ...]
    number: int
    row: int


def _render_task(task: _ObjectTask | _SyntheticTask) -> None:
    arrays = open_views(task.folder, "r+")
    if isinstance(task, _SyntheticTask):
        mesh = make_synthetic(task.objects, task.parts, task.number)
        rendered = {task.row: (mesh, synthetic_id(task.number))}
    else:
        mesh, name = read_mesh(task.objects, task.record), task.record.id
        rendered = {
            row: (stretched_form(mesh, name, form), name) for form, row in enumerate(task.rows)
        }
    for row, (form, name) in rendered.items():
        arrays.rgba[row], arrays.depth[row], arrays.normals[row] = render_object(form, name)


def render_all(folder: Path, pack: ObjectPack, synthetic: int, extra: ObjectPack) -> None:
    """Render everything into `folder` on all cores; the objects of `extra` get no records."""
    synthetic_ids = [synthetic_id(number) for number in range(synthetic)]
    _create(folder, pack, synthetic_ids + extra.ids)
    training = [record for record in pack.records if record.split == "train"]
    first = len(pack.ids)
    tasks: list[_ObjectTask | _SyntheticTask] = [
        *pack.tasks(folder, 0),
        *(
            _SyntheticTask(pack.folder, folder, source_objects(training, i), i, first + i)
            for i in range(synthetic)
        ),
        *extra.tasks(folder, first + synthetic),
    ]
    _render_task(tasks[0])  # compile before the workers start
    with multiprocessing.Pool() as pool:
        for done, _ in enumerate(pool.imap_unordered(_render_task, tasks[1:], chunksize=4), 2):
            if done % 500 == 0:
                log.info("rendered %d of %d objects", done, len(tasks))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("objects", type=Path)
    parser.add_argument("views", type=Path)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--forms", type=int, default=4, help="1 = the original alone")
    parser.add_argument("--synthetic", type=int, default=8000)
    parser.add_argument("--extra", type=Path, help="a second pack, used without its captions")
    parser.add_argument("--extra-forms", type=int, default=2)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    records = read_index(arguments.objects)[: arguments.limit]
    pack = ObjectPack(arguments.objects, records, arguments.forms)
    more = read_index(arguments.extra) if arguments.extra else []
    extra = ObjectPack(arguments.extra, more, arguments.extra_forms)
    render_all(arguments.views, pack, arguments.synthetic, extra)


if __name__ == "__main__":
    main()
