"""splatsmith batch: one asset for each prompt, row or picture."""

from __future__ import annotations

import argparse
from functools import partial

from ..contract.batches import BatchItem, read_batch
from .batch_runner import BatchTask, run_batch_items
from .console import ConsoleOutput
from .generate import request_of
from .local_runner import GenerationJob, prepare_generation


def run_batch(options: argparse.Namespace, console: ConsoleOutput) -> int:
    """Make every asset of the batch."""
    items = read_batch(options.source)
    tasks = [BatchTask(item.name, partial(_prepare, item, options)) for item in items]
    return run_batch_items(tasks, options, console)


def _prepare(item: BatchItem, options: argparse.Namespace) -> GenerationJob:
    return prepare_generation(request_of(options, item), item.pictures)
