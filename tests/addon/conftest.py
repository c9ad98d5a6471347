"""The add-on against a real service with the test engines, in Blender's Python."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import bpy
import numpy as np
import pytest

from blender_addon import api, ui
from blender_addon.contract.cloud import GaussianCloud
from blender_addon.link.snapshot import LinkSettings

PATIENCE = 240.0  # seconds: where nothing is compiled yet, that alone takes two minutes
ENGINES = ",".join(
    f"tests.backend.engines.{name}" for name in ("lattice", "mosaic", "menagerie", "quarry")
)


@pytest.fixture(scope="session")
def environment(project: Path) -> Path:
    """The backend's environment, which must have been made."""
    folder = project / ".venv"
    if not folder.is_dir():
        pytest.skip("needs the backend's environment: python build_addon.py dev")
    return folder


@pytest.fixture(scope="session")
def backend(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backend's folder that has the test engine beside the package."""
    folder = tmp_path_factory.mktemp("backend of the ‘add-on’")
    for target in (project / "backend" / "splatsmith", project / "backend" / "locks"):
        (folder / target.name).symlink_to(target, target_is_directory=True)
    (folder / "tests").symlink_to(project / "tests", target_is_directory=True)
    return folder


@pytest.fixture(scope="module")
def settings(
    environment: Path, backend: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LinkSettings]:
    home = tmp_path_factory.mktemp("addon") / "artist's files ü"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPLATSMITH_ENGINES", ENGINES)
        patch.setenv("SPLATSMITH_DATA", str(home / "data"))
        yield LinkSettings(folder=home, backend=backend, environment=environment, device="cpu")


@pytest.fixture
def scene() -> bpy.types.Scene:
    """Blender as it comes, without any object."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    return bpy.context.scene


@pytest.fixture(scope="module")
def shared_desk(settings: LinkSettings) -> Iterator[None]:
    """The scripting interface with a backend that ends with the module's last test."""
    api.configure(settings)
    yield
    api.shutdown()


@pytest.fixture
def desk(scene: bpy.types.Scene, shared_desk: None) -> None:
    """An empty scene, and a backend ready to be used."""


@pytest.fixture
def registered(desk: None) -> Iterator[None]:
    """The add-on as Blender enables it. Left registered, it would keep Blender from ending."""
    ui.register()
    yield
    ui.unregister()


@pytest.fixture
def ball() -> GaussianCloud:
    """A red ball of radius 1, its skin made of flat splats."""
    count = 4_000
    i = np.arange(count) + 0.5
    z, turn = 1 - 2 * i / count, i * np.pi * (3 - 5**0.5)
    ring = np.sqrt(1 - z * z)
    points = np.stack([ring * np.cos(turn), ring * np.sin(turn), z], axis=1)
    quats = np.stack([1 + z, -points[:, 1], points[:, 0], 0 * z], axis=1)  # +Z to the outside
    quats /= np.linalg.norm(quats, axis=1, keepdims=True)
    return GaussianCloud(
        means=points.astype(np.float32),
        quats=quats.astype(np.float32),
        scales=np.tile(np.array([0.03, 0.03, 0.005], np.float32), (count, 1)),
        opacities=np.full(count, 0.95, np.float32),
        sh0=np.tile(np.array([1.5, -1.5, -1.5], np.float32), (count, 1)),
        shN=np.zeros((count, 0, 3), np.float32),
    )


@pytest.fixture
def await_true() -> Callable[[Callable[[], bool]], None]:
    """Waits until a condition holds, and fails with what the backend says if it never does."""

    def wait(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, api.snapshot()
            time.sleep(0.02)

    return wait


_exit_status = 0


def pytest_sessionfinish(exitstatus: int) -> None:
    global _exit_status
    _exit_status = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """End before Python does: bpy 4.2 then crashes if any enum's items ever came from a function.

    That is so with any add-on, registered or not by then; all tests have been reported.
    """
    if bpy.app.version < (4, 5, 0):
        sys.stdout.flush()
        os._exit(_exit_status)
