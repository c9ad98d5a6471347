"""Splat files of any format are taken in, and converted beside the jobs of the device."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from splatsmith.contract.protocol import JobState
from splatsmith.contract.splat_formats import TRAITS, SplatFormat
from splatsmith.formats import read_splats, write_splats
from tests.backend.gaussians.clouds import random_cloud
from tests.backend.service.service_process import RunningService

CLOUD = random_cloud(150, 1)


def content(folder: Path, kind: SplatFormat) -> bytes:
    path = folder / f"upload{TRAITS[kind].suffixes[0]}"
    write_splats(path, [CLOUD], kind)
    return path.read_bytes()


def upload(service: RunningService, data: bytes) -> str:
    response = service.http.post("/v1/clouds", content=data)
    assert response.status_code == 201, response.text
    return response.json()["id"]


def convert(service: RunningService, **request: object) -> str:
    response = service.http.post("/v1/jobs", json={"kind": "convert", "request": request})
    assert response.status_code == 202, response.text
    return response.json()["id"]


@pytest.mark.parametrize("kind", SplatFormat)
def test_any_format_is_taken_and_made(
    service: RunningService, tmp_path: Path, kind: SplatFormat
) -> None:
    cloud = upload(service, content(tmp_path, kind))
    target = SplatFormat.SPZ if kind is SplatFormat.PLY else SplatFormat.PLY

    job = service.wait(convert(service, clouds=[cloud], format=target))

    assert job.state is JobState.SUCCEEDED, job.problem
    (artifact,) = job.artifacts
    assert artifact.name == f"splats{TRAITS[target].suffixes[0]}"
    assert artifact.media_type == TRAITS[target].media_type
    path = tmp_path / artifact.name
    path.write_bytes(service.http.get(f"/v1/jobs/{job.id}/artifacts/{artifact.name}").content)
    assert len(read_splats(path).cloud) == 150


def test_several_clouds_become_one_file(service: RunningService, tmp_path: Path) -> None:
    clouds = [
        upload(service, content(tmp_path, each)) for each in (SplatFormat.PLY, SplatFormat.SPZ)
    ]

    job = service.wait(convert(service, clouds=clouds, format="gltf", up="-y", name="A pair"))

    assert job.title == "A pair"
    data = service.http.get(f"/v1/jobs/{job.id}/artifacts/splats.glb").content
    (tmp_path / "pair.glb").write_bytes(data)
    means = read_splats(tmp_path / "pair.glb").cloud.means
    np.testing.assert_allclose(means[:150], CLOUD.means * (1, -1, -1), atol=1e-6)
    assert len(means) == 300


def test_what_is_not_kept_is_noted(service: RunningService, tmp_path: Path) -> None:
    cloud = upload(service, content(tmp_path, SplatFormat.PLY))
    job = service.wait(convert(service, clouds=[cloud], format="splat"))
    assert "keep none" in job.notes[0]


@pytest.mark.parametrize("kind", [each for each in SplatFormat if each is not SplatFormat.PLY])
def test_a_damaged_file_is_refused_at_once(
    service: RunningService, tmp_path: Path, kind: SplatFormat
) -> None:
    response = service.http.post("/v1/clouds", content=content(tmp_path, kind)[:-301])

    assert response.status_code == 422, response.text
    assert response.json()["code"] == "unreadable-cloud"
    assert "The upload" in response.json()["detail"]


@pytest.mark.parametrize(
    "request_",
    [
        {"clouds": [], "format": "spz"},
        {"clouds": ["0" * 64], "format": "spz"},
        {"clouds": ["../../etc/passwd"], "format": "spz"},
        {"clouds": ["0" * 64], "format": "obj"},
        {"clouds": ["0" * 64], "format": "spz", "target_up": "z"},
        {"clouds": ["0" * 64], "format": "spz", "up": "w"},
    ],
)
def test_impossible_conversions_are_refused(
    service: RunningService, request_: dict[str, object]
) -> None:
    response = service.http.post("/v1/jobs", json={"kind": "convert", "request": request_})
    assert response.status_code in (404, 422)


def test_a_conversion_is_cancelled(service: RunningService, tmp_path: Path) -> None:
    path = tmp_path / "large.ply"
    write_splats(path, [random_cloud(150_000, 2)], SplatFormat.PLY)
    cloud = upload(service, path.read_bytes())
    job = convert(service, clouds=[cloud], format="sog")

    service.http.post(f"/v1/jobs/{job}/cancel")

    assert service.wait(job).state is JobState.CANCELLED
    assert not list((service.data / "jobs").glob(f"{job}/*/splats*"))
