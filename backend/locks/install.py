"""Make a Python environment exactly as locks pin it. Standard library only.

python install.py FOLDER [NAME ...]

NAME: a lock of this folder without ".txt"; "backend", which is the default, is the backend's
lock for this machine. Run again, it does nothing as long as the locks have not changed. Lines
"[12/98] package" on the standard output are its progress.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import itertools
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
CPU_SUFFIX = "-cpu"  # of the locks with PyTorch's CPU build, which PyPI lacks for Linux
PYTORCH_INDEX = "https://download.pytorch.org/whl/cpu"
# What pip's settings may say here: where packages come from. Others, such as `user` and `target`,
# lead them out of the environment.
SOURCE_SETTINGS = (
    "index-url", "extra-index-url", "find-links", "no-index", "trusted-host", "proxy", "cert",
    "client-cert", "cache-dir", "no-cache-dir", "timeout", "default-timeout", "retries",
    "keyring-provider",
)  # fmt: skip
# The modules by which an installation is tried, by the distributions that bring them.
TRIED_MODULES = {
    "av": "av",
    "diffusers": "diffusers",
    "fastapi": "fastapi",
    "huggingface-hub": "huggingface_hub",
    "numba": "numba",
    "numpy": "numpy",
    "onnxruntime": "onnxruntime",
    "opencv-python-headless": "cv2",
    "pillow": "PIL.Image",
    "pydantic": "pydantic",
    "safetensors": "safetensors",
    "scipy": "scipy.spatial",
    "tokenizers": "tokenizers",
    "torch": "torch",
    "transformers": "transformers",
    "trimesh": "trimesh",
    "usd-core": "pxr",
    "uvicorn": "uvicorn",
    "zstandard": "zstandard",
}
# `pip config list` would not do: it heeds the setting `user` itself. Newer versions of pip list by
# file, older ones by name; both in the order of precedence.
SETTINGS_SCRIPT = """
import json
from pip._internal.configuration import Configuration
configuration = Configuration(isolated=False)
configuration.load()
found = {}
for name, value in configuration.items():
    found.update(value if isinstance(value, dict) else {name: value})
print(json.dumps(found))
"""
TRY_SCRIPT = """
import importlib, importlib.metadata, sys
for name in sys.argv[1].split():
    importlib.metadata.version(name)
for module in sys.argv[2].split():
    importlib.import_module(module)
"""
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
        InstallError: no environment can be made here, packages cannot be installed, or what was
            installed cannot be imported.
    """
    candidates = [candidate_locks(name) for name in names]
    stamp = environment / STAMP_FILE
    if stamp.is_file():
        if stamp.read_text("utf-8") in map(fingerprint, itertools.product(*candidates)):
            return
        shutil.rmtree(environment)
    log(f"Making the environment {environment}")
    make_environment(environment)
    pip = Pip(python_of(environment))
    locks = [choose_lock(candidates, pip) for candidates in candidates]
    pip.install(locks)
    try_packages(pip, locks)
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


def choose_lock(candidates: Sequence[Path], pip: Pip) -> Path:
    """The CUDA lock of two if there is a GPU, or if no index has the CPU build.

    Raises:
        InstallError: the CPU lock alone was asked for, and no index has its build.
    """
    if candidates[0].stem.endswith(CPU_SUFFIX) and (len(candidates) == 1 or not has_gpu()):
        if pip.find_cpu_build(candidates[0]):
            return candidates[0]
        if len(candidates) == 1:
            raise InstallError(
                "PyTorch's build for processors cannot be fetched from download.pytorch.org.\n"
                "Check the connection to it, or install for an NVIDIA GPU: that build works "
                "without a GPU too, and needs 7 GB."
            )
        log("PyTorch's CPU build cannot be fetched: taking the one with CUDA, which needs 7 GB")
    return candidates[-1]


def has_gpu() -> bool:
    return shutil.which("nvidia-smi") is not None


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
    created = subprocess.run(command, text=True, capture_output=True, env=plain_variables())
    if created.returncode != 0:
        raise InstallError(
            f"Python cannot make environments: {last_lines(created.stdout + created.stderr)}\n"
            "Install Python's venv module (python3-venv on Debian and Ubuntu) and try again."
        )


