"""splatsmith engines: the engines with their variants and parameters."""

from __future__ import annotations

import argparse

from rich.table import Table

from ..contract.cards import EngineCard
from ..contract.jsonable import to_json
from ..engines import registry
from .console import ConsoleOutput


def run_engines(options: argparse.Namespace, console: ConsoleOutput) -> int:
    """List the engines with their variants and parameters."""
    if options.json:
        console.print_json(to_json(registry.cards()))
        return 0
    for card in registry.cards():
        console.print_result(f"{card.id}: {card.title} ({card.quality})\n{card.description}\n")
        console.print_result(_variants(card))
        console.print_result(_parameters(card))
    return 0


def _variants(card: EngineCard) -> Table:
    table = Table("variant", "title", "takes", "weights", "memory", box=None)
    for variant in card.variants:
        size = sum(checkpoint.size_bytes for checkpoint in variant.checkpoints)
        licences = ", ".join(sorted({c.licence.name for c in variant.checkpoints}))
        weights = f"{size / 1e6:,.0f} MB {licences}" if size else "none"
        least = min(variant.memory_bytes.values(), default=0)
        memory = f"{least / 1e9:.1f} GB" if least else ""
        table.add_row(variant.id, variant.title, ", ".join(variant.conditions), weights, memory)
    return table


def _parameters(card: EngineCard) -> Table:
    table = Table("parameter", "default", "range", "what it does", box=None)
    for spec in card.parameters:
        limits = "" if spec.minimum is None else f"{spec.minimum:g} to {spec.maximum:g}"
        table.add_row(
            spec.name,
            f"{spec.default} {spec.unit}".strip(),
            limits or ", ".join(spec.choices),
            spec.description,
        )
    return table
