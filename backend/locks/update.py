"""Resolve pyproject.toml's requirements anew and write the locks. Needs uv on the PATH.

python backend/locks/update.py [--cpu-wheel WHEEL ...]

WHEEL: files of PyTorch's own CPU build, which the Python Package Index does not carry for
Linux; their hashes are what linux-x86_64-cpu.txt accepts. Without any, its old ones are kept.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent.parent / "pyproject.toml"
PLATFORMS = {
    "linux-x86_64-cuda": "x86_64-manylinux_2_28",
    "windows-x86_64": "x86_64-pc-windows-msvc",
    "macos-arm64": "aarch64-apple-darwin",
}
CUDA_ONLY = re.compile(r"(cuda-|nvidia-|triton)")


def compile_lock(requirements: list[str], *options: str) -> str:
    """Resolve `requirements` to pins with the hashes of every file of each release."""
    command = ["uv", "pip", "compile", "-", "--no-config", "--quiet", "--no-header"]
    command += ["--no-annotate", "--generate-hashes", "--python-version", "3.11", *options]
    # torch's wheels for macOS start at version 14.
    environment = {**os.environ, "MACOSX_DEPLOYMENT_TARGET": "14.0"}
    completed = subprocess.run(
        command,
        input="\n".join(requirements),
        text=True,
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
    )
    return completed.stdout


def group_requirements(groups: dict[str, list[str | dict[str, str]]], name: str) -> list[str]:
    """A dependency group's requirements, those of the groups it includes among them."""
    requirements: list[str] = []
    for each in groups[name]:
        requirements += (
            [each] if isinstance(each, str) else group_requirements(groups, each["include-group"])
        )
    return requirements


def entries(lock: str) -> list[str]:
    """A lock's entries, each a pin with its hash lines."""
    return re.findall(r"^\S.*(?:\n +.*)*\n", lock, flags=re.MULTILINE)


def cpu_lock(cuda: str, torch_hashes: list[str]) -> str:
    """The CUDA lock without CUDA's libraries, and with the CPU build's hashes for torch."""
    kept = []
    for entry in entries(cuda):
        if entry.startswith("torch=="):
            pin = entry.split(" \\\n")[0]
            entry = " \\\n".join([pin, *(f"    --hash={each}" for each in torch_hashes)]) + "\n"
        if not CUDA_ONLY.match(entry):
            kept.append(entry)
    return "".join(kept)


def without_pinned(locks: Iterable[str], lock: str) -> str:
    """The entries of `lock` for packages that none of the `locks` pins."""
    pinned = {package_name(entry) for other in locks for entry in entries(other)}
    return "".join(entry for entry in entries(lock) if package_name(entry) not in pinned)


def package_name(entry: str) -> str:
    return entry.split("==")[0]


def locked_torch_hashes(path: Path) -> list[str]:
    torch = next(entry for entry in entries(path.read_text("utf-8")) if entry.startswith("torch=="))
    return re.findall(r"sha256:[0-9a-f]{64}", torch)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--cpu-wheel", type=Path, nargs="*", default=[])
    wheels = parser.parse_args().cpu_wheel
    project = tomllib.loads(PROJECT.read_text("utf-8"))
    groups = project["dependency-groups"]
    backend = project["project"]["dependencies"]
    locks = {
        name: compile_lock(backend, "--python-platform", platform)
        for name, platform in PLATFORMS.items()
    }
    locks["dev"] = without_pinned(
        locks.values(), compile_lock(groups["dev"] + backend, "--universal")
    )
    for name in (group for group in groups if group.startswith("blender")):
        locks[name] = compile_lock(group_requirements(groups, name), "--universal")
    cpu = HERE / "linux-x86_64-cpu.txt"
    hashes = [f"sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}" for wheel in wheels]
    locks[cpu.stem] = cpu_lock(locks["linux-x86_64-cuda"], hashes or locked_torch_hashes(cpu))
    for name, text in locks.items():
        (HERE / f"{name}.txt").write_text(text, encoding="utf-8")
        sys.stdout.write(f"{name}: {len(entries(text))} packages\n")


if __name__ == "__main__":
    main()
