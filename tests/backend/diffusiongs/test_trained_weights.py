"""Weights that backend/training made, in the real service and its worker: a picture comes out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import load_file, save_file

from splatsmith.contract.cards import ConditionKind
from splatsmith.contract.cloud import GaussianCloud, read_cloud
from splatsmith.contract.protocol import GenerateRequest, JobState, Product
from splatsmith.engines.diffusiongs.checkpoint import VIEW_SIZE, trained_size
from splatsmith.engines.diffusiongs.object_cameras import FOV
from splatsmith.errors import WeightsDamaged
from splatsmith.gaussians.cameras import orbit_cameras
from splatsmith.gaussians.rasterize import rasterize
from splatsmith.nn.checkpoint_files import TensorFiles
from splatsmith.settings import DATA_VARIABLE
from tests.backend.diffusiongs.tiny_denoisers import TRAINED, install_trained
from tests.backend.service.service_process import RunningService, running_service

SIDES = (0.0, 90.0, 180.0, 270.0)


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory, project: Path) -> Iterator[GaussianCloud]:
    """Of the demo's picture, a toadstool, through the service."""
    folder = tmp_path_factory.mktemp("weights")
    data = tmp_path_factory.mktemp("service") / "data"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(DATA_VARIABLE, str(data))
        install_trained(folder)
        with running_service(data) as service:
            yield generate(service, Image.open(project / "blender_addon" / "demo_picture.png"))


def generate(service: RunningService, picture: Image.Image) -> GaussianCloud:
    request = GenerateRequest(
        engine="diffusiongs",
        variant="object-256",
        parameters={"steps": 4, "elevation": 15.0, "foreground_ratio": 0.7},
        pictures={ConditionKind.IMAGE: service.upload_picture(picture)},
        products=(Product.SPLATS,),
        turntables=(),
    )
    job = service.run(request)
    assert job.state is JobState.SUCCEEDED, job.problem
    return read_cloud(next(each for each in service.files_of(job.id) if each.name == "splats.ply"))


@pytest.fixture(scope="module")
def views(cloud: GaussianCloud) -> NDArray[np.float32]:
    """The result from four sides, RGBA [4, 64, 64, 4] on black."""
    rendered = rasterize(cloud, orbit_cameras(SIDES, 15.0, 3.0, FOV, 64), background=(0, 0, 0))
    return np.concatenate([rendered.colors, rendered.alphas[..., None]], axis=-1)


def test_the_views_are_of_the_size_the_network_was_trained_on(cloud: GaussianCloud) -> None:
    assert trained_size(TensorFiles((TRAINED,))) == 128
    assert len(cloud) <= 4 * 128**2 + 2


@pytest.mark.parametrize("side", range(4))
def test_every_side_shows_a_red_cap_on_a_pale_stem(views: NDArray[np.float32], side: int) -> None:
    red, green, _, alpha = np.moveaxis(views[side], -1, 0)
    covered = alpha > 0.5
    rows = np.flatnonzero(covered.any(axis=1))
    cap, stem = np.zeros_like(covered), np.zeros_like(covered)
    middle = (rows[0] + rows[-1]) // 2
    cap[rows[0] : middle - 2], stem[middle + 6 : rows[-1]] = True, True
    cap, stem = cap & covered, stem & covered
    assert (red - green)[cap].mean() > 0.25
    assert abs((red - green)[stem].mean()) < 0.2
    assert cap.any(axis=0).sum() > 1.5 * stem.any(axis=0).sum()


@pytest.mark.parametrize("text", ["", "128.0", "-128", "126", "9999999", "many"])
def test_a_size_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "weights.safetensors"
    save_file(load_file(TRAINED), file, {VIEW_SIZE: text})
    with pytest.raises(WeightsDamaged, match="size of views"):
        trained_size(TensorFiles((file,)))
