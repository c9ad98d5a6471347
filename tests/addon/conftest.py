"""Fixtures: the add-on in Blender's Python, with a real service and the test engines."""

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
from blender_addon.link.settings import BackendSettings

TIMEOUT = 240.0  # seconds: where nothing is compiled yet, that alone takes two minutes
ENGINES = ",".join(
    f"tests.backend.engines.{name}" for name in ("lattice", "mosaic", "menagerie", "quarry")
)


@pytest.fixture(scope="session")
def environment(project: Path) -> Path:
    """The backend's environment, which must exist."""
    folder = project / ".venv"
    if not folder.is_dir():
        pytest.skip("needs the backend's environment: python build_addon.py dev")
    return folder


@pytest.fixture(scope="session")
def backend(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backend folder with the test engines beside the package."""
    folder = tmp_path_factory.mktemp("backend of the ‘add-on’")
    for target in (project / "backend" / "splatsmith", project / "backend" / "locks"):
        (folder / target.name).symlink_to(target, target_is_directory=True)
    (folder / "tests").symlink_to(project / "tests", target_is_directory=True)
    return folder


@pytest.fixture(scope="module")
def backend_settings(
    environment: Path, backend: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BackendSettings]:
    home = tmp_path_factory.mktemp("addon") / "artist's files ü"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPLATSMITH_ENGINES", ENGINES)
        patch.setenv("SPLATSMITH_DATA", str(home / "data"))
        yield BackendSettings(folder=home, backend=backend, environment=environment, device="cpu")


@pytest.fixture
def scene() -> bpy.types.Scene:
    """An empty scene with factory settings."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    return bpy.context.scene


@pytest.fixture(scope="module")
def shared_backend(backend_settings: BackendSettings) -> Iterator[None]:
    """The configured scripting interface; the backend ends with the module's last test."""
    api.configure(backend_settings)
    yield
    api.shutdown()


@pytest.fixture
def session(scene: bpy.types.Scene, shared_backend: None) -> None:
    """An empty scene and a configured backend."""


@pytest.fixture
def registered(session: None) -> Iterator[None]:
    """The add-on, registered. Left registered, it would keep Blender from exiting."""
    ui.register()
    yield
    ui.unregister()


@pytest.fixture
def ball() -> GaussianCloud:
    """A red ball of radius 1, its surface made of flat splats."""
    count = 4_000
    i = np.arange(count) + 0.5
    z, turn = 1 - 2 * i / count, i * np.pi * (3 - 5**0.5)
    ring = np.sqrt(1 - z * z)
    points = np.stack([ring * np.cos(turn), ring * np.sin(turn), z], axis=1)
    quats = np.stack([1 + z, -points[:, 1], points[:, 0], 0 * z], axis=1)  # +Z outwards
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
def random_cloud() -> Callable[[int, int], GaussianCloud]:
    """Makes a cloud of (count, degree) whose every value is its own."""

    def make(count: int, degree: int) -> GaussianCloud:
        random = np.random.default_rng(11)
        quats = random.normal(size=(count, 4))
        harmonics = (count, (degree + 1) ** 2 - 1, 3)
        return GaussianCloud(
            means=random.normal(size=(count, 3)).astype(np.float32),
            quats=(quats / np.linalg.norm(quats, axis=1, keepdims=True)).astype(np.float32),
            scales=random.uniform(0.01, 0.1, (count, 3)).astype(np.float32),
            opacities=random.uniform(0.2, 1, count).astype(np.float32),
            sh0=random.normal(size=(count, 3)).astype(np.float32),
            shN=random.normal(size=harmonics).astype(np.float32),
        )

    return make


@pytest.fixture
def await_true() -> Callable[[Callable[[], bool]], None]:
    """Waits until a condition holds; fails with the backend's snapshot after a timeout."""

    def wait(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + TIMEOUT
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
    """Exit at once: bpy 4.2 crashes at exit if an enum's items ever came from a function."""
    if bpy.app.version < (4, 5, 0):
        sys.stdout.flush()
        os._exit(_exit_status)
