"""splatsmith engines: the engines with their variants and parameters."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from rich.table import Table

from ..contract.cards import EngineCard
from ..contract.jsonable import to_json
from ..contract.licences import commercial_use_of
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
        console.print_result(_licence_lines(card))
        for parameters, variants in _variants_by_parameters(card).items():
            console.print_result(_parameter_table(parameters, variants))
    return 0


def _variant_table(card: EngineCard) -> Table:
    table = Table("variant", "title", "takes", "weights", "memory", "commercial use", box=None)
    for variant in card.variants:
        size = sum(checkpoint.size_bytes for checkpoint in variant.checkpoints)
        licences = ", ".join(sorted(each.name for each in variant.licences))
        weights = f"{size / 1e6:,.0f} MB {licences}" if size else "none"
        least = min(variant.memory_bytes.values(), default=0)
        memory = f"{least / 1e9:.1f} GB" if least else ""
        takes, use = ", ".join(variant.conditions), commercial_use_of(variant.licences)
        table.add_row(variant.id, variant.title, takes, weights, memory, use)
    return table


def _licence_lines(card: EngineCard) -> str:
    """Each licence of the engine's checkpoints, with what it says of commercial use."""
    licences = dict.fromkeys(each for variant in card.variants for each in variant.licences)
    return "".join(f"{each.name}: {each.summary} {each.url}".rstrip() + "\n" for each in licences)


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
