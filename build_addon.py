#!/usr/bin/env python3
"""Build, try and test Splatsmith. Needs Python 3.11 or 3.13 and nothing else.

python build_addon.py [build]  the extension for Blender, into dist/
python build_addon.py dev      the two environments: .venv (backend) and .venv-blender (Blender)
python build_addon.py demo     a prompt and a picture become splats, meshes and points in a scene
python build_addon.py test     every check and test
python build_addon.py bench    the benchmarks' figures
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import tomllib
import xml.etree.ElementTree as ElementTree
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent
ADDON = ROOT / "blender_addon"
MANIFEST = ADDON / "blender_manifest.toml"
BACKEND = ROOT / "backend"
WHEELS = ROOT / "wheels"
DIST = ROOT / "dist"
BACKEND_ENVIRONMENT = ROOT / ".venv"
BLENDER_ENVIRONMENT = ROOT / ".venv-blender"

PYTHONS = ((3, 11), (3, 13))  # those that Blender's module is published for
OLDER_BLENDERS = ("4.2", "4.5")  # on Python 3.11
NOT_SHIPPED = {
    "blender_addon/blender_manifest.toml",  # goes in with the wheels filled in
    "blender_addon/demo.py",
    "blender_addon/demo_picture.png",
    "backend/locks/update.py",
    "backend/locks/dev.txt",
    *(f"backend/locks/blender{suffix}.txt" for suffix in ("", "-4.2", "-4.5")),
}
ZIP_TIMESTAMP = (1980, 1, 1, 0, 0, 0)
MINUTES = 60
PROCESSES = 2  # of tests at a time, with one thread each
# What works in the Blenders before and after it, jobs and panels, is not run in this one again.
BLENDER_BETWEEN = "-4.5"
DATA_TESTS = ("tests/addon/scene", "tests/addon/exporting", "tests/addon/viewport")
ONE_THREAD = {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}


class BuildError(Exception):
    """Raised when a step fails; the message says why and what to do."""


# The extension


def build(target: Path = DIST) -> Path:
    """Write the extension's zip into `target`; the same sources give the same bytes.

    Raises:
        BuildError: a wheel cannot be fetched, or Blender refuses the zip.
    """
    fetch_wheels()
    manifest = tomllib.loads(MANIFEST.read_text("utf-8"))
    target.mkdir(parents=True, exist_ok=True)
    archive = target / f"{manifest['id']}-{manifest['version']}.zip"
    part = archive.with_suffix(".part")
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
        for name, data in sorted(zip_entries()):
            entry = zipfile.ZipInfo(name, ZIP_TIMESTAMP)
            entry.create_system = 3  # Unix, wherever it is built
            entry.external_attr = 0o100644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            file.writestr(entry, data)
    part.replace(archive)
    validate(archive)
    log(f"{relative(archive)}: {archive.stat().st_size / 2**20:.1f} MiB, {sha256(archive)}")
    return archive


def zip_entries() -> Iterator[tuple[str, bytes]]:
    """Name in the zip and bytes of every file."""
    places = [(ADDON, ""), (BACKEND / "splatsmith", "backend/splatsmith/")]
    places += [(BACKEND / "locks", "backend/locks/")]
    for folder, prefix in places:
        for path in folder.rglob("*"):
            if path.is_file() and is_shipped(path):
                yield prefix + path.relative_to(folder).as_posix(), path.read_bytes()
    wheels = [(f"wheels/{wheel.name}", wheel) for wheel in locked_wheels()]
    yield from ((name, wheel.read_bytes()) for name, wheel in wheels)
    yield MANIFEST.name, shipped_manifest([f"./{name}" for name, _ in wheels])
    yield "LICENSE", (ROOT / "LICENSE").read_bytes()
    yield "docs/blender.md", (ROOT / "docs" / "blender.md").read_bytes()


def shipped_manifest(wheels: Sequence[str]) -> bytes:
    """The manifest with the zip's wheels filled in; a checkout's lists none."""
    text = MANIFEST.read_text("utf-8")
    filled = re.sub(r"^wheels = \[\]$", f"wheels = {json.dumps(wheels)}", text, flags=re.MULTILINE)
    if tomllib.loads(filled).get("wheels") != wheels:
        raise BuildError("blender_manifest.toml has no line `wheels = []` to fill. Add it.")
    return filled.encode()


def is_shipped(path: Path) -> bool:
    relative = path.relative_to(ROOT)
    hidden = any(part.startswith((".", "__pycache__")) for part in relative.parts)
    return not hidden and path.suffix != ".pyc" and relative.as_posix() not in NOT_SHIPPED


def locked_wheels() -> list[Path]:
    """The wheels in wheels/ whose hash is in the lock."""
    hashes = set(re.findall(r"sha256:([0-9a-f]{64})", (WHEELS / "lock.txt").read_text("utf-8")))
    return [wheel for wheel in sorted(WHEELS.glob("*.whl")) if sha256(wheel) in hashes]


def fetch_wheels() -> None:
    """Download the locked wheels that are missing.

    Raises:
        BuildError: the package index cannot be reached, or a hash differs.
    """
    lock = WHEELS / "lock.txt"
    wanted = len(re.findall(r"^\S+==", lock.read_text("utf-8"), re.MULTILINE))
    if len(locked_wheels()) < wanted:
        log("Fetching the wheels that Blender's Python lacks")
        command = [sys.executable, "-P", "-m", "pip", "download", "--disable-pip-version-check"]
        command += ["--quiet", "--no-deps", "--only-binary", ":all:", "--require-hashes"]
        if subprocess.run([*command, "-d", str(WHEELS), "-r", str(lock)]).returncode != 0:
            raise BuildError("The wheels could not be fetched. Check the connection and try again.")


def validate(archive: Path) -> None:
    """Run Blender's own validator on the zip, if its environment exists."""
    tool = "bpy/*/scripts/addons_core/bl_pkg/cli/blender_ext.py"
    tools = [*BLENDER_ENVIRONMENT.glob(f"lib/python*/site-packages/{tool}")]
    tools += BLENDER_ENVIRONMENT.glob(f"Lib/site-packages/{tool}")
    if not tools:
        log("Not validated: `python build_addon.py dev` brings Blender's validator.")
        return
    command = [
        str(environment_python(BLENDER_ENVIRONMENT)),
        str(tools[0]),
        "validate",
        str(archive),
    ]
    checked = subprocess.run(command, text=True, capture_output=True)
    if checked.returncode != 0:
        raise BuildError(f"Blender refuses {relative(archive)}:\n{checked.stdout}{checked.stderr}")


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


