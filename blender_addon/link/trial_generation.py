"""A first generation at the end of an installation.

It shows that the backend works here, and compiles for this machine what every generation needs,
which takes minutes: the first asset that the user asks for comes as fast as the second.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event

from .environment import InstallCancelled, InstallFailed
from .launcher import backend_variables
from .watched_process import ProgressCallback, run_watched

MESSAGE = "Trying it out, and compiling it for this machine"
# Small, but through every stage of the panel's default settings.
REQUEST = ("--prompt", "a wooden chair", "--faces", "2000", "--texture", "512", "--points", "2000")


def run_trial_generation(
    python: Path, backend: Path, device: str, report: ProgressCallback, cancelled: Event
) -> None:
    """Generate a small asset with the backend, and throw it away.

    python: of the backend's environment.
    backend: the folder of the package `splatsmith`.

    Raises:
        InstallFailed: it did not work; says why.
        InstallCancelled: `cancelled` was set.
    """
    report(MESSAGE)
    with TemporaryDirectory(prefix="splatsmith-") as folder:
        command = [str(python), "-P", "-m", "splatsmith", "generate", *REQUEST]
        command += ["--device", device, "--out", str(Path(folder) / "trial")]
        ended = run_watched(command, backend_variables(backend), lambda _: None, cancelled)
    if ended is None:
        raise InstallCancelled
    if ended.status != 0:
        said = " ".join(line for line in ended.lines[-3:] if line)
        raise InstallFailed(
            f"The backend was installed, but its first generation failed. It said: {said}",
            "Choose the processor under Compute on in the preferences, or install it again.",
        )
