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
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from splatsmith.engines.diffusiongs.card import Subject
from splatsmith.engines.sprout.card import WEIGHTS as SPROUT_WEIGHTS
from splatsmith.engines.sprout.checkpoint import FOLDER as SPROUT_FOLDER
from splatsmith.engines.sprout.checkpoint import read_networks
from splatsmith.files import atomic_write
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

log = logging.getLogger(__name__)

SAVE_SECONDS = 120.0
LOG_STEPS = 50
STATE, CONFIG = "state.pt", "config.json"


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
    started = time.monotonic()
    run = make_run(job, context)
    saved = started
    while run.step < job.config.optimizer.steps:
        losses = run.advance()
        elapsed = context.broadcast_value(time.monotonic() - started)
        if run.step % LOG_STEPS == 0 and context.is_main:
            log.info(progress_line(run, losses))
        if elapsed > job.seconds:
            break
        if context.is_main and time.monotonic() - saved > SAVE_SECONDS:
            run.save(job.out / STATE)
            saved = time.monotonic()
    if context.is_main:
        run.save(job.out / STATE)
        for subject in run.averaged:
            network = run.averaged.of(Subject(subject))
            save_weights(network, job.config.size, job.out / f"{subject}.safetensors")
        log.info("step %d of %d: saved", run.step, job.config.optimizer.steps)
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


def prepare_folder(config_file: Path, out: Path) -> None:
    """Keep the configuration in OUT.

    Raises:
        ValueError: a run with another configuration is there.
    """
    text = config_file.read_text(encoding="utf-8")
    kept = out / CONFIG
    if kept.exists() and kept.read_text(encoding="utf-8") != text:
        raise ValueError(f"{out} holds a run of another configuration. Choose another folder.")
    out.mkdir(parents=True, exist_ok=True)
    with atomic_write(kept) as part:
        part.write_text(text, encoding="utf-8")


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