# The environments


def dev() -> None:
    """Make both environments, unless they are up to date.

    Raises:
        BuildError: this Python has no Blender module, or an environment cannot be made.
    """
    if sys.version_info[:2] not in PYTHONS:
        wanted = " or ".join(".".join(map(str, version)) for version in PYTHONS)
        raise BuildError(
            f"This is Python {sys.version_info[0]}.{sys.version_info[1]}; Blender's module "
            f"exists for {wanted}. Run build_addon.py with one of those."
        )
    make_environment(BACKEND_ENVIRONMENT, "backend", "dev")
    make_environment(BLENDER_ENVIRONMENT, "blender")
    install_command()


def make_other_blenders() -> list[str]:
    """Make the environments of the other Blenders that this machine's Pythons can run.

    Returns:
        Which Blenders cannot be tested here, and why.

    Raises:
        BuildError: an environment cannot be made.
    """
    if sys.version_info[:2] != (3, 11):
        return ["Blender 4.2, 4.5 and 5.0: they need Python 3.11, and this is a newer one."]
    for version in OLDER_BLENDERS:
        make_environment(Path(f"{BLENDER_ENVIRONMENT}-{version}"), f"blender-{version}")
    python = find_python("3.13")
    if python is None:
        places = "on the PATH, by uv and among pyenv's versions"
        return [f"Blender 5.3: it needs Python 3.13, and none was found {places}."]
    make_environment(Path(f"{BLENDER_ENVIRONMENT}-5.3"), "blender", python=python)
    return []


def find_python(version: str) -> str | None:
    """A Python "3.X" with venv: the first that works on the PATH, by uv, or of pyenv."""
    return next((each for each in installed_pythons(version) if works(each, version)), None)


def installed_pythons(version: str) -> Iterator[str]:
    """Interpreters that may be a Python `version`; pyenv's shims on the PATH may not run."""
    if on_path := shutil.which(f"python{version}"):
        yield on_path
    if uv := shutil.which("uv"):
        command = [uv, "python", "find", "--system", "--no-project", version]
        yield from subprocess.run(command, text=True, capture_output=True).stdout.splitlines()
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from map(str, sorted(pyenv.glob(f"versions/{version}*/bin/python{version}")))


