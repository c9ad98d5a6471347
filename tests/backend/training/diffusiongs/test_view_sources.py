"""Training data: images and cameras of each layout agree, in the network's world too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from splatsmith.engines.diffusiongs.card import Subject
from splatsmith.engines.diffusiongs.object_cameras import regenerated_views
from splatsmith.engines.diffusiongs.scene_cameras import EXTENT
from training.diffusiongs.batches import BatchSource
from training.diffusiongs.colmap import read_model
from training.diffusiongs.config import SourceConfig
from training.diffusiongs.fetch_objaverse import missing_objects
from training.diffusiongs.mvimgnet import MVImgNetViews
from training.diffusiongs.pack_views import PackViews
from training.diffusiongs.posed_views import PosedViews, network_poses
from training.diffusiongs.rendered_objects import RenderedObjects
from training.diffusiongs.view_selection import AngleLimits, ViewCounts
from training.objects import split_of

from .stand_ins import (
    BALL,
    cameras_around,
    poses,
    triangulate,
    write_mvimgnet,
    write_pack_views,
    write_rendered_objects,
)

CPU = torch.device("cpu")
TRAINING, HELD_OUT = (
    next(name for name in map(str, range(100)) if (split_of(name) == "train") is is_training)
    for is_training in (True, False)
)


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rendered")
    write_rendered_objects(folder)
    return folder


@pytest.fixture(scope="module")
def mvimgnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mvimgnet")
    write_mvimgnet(folder)
    return folder


def check_object_world(views: PosedViews) -> np.ndarray:
    """The views agree in the network's world, whose first camera is in front; returns the object's
    center there.
    """
    c2w = network_poses(views.c2w, Subject.OBJECT, 4)
    center, error = triangulate(views, c2w)
    assert error < 0.03
    assert np.linalg.norm(c2w[:, :3, 3], axis=1).mean() == pytest.approx(3.0, rel=0.02)
    assert np.allclose(np.linalg.det(c2w[:, :3, :3]), -1)
    front = regenerated_views(0.0, 3.0, 32).c2w[0, :3, 3]
    assert c2w[0, 0, 3] == pytest.approx(0, abs=1e-6)
    assert c2w[0, 1, 3] * front[1] > 0
    return center


def test_views_of_the_pack_agree_with_their_cameras(tmp_path: Path) -> None:
    folder = write_pack_views(tmp_path, [TRAINING], (0.1, 0.2, -0.4))
    source = PackViews(folder)
    assert len(source) == 1
    center, error = triangulate(source[0], source[0].c2w)
    assert error < 0.03
    assert center == pytest.approx([0.25, 0.35, -0.25], abs=0.03)
    check_object_world(source[0])


def test_held_out_objects_of_the_pack_are_left_out(tmp_path: Path) -> None:
    folder = write_pack_views(tmp_path, [HELD_OUT, TRAINING], (0.1, 0.2, -0.4))
    assert len(PackViews(folder)) == 1


def test_rendered_objects_are_y_up_and_three_away(rendered: Path) -> None:
    source = RenderedObjects(rendered, 32)
    assert len(source) == 2
    center, _ = triangulate(source[1], source[1].c2w)
    assert center == pytest.approx(BALL * 3 / 4, abs=0.02)
    check_object_world(source[0])


def test_smaller_views_keep_their_cameras(rendered: Path) -> None:
    views = RenderedObjects(rendered, 16)[0]
    assert views.read([0, 3]).shape == (2, 16, 16, 4)
    center, _ = triangulate(views, views.c2w)
    assert center == pytest.approx(BALL * 3 / 4, abs=0.03)


def test_colors_are_premultiplied(rendered: Path) -> None:
    (image,) = RenderedObjects(rendered, 32)[0].read([0])
    assert np.array_equal(image[..., 0], image[..., 3])
    assert image[0, 0].tolist() == [0, 0, 0, 0]


def test_a_folder_without_objects_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"transforms\.json"):
        RenderedObjects(tmp_path, 32)
    with pytest.raises(ValueError, match=r"images\.bin"):
        MVImgNetViews(tmp_path, 32)


def test_colmap_s_poses_and_intrinsics_are_read(mvimgnet: Path) -> None:
    images = read_model(mvimgnet / "data/7/0a1b/sparse/0")
    assert [image.name for image in images] == [f"{view:03d}.jpg" for view in range(1, 13)]
    camera = images[0].camera
    focal = cameras_around(1, 32).Ks[0, 0, 0]
    assert camera.fxfycxcy == pytest.approx([focal, focal, 20, 16])
    relative = np.linalg.inv(images[0].c2w) @ images[5].c2w
    expected = poses(cameras_around(12, 32))
    assert np.allclose(relative, np.linalg.inv(expected[0]) @ expected[5], atol=1e-5)


def test_a_truncated_colmap_model_is_an_error(tmp_path: Path) -> None:
    write_mvimgnet(tmp_path)
    folder = tmp_path / "data/7/0a1b/sparse/0"
    content = (folder / "images.bin").read_bytes()
    (folder / "images.bin").write_bytes(content[:100])
    with pytest.raises(ValueError, match="no complete COLMAP model"):
        read_model(folder)


def test_mvimgnet_with_masks_has_objects(mvimgnet: Path) -> None:
    source = MVImgNetViews(mvimgnet / "data", 32, mvimgnet / "masks")
    assert source.subject is Subject.OBJECT
    views = source[0]
    center = check_object_world(views)
    assert np.linalg.norm(center) == pytest.approx(np.linalg.norm(BALL) * 3 / 4, abs=0.03)
    assert (-views.c2w[:, 1, 1]).min() > 0  # every camera's upward direction points up


def test_mvimgnet_without_masks_has_scenes(mvimgnet: Path) -> None:
    source = MVImgNetViews(mvimgnet / "data", 32)
    assert source.subject is Subject.SCENE
    views = source[0]
    assert (views.read([0, 1])[..., 3] == 255).all()
    chosen = [0, 3, 5, 7, 9]
    c2w = network_poses(views.c2w[chosen], Subject.SCENE, 4)
    assert np.abs(c2w[:4, :3, 3]).max() == pytest.approx(EXTENT)
    assert c2w[:4, :3, 3].mean(0) == pytest.approx([0, 0, 0], abs=1e-9)
    assert np.allclose(np.linalg.det(c2w[:, :3, :3]), 1)


def test_batches_are_reproducible_and_on_white(rendered: Path) -> None:
    config = SourceConfig(3, AngleLimits(), sides_share=0.5)
    source = BatchSource(RenderedObjects(rendered, 16), config, ViewCounts(3, 2))
    first, again, other = (source.draw(np.random.default_rng(s), CPU) for s in (1, 1, 2))
    assert first.images.shape == (3, 6, 3, 16, 16)
    assert torch.equal(first.images, again.images)
    assert torch.equal(first.c2w, again.c2w)
    assert not torch.equal(first.c2w, other.c2w)
    assert first.images[:, :, :, 0, 0].min() == 1
    assert first.images.min() < 0.3


def test_objects_that_are_there_are_not_downloaded_again(tmp_path: Path) -> None:
    (tmp_path / "a.glb").touch()
    assert missing_objects(["a", "b"], tmp_path) == ["b"]
