"""Give trained networks to the engine, in the place of the published ones.

    python -m training.ivid.install OUT

OUT has uncond.safetensors or cond.safetensors, or both. They are copied; the files of the published
ones are left alone.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from splatsmith.contract.cards import Checkpoint
from splatsmith.engines.ivid.published_checkpoints import CONDITIONAL, UNCONDITIONAL
from splatsmith.files import atomic_write
from splatsmith.progress import silent
from splatsmith.weights.hashing import hash_file
from splatsmith.weights.path_patterns import stored_path
from splatsmith.weights.records import (
    CheckpointRecord,
    RecordedFile,
    weights_directory,
    write_record,
)
from training.ivid.config import Stage

CHECKPOINTS = {Stage.FIRST: UNCONDITIONAL, Stage.FURTHER: CONDITIONAL}
FOLDER = "own-{}"  # below the folder of all weights, by checkpoint


def install(out: Path) -> Iterator[Checkpoint]:
    """The checkpoints whose networks OUT has, each after it was installed."""
    for stage, checkpoint in CHECKPOINTS.items():
        file = out / f"{stage}.safetensors"
        if file.exists():
            _install(file, checkpoint)
            yield checkpoint


def _install(file: Path, checkpoint: Checkpoint) -> None:
    folder = weights_directory() / FOLDER.format(checkpoint.id)
    folder.mkdir(parents=True, exist_ok=True)
    path = stored_path(checkpoint.files[0].path)
    with atomic_write(folder / path) as part:
        shutil.copyfile(file, part)
    digest = hash_file(folder / path, silent())
    recorded = RecordedFile(path, file.stat().st_size, digest)
    record = CheckpointRecord(
        checkpoint.id, checkpoint.repository, "", str(folder), (recorded,), True
    )
    write_record(record)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("out", type=Path)
    installed = list(install(parser.parse_args().out))
    for checkpoint in installed:
        sys.stdout.write(f"{checkpoint.id} is installed\n")
    return 0 if installed else 1


if __name__ == "__main__":
    sys.exit(main())