def works(python: str, version: str) -> bool:
    """Whether `python` runs, is of this version, and can make environments."""
    script = "import sys, venv, ensurepip; print(*sys.version_info[:2], sep='.')"
    try:
        probe = subprocess.run([python, "-P", "-c", script], text=True, capture_output=True)
    except OSError:
        return False
    return probe.returncode == 0 and probe.stdout.strip() == version


def make_environment(folder: Path, *locks: str, python: str = sys.executable) -> None:
    command = [python, str(BACKEND / "locks" / "install.py"), str(folder), *locks]
    if subprocess.run(command).returncode != 0:
        raise BuildError(f"The environment {relative(folder)} was not made (see above).")


def install_command() -> None:
    """Install this checkout editable, which makes the command `splatsmith`."""
    python = environment_python(BACKEND_ENVIRONMENT)
    if (python.parent / "splatsmith").exists() or (python.parent / "splatsmith.exe").exists():
        return
    command = [str(python), "-P", "-m", "pip", "install", "--disable-pip-version-check", "--quiet"]
    command += ["--no-deps", "--no-index", "--no-build-isolation", "--editable", str(ROOT)]
    if subprocess.run(command).returncode != 0:
        raise BuildError("The command `splatsmith` could not be installed (see above).")


def environment_python(environment: Path) -> Path:
    return environment / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


# The demo, the tests and the benchmarks


def demo(options: argparse.Namespace) -> None:
    """Make the environments and run the add-on's demo in Blender's."""
    dev()
    command = [str(environment_python(BLENDER_ENVIRONMENT)), "-P", "-m", "blender_addon.demo"]
    command += ["--out", str(options.out.resolve())]
    if options.prompt:
        command += ["--prompt", options.prompt]
    if options.image:
        command += ["--image", str(options.image.resolve())]
    search = {"PYTHONPATH": str(ROOT)}
    if subprocess.run(command, cwd=ROOT, env={**os.environ, **search}).returncode != 0:
        raise BuildError("The demo did not finish (see above).")


@dataclass(frozen=True)
class TestRun:
    """One run of pytest, with `variables` added to the environment."""

    python: Path
    options: tuple[str, ...]
    minutes: int
    variables: Mapping[str, str] = field(default_factory=dict[str, str])
    output: IO[bytes] | None = None  # None: ours


@dataclass(frozen=True)
class TestResults:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    @staticmethod
    def read(report: Path, status: int) -> TestResults:
        """A run's results; one that fails without a failed test counts as a failure."""
        suites = ElementTree.parse(report).getroot().iter("testsuite") if report.exists() else ()
        total = TestResults()
        for suite in suites:
            tests, skipped = int(suite.attrib["tests"]), int(suite.attrib["skipped"])
            failed = int(suite.attrib["failures"]) + int(suite.attrib["errors"])
            total += TestResults(tests - skipped - failed, failed, skipped)
        return replace(total, failed=max(total.failed, int(status != 0)))

    def __add__(self, other: TestResults) -> TestResults:
        return TestResults(
            self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped
        )

    def __str__(self) -> str:
        line = f"{self.passed} passed, {self.failed} failed"
        return f"{line}, {self.skipped} skipped" if self.skipped else line


def test() -> None:
    """Run the linters and every test, each in the environment it belongs to.

    Raises:
        BuildError: something did not pass.
    """
    dev()
    untested = make_other_blenders()
    statuses = {name: run_linter(name, command) for name, command in style_checks().items()}
    results = run_tests(backend_run())  # compiles what the others use, too
    with ThreadPoolExecutor(PROCESSES) as pool:
        addon = pool.map(run_addon_tests, addon_runs())
        types = pool.submit(run_linter, "pyright", type_check())
        results = sum(addon, results)
        statuses["pyright"] = types.result()
    failed_checks = [name for name, status in statuses.items() if status != 0]
    if failed_checks:
        log(f"\nNot clean: {', '.join(failed_checks)}")
    for blenders in untested:
        log(f"\nNot tested: {blenders}")
    log(f"\n{results}")
    if results.failed or not results.passed or failed_checks:
        raise BuildError("Not everything passed.")


def style_checks() -> dict[str, list[str]]:
    python = str(environment_python(BACKEND_ENVIRONMENT))
    return {
        "ruff check": [python, "-P", "-m", "ruff", "check", "."],
        "ruff format": [python, "-P", "-m", "ruff", "format", "--check", "."],
    }


def type_check() -> list[str]:
    python = str(environment_python(BACKEND_ENVIRONMENT))
    return [python, "-P", "-m", "pyright", "--pythonpath", python]


