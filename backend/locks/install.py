"""Make a Python environment exactly as locks pin it. Standard library only.

python install.py FOLDER [NAME ...]

NAME: a lock of this folder without ".txt"; "backend", which is the default, is the backend's
lock for this machine. Run again, it does nothing as long as the locks have not changed. Lines
"[12/98] package" on the standard output are its progress.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

LOCKS = Path(__file__).resolve().parent
BACKEND_LOCKS = {
    ("linux", "x86_64"): ("linux-x86_64-cpu", "linux-x86_64-cuda"),
    ("win32", "amd64"): ("windows-x86_64",),
    ("darwin", "arm64"): ("macos-arm64",),
}
# "Collecting name==1.0 (from -r ...)", or "Processing /folder/name-1.0-py3-none-any.whl (...)"
PACKAGE = re.compile(r"(?:Collecting|Processing) (?:\S*[/\\])?([\w.-]+?)(?:==|-)(\d[^\s-]*)")
STAMP_FILE = "installed-locks.txt"
ATTEMPTS = 3
SECONDS_BETWEEN_ATTEMPTS = 5


class InstallError(Exception):
    """Raised when an environment cannot be made; the message says why and what to do."""


def python_of(environment: Path) -> Path:
    """The interpreter inside an environment."""
    windows = sys.platform == "win32"
    return environment / ("Scripts/python.exe" if windows else "bin/python")


def install(environment: Path, names: Sequence[str]) -> None:
    """Make `environment` from the locks called `names`, unless it is up to date.

    Raises:
        InstallError: no environment can be made here, or packages cannot be installed.
    """
    candidates = [candidate_locks(name) for name in names]
    stamp = environment / STAMP_FILE
    if stamp.is_file():
        if stamp.read_text("utf-8") in map(fingerprint, itertools.product(*candidates)):
            return
        shutil.rmtree(environment)
    log(f"Making the environment {environment}")
    make_environment(environment)
    python = python_of(environment)
    locks = [choose_lock(candidates, python) for candidates in candidates]
    install_packages(python, locks)
    stamp.write_text(fingerprint(locks), encoding="utf-8")


def candidate_locks(name: str) -> list[Path]:
    """The locks that `name` may mean on this machine: one, or the CPU's and CUDA's.

    Raises:
        InstallError: no lock covers this machine.
    """
    if name != "backend":
        return [LOCKS / f"{name}.txt"]
    machine = (sys.platform, platform.machine().lower())
    if machine not in BACKEND_LOCKS:
        raise InstallError(
            f"There is no lock for {' '.join(machine)}: PyTorch is not published for it. "
            "Use a backend on another machine."
        )
    return [LOCKS / f"{each}.txt" for each in BACKEND_LOCKS[machine]]


def choose_lock(candidates: Sequence[Path], python: Path) -> Path:
    """The CUDA lock of two if there is a GPU, or if pip's index has no CPU build."""
    if len(candidates) == 1:
        return candidates[0]
    has_gpu = shutil.which("nvidia-smi") is not None
    return (
        candidates[1]
        if has_gpu or not index_offers_cpu_build(candidates[0], python)
        else candidates[0]
    )


def index_offers_cpu_build(lock: Path, python: Path) -> bool:
    """Whether pip, as configured here, would install PyTorch's CPU build.

    PyTorch's own index, or a folder of its wheels, carries one for Linux; the Python Package
    Index carries the CUDA build alone, which works without a GPU too but is far larger.
    """
    pinned = re.search(r"^torch==\S+", lock.read_text("utf-8"), re.MULTILINE)
    assert pinned is not None
    command = [str(python), "-P", "-m", "pip", "install", "--dry-run", "--quiet", "--no-deps"]
    command += ["--disable-pip-version-check", "--no-input", "--ignore-installed"]
    command += ["--report", "-", pinned[0]]
    dry_run = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    if dry_run.returncode != 0:
        return False
    return json.loads(dry_run.stdout)["install"][0]["metadata"]["version"].endswith("+cpu")


def fingerprint(locks: Iterable[Path]) -> str:
    """Contents of the stamp file: the Python version and the locks' digests."""
    lines = [f"Python {sys.version_info.major}.{sys.version_info.minor}"]
    for lock in locks:
        # Text, so that Windows line endings do not change the digest.
        digest = hashlib.sha256(lock.read_text("utf-8").encode()).hexdigest()
        lines.append(f"{lock.name} {digest}")
    return "\n".join(lines)


def make_environment(environment: Path) -> None:
    """Make an empty environment, unless one exists (a user's, or from an interrupted run)."""
    if python_of(environment).exists():
        return
    command = [sys.executable, "-P", "-m", "venv", str(environment)]
    created = subprocess.run(command, text=True, capture_output=True)
    if created.returncode != 0:
        raise InstallError(
            f"Python could not make an environment: {last_lines(created.stdout + created.stderr)}\n"
            "Install Python's venv module (python3-venv on Debian and Ubuntu) and try again."
        )


def install_packages(python: Path, locks: Sequence[Path]) -> None:
    # A lock is complete, so nothing is resolved; every file is checked against its hash. Packages
    # that hold data alone may declare older Pythons than they work with.
    command = [str(python), "-P", "-m", "pip", "install", "--disable-pip-version-check"]
    command += ["--no-input", "--progress-bar", "off", "--require-hashes", "--no-deps"]
    command += ["--only-binary", ":all:", "--ignore-requires-python"]
    for lock in locks:
        command += ["-r", str(lock)]
    total = sum(len(re.findall(r"^\S+==", lock.read_text("utf-8"), re.M)) for lock in locks)
    output: list[str] = []
    for attempt in range(1, ATTEMPTS + 1):
        output.clear()
        if run_pip(command, total, output) == 0:
            return
        if attempt < ATTEMPTS:
            log(f"pip failed; trying again ({attempt + 1} of {ATTEMPTS})")
            time.sleep(SECONDS_BETWEEN_ATTEMPTS)
    raise InstallError(
        f"The packages could not be installed: {last_lines(''.join(output))}\n"
        "Check the connection to the package index and the free disk space, then try again."
    )


def run_pip(command: Sequence[str], total: int, output: list[str]) -> int:
    """Run pip, print its progress, collect its `output`, and return its exit status."""
    with subprocess.Popen(
        command,
        text=True,
        encoding="utf-8",
        errors="replace",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as pip:
        assert pip.stdout is not None
        for line in progress_lines(record_lines(pip.stdout, output), total):
            log(line)
    return pip.returncode


def record_lines(lines: Iterator[str], output: list[str]) -> Iterator[str]:
    for line in lines:
        output.append(line)
        yield line


def progress_lines(lines: Iterator[str], total: int) -> Iterator[str]:
    """Progress lines from pip's output: one per package, then one for the installation."""
    done = 0
    for line in lines:
        if package := PACKAGE.match(line):
            done += 1
            yield f"[{min(done, total)}/{total}] {package[1]} {package[2]}"
        elif line.startswith("Installing collected packages"):
            yield f"[{total}/{total}] unpacking"


def last_lines(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR: ") and line[-1] != ":"]
    return " ".join((errors or lines)[-2:])


def log(line: str) -> None:
    print(line, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description="Make a Python environment from a lock.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("name", nargs="*", default=["backend"])
    options = parser.parse_args()
    try:
        install(options.folder, options.name)
    except InstallError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
