"""Train DiffusionGS's networks, all at once or in pieces.

    python -m training.diffusiongs.train CONFIG.json OUT pack=VIEWS [--seconds 540]
    torchrun --nproc-per-node GPUS -m training.diffusiongs.train CONFIG.json OUT pack=VIEWS

CONFIG.json says what is trained, see config.py and configs/. Each of its sources is given a folder:
`pack=VIEWS` of training.render_views, `rendered=FOLDER`, `mvimgnet-scenes=FOLDER`,
`mvimgnet-objects=FOLDER,MASKS`.

Writes OUT/state.pt every SAVE_SECONDS and at the end, and OUT/SUBJECT.safetensors, the averaged
weights as the engine loads them. The same command continues a run that a time limit, or anything
else, has ended; it gives the same weights as a run in one piece.
"""

from __future__ import annotations

import argparse
import logging
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from splatsmith.engines.diffusiongs.card import Subject
from splatsmith.engines.sprout.card import WEIGHTS as SPROUT_WEIGHTS
from splatsmith.engines.sprout.checkpoint import FOLDER as SPROUT_FOLDER
from splatsmith.engines.sprout.checkpoint import read_networks
from splatsmith.nn.efficientnet import EfficientNetLite
from training.diffusiongs.batches import BatchSource
from training.diffusiongs.config import SourceKind, TrainingConfig
from training.diffusiongs.mvimgnet import MVImgNetViews
from training.diffusiongs.networks import save_weights
from training.diffusiongs.pack_views import PackViews
from training.diffusiongs.posed_views import ViewSource
from training.diffusiongs.rendered_objects import RenderedObjects
from training.diffusiongs.training_run import TrainingRun
from training.distributed import DistributedContext
from training.optimizer import compile_blocks
from training.resumable_run import RunLimits, advance_run, prepare_folder

log = logging.getLogger(__name__)

LOG_STEPS = 50
STATE = "state.pt"


@dataclass(frozen=True)
class TrainingJob:
    """folders: of each of the configuration's sources. seconds: after which training pauses."""

    config: TrainingConfig
    out: Path
    folders: dict[SourceKind, str]
    seconds: float

    def sources(self) -> list[BatchSource]:
        """Raises ValueError: a source has no folder, no data, or views of another size."""
        if missing := self.config.sources.keys() ^ self.folders.keys():
            raise ValueError(f"Folders and the configuration differ in {', '.join(missing)}.")
        return [
            BatchSource(self._open(kind), each, self.config.views)
            for kind, each in self.config.sources.items()
        ]

    def _open(self, kind: SourceKind) -> ViewSource:
        size = self.config.size
        folder, _, masks = self.folders[kind].partition(",")
        match kind:
            case SourceKind.PACK:
                source = PackViews(Path(folder))
            case SourceKind.RENDERED:
                source = RenderedObjects(Path(folder), size)
            case SourceKind.MVIMGNET_SCENES:
                source = MVImgNetViews(Path(folder), size)
            case SourceKind.MVIMGNET_OBJECTS:
                source = MVImgNetViews(Path(folder), size, Path(masks))
        if source.size != size:
            raise ValueError(f"Views of {folder} have {source.size} pixels, not {size}.")
        return source


def train(job: TrainingJob, context: DistributedContext) -> TrainingRun:
    """Begin or continue a run until it has all its steps, or the time is over."""
    run = make_run(job, context)
    limits = RunLimits(job.config.optimizer.steps, job.seconds)
    for losses in advance_run(run, limits, job.out / STATE, context):
        if run.step % LOG_STEPS == 0 and context.is_main:
            log.info(progress_line(run, losses))
    if context.is_main:
        for subject in run.averaged:
            network = run.averaged.of(Subject(subject))
            save_weights(network, job.config.size, job.out / f"{subject}.safetensors")
        log.info("step %d of %d: saved", run.step, limits.steps)
    return run


def make_run(job: TrainingJob, context: DistributedContext) -> TrainingRun:
    """A run at its beginning, or where OUT/state.pt left it."""
    classifier = None
    if job.config.weights.perceptual:
        classifier = load_classifier().to(context.device)
    run = TrainingRun(job.config, job.sources(), context, classifier)
    if (job.out / STATE).exists():
        run.load(job.out / STATE)
        log.info("continued at step %d", run.step)
    if context.device.type == "cuda":
        compile_blocks(run.networks)
    return run


def load_classifier() -> EfficientNetLite:
    """The frozen classifier that sprout's weights bring along."""
    denoiser, _ = read_networks(SPROUT_FOLDER / SPROUT_WEIGHTS.files[0].path)
    return denoiser.feature_extractor.eval().requires_grad_(False)


def progress_line(run: TrainingRun, losses: dict[str, Tensor]) -> str:
    values = ", ".join(f"{name} {loss.item():.4f}" for name, loss in losses.items())
    return f"step {run.step} of {run.config.optimizer.steps}: {values}"


def _source_folder(argument: str) -> tuple[SourceKind, str]:
    kind, _, folder = argument.partition("=")
    return SourceKind(kind), folder


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("config", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("sources", type=_source_folder, nargs="+", metavar="SOURCE=FOLDER")
    parser.add_argument("--seconds", type=float, default=float("inf"))
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_float32_matmul_precision("high")
    context = DistributedContext.initialize()
    config = TrainingConfig.read(arguments.config)
    if context.is_main:
        prepare_folder(arguments.config, arguments.out)
    train(TrainingJob(config, arguments.out, dict(arguments.sources), arguments.seconds), context)
    context.shutdown()


if __name__ == "__main__":
    main()
