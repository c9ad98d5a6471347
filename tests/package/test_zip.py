"""The extension's zip: its entries, that it is reproducible, and that Blender accepts it."""

from __future__ import annotations

import hashlib
import tomllib
import zipfile
from pathlib import Path

import pytest

import build_addon
import splatsmith


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_addon.build(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def names(archive: Path) -> set[str]:
    with zipfile.ZipFile(archive) as file:
        return set(file.namelist())


def test_builds_are_equal_byte_for_byte(archive: Path, tmp_path: Path) -> None:
    assert build_addon.build(tmp_path).read_bytes() == archive.read_bytes()


def test_entries_carry_neither_time_nor_user(archive: Path) -> None:
    with zipfile.ZipFile(archive) as file:
        entries = file.infolist()
    assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert {entry.external_attr for entry in entries} == {0o100644 << 16}


@pytest.mark.parametrize(
    "name",
    [
        "blender_manifest.toml",
        "__init__.py",
        "api.py",
        "contract.py",
        "link/client.py",
        "scene/splats.py",
        "ui/panels.py",
        "backend/splatsmith/contract/cloud.py",
        "backend/splatsmith/worker/__main__.py",
        "backend/splatsmith/engines/sprout/card.py",
        "backend/locks/install.py",
        "backend/locks/linux-x86_64-cpu.txt",
        "backend/locks/windows-x86_64.txt",
        "LICENSE",
        "docs/blender.md",
        "translations/texts.tsv",
    ],
)
def test_zip_has(name: str, names: set[str]) -> None:
    assert name in names


def test_zip_has_the_built_in_weights_with_their_attribution(names: set[str]) -> None:
    sprout = {name for name in names if name.startswith("backend/splatsmith/engines/sprout/")}
    assert any(name.endswith(".safetensors") for name in sprout)
    assert any("ATTRIBUTION" in name for name in sprout)


def test_an_installed_package_has_every_resource_and_key_list(project: Path) -> None:
    patterns = tomllib.loads((project / "pyproject.toml").read_text("utf-8"))
    (globs,) = patterns["tool"]["setuptools"]["package-data"].values()
    suffixes = {glob.removeprefix("*") for glob in globs}
    found = {path.suffix for path in (project / "backend/splatsmith").rglob("*") if path.is_file()}
    assert (found | {".gz"}) - {".py", ".pyc"} - {".nbi", ".nbc"} <= suffixes


def test_zip_has_no_development_files(names: set[str]) -> None:
    for word in ("__pycache__", ".pyc", "training/", "tests/", "demo.py", "dev.txt", ".log"):
        assert not [name for name in names if word in name]


def test_wheels_are_those_of_the_manifest_and_the_lock(archive: Path, project: Path) -> None:
    lock = (project / "wheels/lock.txt").read_text("utf-8")
    with zipfile.ZipFile(archive) as file:
        manifest = tomllib.loads(file.read("blender_manifest.toml").decode())
        wheels = [name for name in file.namelist() if name.startswith("wheels/")]
        digests = [hashlib.sha256(file.read(wheel)).hexdigest() for wheel in wheels]
    assert [f"./{wheel}" for wheel in wheels] == manifest["wheels"]
    assert wheels and all(digest in lock for digest in digests)


def test_version_stands_once(archive: Path, project: Path) -> None:
    manifest = tomllib.loads((project / "blender_addon/blender_manifest.toml").read_text("utf-8"))
    assert splatsmith.__version__ == manifest["version"]
    assert archive.name == f"splatsmith-{manifest['version']}.zip"


def test_blenders_validator_refuses_a_zip_without_a_manifest(tmp_path: Path) -> None:
    broken = tmp_path / "broken.zip"
    with zipfile.ZipFile(broken, "w") as file:
        file.writestr("__init__.py", "")
    with pytest.raises(build_addon.BuildError, match="Blender refuses"):
        build_addon.validate(broken)
