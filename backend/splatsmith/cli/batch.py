"""splatsmith batch: an asset of every prompt, row or picture."""

from __future__ import annotations

import argparse
from functools import partial

from ..contract.batches import BatchItem, read_batch
from .batch_runner import Task, make_each
from .console import Screen
from .generate import request_of
from .local_runner import Generation, order_generation


def run_batch(options: argparse.Namespace, screen: Screen) -> int:
    """Make every asset of the batch."""
    items = read_batch(options.source)
    tasks = [Task(item.name, partial(_order, item, options)) for item in items]
    return make_each(tasks, options, screen)


def _order(item: BatchItem, options: argparse.Namespace) -> Generation:
    request = request_of(options, item.prompt, item.name)
    request.parameters.update(item.parameters)
    return order_generation(request, item.pictures)