def plain_variables() -> dict[str, str]:
    """The environment variables without those that lead Python or pip to other folders."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}
    return {**kept, "PYTHONNOUSERSITE": "1", "PYTHONUTF8": "1"}


class Pip:
    """pip of an environment, with the user's settings of where packages come from, and no others.

    Raises:
        InstallError: these settings cannot be read.
    """

    def __init__(self, python: Path) -> None:
        self.python = python
        plain = plain_variables()
        command = [str(python), "-P", "-c", SETTINGS_SCRIPT]
        listed = subprocess.run(command, text=True, capture_output=True, env=plain)
        if listed.returncode != 0:
            raise InstallError(
                f"pip's settings cannot be read: {last_lines(listed.stderr)}\n"
                "Mend the file that is named, and try again."
            )
        kept = {name: text for name, text in plain.items() if not name.startswith("PIP_")}
        self.variables = {
            **kept,
            "PIP_CONFIG_FILE": os.devnull,
            **source_settings(json.loads(listed.stdout)),
        }

    def find_cpu_build(self, lock: Path) -> bool:
        """Whether the build of PyTorch in `lock` is found, if need be in PyTorch's own index.

        PyPI carries the CUDA build alone for Linux, which works without a GPU too.
        """
        if self._finds_torch(lock):
            return True
        indexes = self.variables.get("PIP_EXTRA_INDEX_URL", "")
        self.variables["PIP_EXTRA_INDEX_URL"] = f"{indexes} {PYTORCH_INDEX}".strip()
        return self._finds_torch(lock)

    def install(self, locks: Sequence[Path]) -> None:
        """Install exactly what `locks` pin.

        Raises:
            InstallError: packages cannot be fetched, or are others than those pinned.
        """
        # A lock is complete, so nothing is resolved; every file is checked against its hash.
        # Packages that hold data alone may declare older Pythons than they work with.
        command = [*self._install_command, "--progress-bar", "off"]
        command += ["--only-binary", ":all:", "--ignore-requires-python"]
        for lock in locks:
            command += ["-r", str(lock)]
        total = sum(len(re.findall(r"^\S+==", lock.read_text("utf-8"), re.M)) for lock in locks)
        output: list[str] = []
        for attempt in range(1, ATTEMPTS + 1):
            output.clear()
            if run_pip(command, total, output, self.variables) == 0:
                return
            if attempt < ATTEMPTS:
                log(f"pip failed; trying again ({attempt + 1} of {ATTEMPTS})")
                time.sleep(SECONDS_BETWEEN_ATTEMPTS)
        raise InstallError(
            f"The packages could not be installed: {last_lines(''.join(output))}\n"
            "Check the connection to the package index and the free disk space, then try again."
        )

    @property
    def _install_command(self) -> list[str]:
        command = [str(self.python), "-P", "-m", "pip", "install", "--disable-pip-version-check"]
        return [*command, "--no-input", "--require-hashes", "--no-deps"]

    def _finds_torch(self, lock: Path) -> bool:
        pinned = re.search(r"^torch==\S+.*\n(?: +.*\n)*", lock.read_text("utf-8"), re.MULTILINE)
        if pinned is None:
            return True
        with tempfile.TemporaryDirectory() as folder:
            requirement = Path(folder) / "torch.txt"
            requirement.write_text(pinned[0], encoding="utf-8")
            command = [*self._install_command, "--dry-run", "--quiet", "--ignore-installed"]
            command += ["--retries", "1", "-r", str(requirement)]
            found = subprocess.run(command, capture_output=True, env=self.variables)
        return found.returncode == 0


def source_settings(settings: Mapping[str, str]) -> dict[str, str]:
    """Those of pip's settings, by section and name, that say where packages come from, as
    environment variables."""
    found: dict[str, str] = {}
    for section in ("global", "install", ":env:"):  # each before the one that overrides it
        for name in SOURCE_SETTINGS:
            value = " ".join(settings.get(f"{section}.{name}", "").split())
            if value:  # pip passes over empty ones
                found[f"PIP_{name.upper().replace('-', '_')}"] = value
    return found


def try_packages(pip: Pip, locks: Iterable[Path]) -> None:
    """Import what was installed.

    Raises:
        InstallError: a package is missing from the environment, or cannot be imported.
    """
    log("Trying the packages")
    texts = [lock.read_text("utf-8") for lock in locks]
    # Those with a condition after a semicolon may be for other systems.
    names = [name for text in texts for name in re.findall(r"^([\w.-]+)==[^;\n]*$", text, re.M)]
    modules = [module for name, module in TRIED_MODULES.items() if name in names]
    command = [str(pip.python), "-I", "-c", TRY_SCRIPT, " ".join(names), " ".join(modules)]
    tried = subprocess.run(command, text=True, capture_output=True, env=pip.variables)
    if tried.returncode != 0:
        raise InstallError(
            f"What was installed cannot be used: {tried.stderr.strip().splitlines()[-1]}\n"
            "Try again; if it happens again, choose another Python."
        )


def run_pip(
    command: Sequence[str], total: int, output: list[str], variables: Mapping[str, str]
) -> int:
    """Run pip, print its progress, collect its `output`, and return its exit status."""
    with subprocess.Popen(
        command,
        text=True,
        encoding="utf-8",
        errors="replace",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=dict(variables),
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
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # the folder may be called anything
    try:
        install(options.folder, options.name)
    except InstallError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