def run_linter(name: str, command: Sequence[str]) -> int:
    log(f"\n{name}")
    return subprocess.run(command, cwd=ROOT).returncode


def backend_run() -> TestRun:
    tests = ("tests/test_architecture.py", "tests/backend", "tests/parity", "tests/package")
    options = (*tests, "-n", str(PROCESSES), "--dist", "worksteal")
    return TestRun(environment_python(BACKEND_ENVIRONMENT), options, 35, ONE_THREAD)


def addon_runs() -> Iterator[TestRun]:
    """One for each Blender; several run at a time."""
    # The add-on must not find the backend's packages by accident.
    options = ("-o", "pythonpath=.")
    for number, blender in enumerate(blender_environments()):
        tests = DATA_TESTS if blender.name.endswith(BLENDER_BETWEEN) else ("tests/addon",)
        selected = ("-m", "not once") if number else ()
        yield TestRun(environment_python(blender), (*tests, *options, *selected), 20, ONE_THREAD)


def blender_environments() -> list[Path]:
    """The existing environments with a Blender module, the default one first."""
    return sorted(ROOT.glob(f"{BLENDER_ENVIRONMENT.name}*"))


def run_tests(run: TestRun) -> TestResults:
    log(f"\n{relative(run.python)}: {run.options[0]}")
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [str(run.python), "-P", "-m", "pytest", "-q", f"--junitxml={report}"]
        variables = {**os.environ, **run.variables}
        with subprocess.Popen(
            [*command, *run.options], cwd=ROOT, env=variables, stdout=run.output, stderr=run.output
        ) as process:
            status = wait_limited(process, run.minutes)
        return TestResults.read(report, status)


def wait_limited(process: subprocess.Popen[bytes], minutes: float) -> int:
    """The exit status; pytest that is interrupted says what has failed until then."""
    try:
        return process.wait(minutes * MINUTES)
    except subprocess.TimeoutExpired:
        log(f"Stopped after {minutes} minutes.")
        process.send_signal(signal.SIGINT if os.name == "posix" else signal.SIGTERM)
    try:
        process.wait(MINUTES)
    except subprocess.TimeoutExpired:
        process.kill()
    return 1


def run_addon_tests(run: TestRun) -> TestResults:
    """As `run_tests`, for a run beside another one: its output is printed at its end."""
    with tempfile.TemporaryFile() as output:
        results = run_tests(replace(run, output=output))
        output.seek(0)
        log(f"\n{relative(run.python)}:\n{output.read().decode(errors='replace')}")
    return results


def bench(options: argparse.Namespace) -> None:
    """Run tests/bench in both environments."""
    dev()
    for environment in (BACKEND_ENVIRONMENT, BLENDER_ENVIRONMENT):
        paths = [ROOT, BACKEND] if environment is BACKEND_ENVIRONMENT else [ROOT]
        search = {"PYTHONPATH": os.pathsep.join(map(str, paths))}
        command = [str(environment_python(environment)), "-P", "-m", "tests.bench", *options.names]
        if subprocess.run(command, cwd=ROOT, env={**os.environ, **search}).returncode != 0:
            raise BuildError("A benchmark did not finish (see above).")


# The command line


def log(line: str) -> None:
    print(line, flush=True)


def relative(path: Path) -> str:
    """The path relative to the project's folder, if it is inside."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = top.add_subparsers(dest="command", metavar="COMMAND")
    commands.add_parser("build", help="write the extension's zip into dist/")
    commands.add_parser("dev", help="make the environments .venv and .venv-blender")
    demo = commands.add_parser("demo", help="a prompt and a picture, all the way into a scene")
    demo.add_argument("--prompt", metavar="TEXT", help='instead of "a wooden chair"')
    demo.add_argument("--image", metavar="FILE", type=Path, help="instead of the shipped picture")
    demo.add_argument("--out", metavar="DIR", type=Path, default=ROOT / "out", help="default: out")
    commands.add_parser("test", help="run every check and test")
    bench = commands.add_parser("bench", help="print the benchmarks' figures")
    bench.add_argument("names", metavar="NAME", nargs="*", help="only those that begin like this")
    return top


def main() -> int:
    options = parser().parse_args()
    try:
        match options.command:
            case "demo":
                demo(options)
            case "test":
                test()
            case "bench":
                bench(options)
            case "dev":
                dev()
                log(f"Ready: {relative(BACKEND_ENVIRONMENT)}, {relative(BLENDER_ENVIRONMENT)}")
            case _:
                build()
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
