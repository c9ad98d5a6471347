"""splatsmith batch: one asset for each prompt, row or picture."""

from __future__ import annotations

import argparse
from functools import partial

from ..contract.batches import BatchItem, read_batch
from ..contract.protocol import GenerateRequest
from ..engines import registry
from .batch_runner import BatchTask, run_batch_items
from .console import ConsoleOutput
from .generate import request_of
from .local_runner import GenerationJob, prepare_generation


def run_batch(options: argparse.Namespace, console: ConsoleOutput) -> int:
    """Make every asset of the batch."""
    batch = read_batch(options.source, registry.card(options.engine).parameter_names)
    for note in batch.notes:
        console.print_status(note)
    tasks = [task for item in batch.items for task in _tasks(item, options)]
    return run_batch_items(tasks, options, console)


def _tasks(item: BatchItem, options: argparse.Namespace) -> list[BatchTask]:
    """One for the item, or for each of the samples that are asked for."""
    requests = request_of(options, item).for_each_sample()
    names = [request.name if len(requests) > 1 else item.name for request in requests]
    return [
        BatchTask(name, partial(_prepare, request, item))
        for name, request in zip(names, requests, strict=True)
    ]


def _prepare(request: GenerateRequest, item: BatchItem) -> GenerationJob:
    return prepare_generation(request, item.pictures)
