"""glTF with KHR_gaussian_splatting (release candidate of 2026): reading.

Every primitive with the extension is read, placed as its nodes say. glTF has Y up and the front
towards +Z, as the asset frame. Scales and opacities are linear, rotations xyzw, harmonics vectors
of red, green and blue with the same signs as in PLY.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..contract.cloud import MAX_DEGREE, SH_C0, GaussianCloud, empty_cloud
from ..contract.problems import UnreadableCloud
from ..contract.transform import apply_affine
from ..contract.up_axis import UpAxis
from ..progress import Progress
from .decoded import DecodedSplats
from .gltf_file import GltfFile, Json, open_gltf
from .limits import check_count, check_expansion, damaged
from .merging import merged

EXTENSION = "KHR_gaussian_splatting"
SRGB, LINEAR = "srgb_rec709_display", "lin_rec709_display"
POINTS = 0  # a primitive's mode
_SPLAT_BYTES = 56  # of a Gaussian of degree 0 in memory
_MAX_NODES = 1_000_000
_COEFFICIENT = re.compile(rf"{EXTENSION}:SH_DEGREE_(\d)_COEF_(\d)")


def read(path: Path, progress: Progress) -> DecodedSplats:
    """The Gaussians of a glTF file.

    Raises:
        UnreadableCloud: it holds none, is cut off, damaged, or uses what cannot be read.
    """
    file = open_gltf(path)
    placed = list(_placed_primitives(file))
    if not placed:
        raise UnreadableCloud(
            f"{path.name} is a glTF file without Gaussian splats ({EXTENSION}).",
            "Import it as a mesh, or choose another file.",
        )
    total = sum(_count(file, primitive) for primitive, _ in placed)
    check_count(path, total)
    check_expansion(path, total * _SPLAT_BYTES, path.stat().st_size)
    clouds, is_linear = [], False
    for i, (primitive, matrix) in enumerate(placed):
        progress.step(i, len(placed))
        cloud = _read_primitive(file, primitive)
        if _extension(primitive).get("colorSpace") == LINEAR:
            cloud, is_linear = _from_linear(cloud), True
        clouds.append(cloud if np.array_equal(matrix, np.eye(4)) else apply_affine(cloud, matrix))
    note = (
        "Its colors were linear and are sRGB now; where they change with the direction, nearly so."
    )
    return DecodedSplats(merged(clouds), UpAxis.Y, (note,) if is_linear else ())


def _extension(primitive: Json) -> Json:
    found = primitive.get("extensions", {})
    return found.get(EXTENSION, {}) if isinstance(found, dict) else {}


def _placed_primitives(file: GltfFile) -> Iterator[tuple[Json, NDArray[np.float64]]]:
    """Primitives of Gaussians with the matrix [4, 4] of their node."""
    for node, matrix in _placed_nodes(file):
        if "mesh" not in node:
            continue
        primitives = file.item("meshes", node["mesh"]).get("primitives", [])
        if not isinstance(primitives, list):
            raise damaged(file.path, "a mesh has no primitives")
        for primitive in primitives:
            if isinstance(primitive, dict) and EXTENSION in (primitive.get("extensions") or {}):
                yield primitive, matrix


def _placed_nodes(file: GltfFile) -> Iterator[tuple[Json, NDArray[np.float64]]]:
    """The nodes of the scene with their matrices; of the whole file if it has no scene."""
    nodes = file.items("nodes")
    waiting = [(index, np.eye(4)) for index in _roots(file, nodes)]
    seen = 0
    while waiting:
        index, parent = waiting.pop()
        seen += 1
        if seen > min(len(nodes), _MAX_NODES):
            raise damaged(file.path, "its nodes are no trees")
        node = file.item("nodes", index)
        matrix = parent @ _node_matrix(node, file.path)
        yield node, matrix
        waiting += [(child, matrix) for child in reversed(node.get("children", []))]


def _roots(file: GltfFile, nodes: list[Json]) -> list[object]:
    if scenes := file.items("scenes"):
        scene = file.json.get("scene", 0)
        found = file.item("scenes", scene).get("nodes", []) if scenes else []
        return list(reversed(found))
    children = {child for node in nodes for child in node.get("children", [])}
    return [index for index in reversed(range(len(nodes))) if index not in children]


def _node_matrix(node: Json, path: Path) -> NDArray[np.float64]:
    try:
        if "matrix" in node:
            matrix = np.array(node["matrix"], np.float64).reshape(4, 4).T
        else:
            x, y, z, w = np.array(node.get("rotation", (0, 0, 0, 1)), np.float64)
            matrix = np.eye(4)
            matrix[:3, :3] = _rotation_matrix(w, x, y, z) * np.array(node.get("scale", (1, 1, 1)))
            matrix[:3, 3] = node.get("translation", (0, 0, 0))
    except (TypeError, ValueError) as error:
        raise damaged(path, "a node's transform is none") from error
    return matrix


def _rotation_matrix(w: float, x: float, y: float, z: float) -> NDArray[np.float64]:
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def _attributes(file: GltfFile, primitive: Json) -> Json:
    found = primitive.get("attributes")
    kernel = _extension(primitive).get("kernel", "ellipse")
    if _extension(primitive).get("extensions") or kernel != "ellipse":
        raise UnreadableCloud(
            f"{file.path.name} has Gaussians that are compressed, or of the kind {kernel!r}.",
            "Export it as plain KHR_gaussian_splatting, with the kernel 'ellipse'.",
        )
    if not isinstance(found, dict):
        raise damaged(file.path, "its Gaussians have no attributes")
    return found


def _count(file: GltfFile, primitive: Json) -> int:
    count = file.item("accessors", _attributes(file, primitive).get("POSITION")).get("count")
    if not isinstance(count, int):
        raise damaged(file.path, "its Gaussians have no number")
    return count


def _read_primitive(file: GltfFile, primitive: Json) -> GaussianCloud:
    attributes = _attributes(file, primitive)
    count = _count(file, primitive)
    cloud = empty_cloud(count, _degree(file, attributes))

    def fill(target: NDArray[np.float32], name: str) -> None:
        values = file.read_accessor(attributes.get(name))
        if values.shape != target.shape:
            raise damaged(file.path, f"its {name} is {values.shape}, not {target.shape}")
        target[:] = values

    fill(cloud.means, "POSITION")
    fill(cloud.scales, f"{EXTENSION}:SCALE")
    fill(cloud.quats, f"{EXTENSION}:ROTATION")
    cloud.quats[:] = np.roll(cloud.quats, 1, axis=1)
    fill(cloud.opacities[:, None], f"{EXTENSION}:OPACITY")
    fill(cloud.sh0, f"{EXTENSION}:SH_DEGREE_0_COEF_0")
    for degree in range(1, cloud.degree + 1):
        for i in range(2 * degree + 1):
            fill(cloud.shN[:, degree * degree - 1 + i], f"{EXTENSION}:SH_DEGREE_{degree}_COEF_{i}")
    return cloud


def _degree(file: GltfFile, attributes: Json) -> int:
    """The highest degree whose coefficients are all there, which the extension asks for."""
    matches = [match for name in attributes if (match := _COEFFICIENT.fullmatch(name))]
    present = {(int(match[1]), int(match[2])) for match in matches}
    degree = max((each for each, _ in present), default=0)
    expected = {(each, i) for each in range(degree + 1) for i in range(2 * each + 1)}
    if degree > MAX_DEGREE or not expected <= present:
        raise damaged(file.path, "some of its harmonics are missing")
    return degree


def _from_linear(cloud: GaussianCloud) -> GaussianCloud:
    """Linear colors as sRGB: exact for the constant part, to first order for the others."""
    linear = np.maximum(0.5 + SH_C0 * cloud.sh0, 0)
    curved = np.maximum(linear, 0.0031308)
    srgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * curved ** (1 / 2.4) - 0.055)
    slope = np.where(linear <= 0.0031308, 12.92, 1.055 / 2.4 * curved ** (1 / 2.4 - 1))
    return replace(
        cloud,
        sh0=((srgb - 0.5) / SH_C0).astype(np.float32),
        shN=cloud.shN * slope[:, None].astype(np.float32),
    )
