"""splatsmith engines: the engines with their variants and parameters."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from rich.table import Table

from ..contract.cards import EngineCard
from ..contract.jsonable import to_json
from ..contract.parameters import ParameterSpec
from ..engines import registry
from .console import ConsoleOutput


def run_engines(options: argparse.Namespace, console: ConsoleOutput) -> int:
    """List the engines with their variants and parameters."""
    if options.json:
        console.print_json(to_json(registry.cards()))
        return 0
    for card in registry.cards():
        console.print_result(f"{card.id}: {card.title} ({card.quality})\n{card.description}\n")
        console.print_result(_variant_table(card))
        for parameters, variants in _variants_by_parameters(card).items():
            console.print_result(_parameter_table(parameters, variants))
    return 0


def _variant_table(card: EngineCard) -> Table:
    table = Table("variant", "title", "takes", "weights", "memory", box=None)
    for variant in card.variants:
        size = sum(checkpoint.size_bytes for checkpoint in variant.checkpoints)
        licences = ", ".join(sorted({c.licence.name for c in variant.checkpoints}))
        weights = f"{size / 1e6:,.0f} MB {licences}" if size else "none"
        least = min(variant.memory_bytes.values(), default=0)
        memory = f"{least / 1e9:.1f} GB" if least else ""
        table.add_row(variant.id, variant.title, ", ".join(variant.conditions), weights, memory)
    return table


def _variants_by_parameters(card: EngineCard) -> dict[tuple[ParameterSpec, ...], list[str]]:
    found: dict[tuple[ParameterSpec, ...], list[str]] = {}
    for variant in card.variants:
        found.setdefault(variant.parameters, []).append(variant.id)
    return found


def _parameter_table(parameters: Sequence[ParameterSpec], variants: Sequence[str]) -> Table:
    title = f"parameter of {', '.join(variants)}"
    table = Table(title, "default", "range", "what it does", box=None)
    for spec in parameters:
        limits = "" if spec.minimum is None else f"{spec.minimum:g} to {spec.maximum:g}"
        table.add_row(
            spec.name,
            f"{spec.default} {spec.unit}".strip(),
            limits or ", ".join(spec.choices),
            spec.description,
        )
    return table
