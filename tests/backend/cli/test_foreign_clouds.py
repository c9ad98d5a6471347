"""splatsmith extract of files with any axis up, or far from zero."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
import trimesh

from splatsmith.contract.cloud import GaussianCloud, load_cloud, write_cloud
from splatsmith.contract.points import read_points
from splatsmith.contract.transform import transform_cloud
from splatsmith.contract.up_axis import UpAxis, to_asset_rotation
from tests.backend.cli.conftest import CommandLine
from tests.backend.contract.foreign_files import PlyForm, splat_columns
from tests.backend.gaussians.clouds import shell

POINTS = ("--products", "points", "--points", 50)


def record(folder: str) -> dict[str, object]:
    return json.loads(Path(folder, "job.json").read_text(encoding="utf-8"))


def lying(cloud: GaussianCloud, up: UpAxis) -> GaussianCloud:
    """The cloud as a file has it whose axis `up` points up."""
    return transform_cloud(cloud, to_asset_rotation(up).T)


def far_ball(path: Path) -> tuple[float, float, float]:
    """A file in 64 bits, as georeferenced captures are, Z up; returns its middle."""
    cloud = shell(2000)
    middle = (500_123.25, 4_649_776.5, 12.0)
    columns = splat_columns(len(cloud))
    for i, name in enumerate("xyz"):
        columns[name] = cloud.means[:, i].astype(np.float64) + middle[i]
    columns |= {f"scale_{i}": np.log(cloud.scales[:, i]) for i in range(3)}
    columns |= {f"rot_{i}": cloud.quats[:, i] for i in range(4)}
    columns["opacity"] = np.full(len(cloud), 4.0)
    PlyForm(types=dict.fromkeys("xyz", "double")).write(path, columns)
    return middle


@pytest.mark.parametrize("up", [("--up", "-y"), ("--up=-y",)])
def test_what_lies_upside_down_is_turned(run: CommandLine, up: tuple[str, ...]) -> None:
    ball = shell(500)
    ball.means[:, 1] += np.where(ball.means[:, 1] > 0, 1, 0).astype(np.float32)  # longer above
    write_cloud(Path("capture.ply"), lying(ball, UpAxis.MINUS_Y))

    answer = run("extract", "capture.ply", *POINTS, *up)

    assert answer.code == 0, answer.err
    turned = load_cloud(Path("out/splats.ply")).cloud
    np.testing.assert_allclose(turned.means, ball.means, atol=1e-6)
    assert record("out")["up"] == "-y"
    assert read_points(Path("out/points.ply")).positions[:, 1].max() > 1.5


def test_what_the_header_says_is_used_and_recorded(run: CommandLine) -> None:
    write_cloud(Path("capture.ply"), lying(shell(500), UpAxis.Z))
    data = Path("capture.ply").read_bytes()
    Path("capture.ply").write_bytes(data.replace(b"1.0\n", b"1.0\ncomment Vertical Axis: z\n", 1))

    assert run("extract", "capture.ply", *POINTS).code == 0
    assert record("out")["up"] == "z"
    assert run("extract", "capture.ply", *POINTS, "--up", "y").code == 0
    assert record("out")["up"] == "y"


def test_an_axis_that_is_none_is_refused(run: CommandLine) -> None:
    answer = run("extract", "capture.ply", "--up", "w")
    assert answer.code == 2
    assert "y, -y, z, -z, x, -x" in answer.err


def test_a_far_origin_is_in_every_result(run: CommandLine) -> None:
    x, y, z = far_ball(Path("survey.ply"))
    options = ("--resolution", 32, "--faces", 200, "--texture", 0, "--points", 50, "--up", "z")

    answer = run("extract", "survey.ply", "--products", "mesh", "points", *options)

    assert answer.code == 0, answer.err
    assert "far from zero" in answer.out
    origin = record("out")["origin"]
    assert isinstance(origin, list)
    np.testing.assert_allclose(origin, (x, z, -y), atol=1)
    assert load_cloud(Path("out/splats.ply")).origin.tolist() == origin
    assert (
        f"comment origin {' '.join(map(repr, origin))}".encode()
        in Path("out/points.ply").read_bytes()
    )
    data = Path("out/mesh.glb").read_bytes()
    (length,) = struct.unpack_from("<I", data, 12)
    (node,) = json.loads(data[20 : 20 + length])["nodes"]
    assert node["translation"] == node["extras"]["origin"] == origin
    middle = trimesh.load("out/mesh.glb").bounds.mean(axis=0)
    np.testing.assert_allclose(middle, (x, z, -y), atol=0.1)


def test_notes_of_reading_are_told_and_recorded(run: CommandLine) -> None:
    columns = splat_columns(500) | {f"scale_{i}": np.full(500, -1.5) for i in range(3)}
    columns["opacity"] = np.full(500, 4.0)
    columns["x"][3] = np.nan
    PlyForm().write(Path("scan.ply"), columns)

    answer = run("extract", "scan.ply", *POINTS)

    assert answer.code == 0, answer.err
    assert "1 of 500 Gaussians" in answer.out
    assert record("out")["notes"] == [
        "Left out for values that are not numbers: 1 of 500 Gaussians."
    ]
    Path("two").mkdir()
    Path("scan.ply").replace("two/scan.ply")
    assert "1 of 500 Gaussians" in run("extract", "two", *POINTS, "--out", "o").err
