"""The lattice engine."""

from __future__ import annotations

import errno
import os
import signal
import time
from functools import partial

import numpy as np
from numpy.typing import NDArray

from splatsmith.contract.cloud import GaussianCloud
from splatsmith.engines.base import ConditioningCamera, EngineInputs, Generation
from splatsmith.progress import Progress
from splatsmith.representations.gaussians import GaussianSplats

MAX_WORDS = 100  # of a prompt; the rest is cut off
SIDE = 7  # Gaussians along an edge of the cube


class Lattice:
    def generate(self, inputs: EngineInputs, progress: Progress) -> Generation:
        steps, pause = (inputs.parameters[name] for name in ("steps", "pause"))
        seed, hollow = (inputs.parameters[name] for name in ("seed", "hollow"))
        previews = inputs.parameters["previews"]
        for step in range(int(steps)):
            progress.step(step, int(steps), partial(_gray, step) if previews else None)
            _fail(str(inputs.parameters["failure"]))
            time.sleep(float(pause))
        words = len(inputs.prompt.split())
        notes = (f"The prompt was cut after word {MAX_WORDS}.",) if words > MAX_WORDS else ()
        cube = make_cube(int(seed), bool(hollow))
        return Generation(GaussianSplats(cube), ConditioningCamera(15, 3, 40), notes=notes)


def load(variant: str, device: str) -> Lattice:
    return Lattice()


def _gray(step: int) -> NDArray[np.uint8]:
    return np.full((320, 320, 3), 50 * step % 256, np.uint8)


def _fail(failure: str) -> None:
    match failure:
        case "exception":
            raise ZeroDivisionError("a fault of the engine")
        case "memory":
            raise MemoryError
        case "disk":
            raise OSError(errno.ENOSPC, "No space left on device", "splats.ply")
        case "exit":
            os._exit(7)
        case "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case "hang":
            time.sleep(3600)
        case "print":
            os.write(1, b"not a message\n")


def make_cube(seed: int, hollow: bool) -> GaussianCloud:
    line = np.linspace(-0.5, 0.5, SIDE, dtype=np.float32)
    means = np.stack(np.meshgrid(line, line, line), -1).reshape(-1, 3)
    if hollow:
        means = means[np.abs(means).max(axis=1) == line[-1]]
    count = len(means)
    colours = np.random.default_rng(seed).normal(size=(count, 3)) * 0.3 + means
    return GaussianCloud(
        means=means,
        quats=np.tile(np.array([1, 0, 0, 0], np.float32), (count, 1)),
        scales=np.full((count, 3), 0.09, np.float32),
        opacities=np.full(count, 0.95, np.float32),
        sh0=colours.astype(np.float32),
        shN=np.zeros((count, 0, 3), np.float32),
    )
