"""Train one of ivid's networks, all at once or in pieces.

    python -m training.ivid.train CONFIG.json uncond FOLDER OUT [--seconds 540]
    torchrun --nproc-per-node GPUS -m training.ivid.train CONFIG.json cond FOLDER OUT

FOLDER holds pictures with depths, see rgbd_folder.py. `uncond` is the network of the first view,
`cond` that of further ones, whose conditions are made first and kept in OUT/conditions.npz.

Writes OUT/STAGE-state.pt every SAVE_SECONDS and at the end, and OUT/STAGE.safetensors, the averaged
weights as the engine loads them. The same command continues a run that a time limit, or anything
else, has ended; it gives the same weights as a run in one piece.
"""

from __future__ import annotations

import argparse
import logging
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import distributed

from training.distributed import DistributedContext
from training.ivid.batches import BatchSource
from training.ivid.conditions import kept_conditions
from training.ivid.config import Stage, TrainingConfig
from training.ivid.rgbd_folder import read_pictures
from training.ivid.training_run import TrainingRun, save_weights
from training.resumable_run import RunLimits, advance_run, prepare_folder

log = logging.getLogger(__name__)

LOG_STEPS = 50
CONDITIONS = "conditions.npz"


@dataclass(frozen=True)
class TrainingJob:
    """folder: of pictures. seconds: after which training pauses."""

    config: TrainingConfig
    stage: Stage
    folder: Path
    out: Path
    seconds: float = float("inf")

    @property
    def state_file(self) -> Path:
        return self.out / f"{self.stage}-state.pt"

    @property
    def weights_file(self) -> Path:
        return self.out / f"{self.stage}.safetensors"


def train(job: TrainingJob, context: DistributedContext) -> list[float]:
    """Begin or continue a run until it has all its steps, or the time is over; returns losses.

    Raises:
        ValueError: the folder has no pictures of the configuration's size.
    """
    run = make_run(job, context)
    losses: list[float] = []
    limits = RunLimits(job.config.optimizer.steps, job.seconds)
    for loss in advance_run(run, limits, job.state_file, context):
        losses.append(loss)
        if run.step % LOG_STEPS == 0 and context.is_main:
            recent = losses[-LOG_STEPS:]
            log.info("step %d of %d: loss %.4f", run.step, limits.steps, sum(recent) / len(recent))
    if context.is_main:
        save_weights(run.averaged, job.weights_file)
        log.info("step %d of %d: saved", run.step, limits.steps)
    return losses


def make_run(job: TrainingJob, context: DistributedContext) -> TrainingRun:
    """A run at its beginning, or where OUT/STAGE-state.pt left it."""
    run = TrainingRun(job.config, job.stage, _open_source(job, context), context)
    if job.state_file.exists():
        run.load(job.state_file)
        log.info("continued at step %d", run.step)
    return run


def _open_source(job: TrainingJob, context: DistributedContext) -> BatchSource:
    config = job.config
    pictures = read_pictures(job.folder, config.network.size)
    if job.stage is Stage.FIRST:
        return BatchSource(pictures, config)
    file = job.out / CONDITIONS
    if context.is_main:
        kept_conditions(pictures, config.warps, config.seed, file)
    if context.size > 1:
        distributed.barrier()
    return BatchSource(pictures, config, kept_conditions(pictures, config.warps, config.seed, file))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("config", type=Path)
    parser.add_argument("stage", type=Stage, choices=list(Stage))
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_float32_matmul_precision("high")
    context = DistributedContext.initialize()
    if context.is_main:
        prepare_folder(arguments.config, arguments.out)
    config = TrainingConfig.read(arguments.config)
    job = TrainingJob(config, arguments.stage, arguments.folder, arguments.out, arguments.seconds)
    train(job, context)
    context.shutdown()


if __name__ == "__main__":
    main()
