"""splatsmith weights list · download · verify · import: the checkpoints of the engines."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.table import Column, Table

from ..contract.cards import Checkpoint, ConditionKind, EngineCard, Variant
from ..contract.checkpoints import CheckpointState
from ..contract.jsonable import to_json
from ..contract.problems import InvalidRequest, NotFound, SplatsmithError
from ..engines import registry
from ..errors import Cancelled
from ..progress import Progress
from ..weights import status_of
from ..weights.licences import accept
from ..weights.status import download_hint
from .console import ConsoleOutput
from .local_runner import cancel_on_signal

DONE, FAILED, INTERRUPTED = 0, 1, 130
GIGABYTE = 1e9
NAMES = "an engine, one of its variants (engine/variant), or a checkpoint"


def add_weights(commands: argparse._SubParsersAction) -> None:
    """Add the command `weights` with its own commands."""
    command = commands.add_parser("weights", help="list, fetch, check and import checkpoints")
    own = command.add_subparsers(title="commands", required=True, metavar="COMMAND")
    listing = _add(own, "list", run_list, "list the checkpoints and what is here of them")
    listing.add_argument("--json", action="store_true", help="print JSON")
    getting = _add(own, "download", run_download, "fetch checkpoints from their hub")
    getting.add_argument("names", nargs="+", metavar="NAME", help=NAMES)
    getting.add_argument(
        "--for",
        dest="conditions",
        nargs="+",
        type=ConditionKind,
        choices=tuple(ConditionKind),
        metavar="CONDITION",
        help=f"only what a request with these needs: {' '.join(ConditionKind)}",
    )
    getting.add_argument(
        "--accept-licence", action="store_true", help="say that you accept their licences"
    )
    checking = _add(own, "verify", run_verify, "read checkpoints that are here again, and compare")
    checking.add_argument("names", nargs="*", metavar="NAME", help=f"{NAMES} (default: all here)")
    importing = _add(own, "import", run_import, "take over checkpoints that are on the disk")
    importing.add_argument(
        "source",
        type=Path,
        metavar="FILE_OR_FOLDER",
        help="a file of weights, a folder of a repository's files, or the hub's cache",
    )
    importing.add_argument("names", nargs="*", metavar="NAME", help=f"{NAMES} (default: any)")
    importing.add_argument(
        "--link", action="store_true", help="use the files where they are, instead of copies"
    )


def run_list(options: argparse.Namespace, console: ConsoleOutput) -> int:
    """List every checkpoint with its state, size and licence."""
    known = registry.checkpoints().values()
    if options.json:
        console.print_json([{**_members(c), "status": to_json(status_of(c))} for c in known])
        return DONE
    name = Column("checkpoint", no_wrap=True)  # never wrapped: users copy it
    licence = Column("licence", min_width=14)
    use = Column("commercial\nuse", min_width=10)
    table = Table(name, "what it is", "GB", "state", licence, use, box=None)
    for each in known:
        status = status_of(each)
        size = f"{status.size_bytes / GIGABYTE:.2f}"
        terms = f"{each.licence.name}{', gated' if each.gated else ''}"
        allowed = each.licence.commercial_use
        table.add_row(each.id, each.title, size, _state(each), terms, allowed)
    console.print_result(table)
    return DONE


def run_download(options: argparse.Namespace, console: ConsoleOutput) -> int:
    """Fetch the named checkpoints, except those that are complete already."""
    # The hub's library is slow to import; `list` must not wait for it.
    from ..weights.download import download
    from ..weights.hub import Hub

    selected = select_checkpoints(options.names, options.conditions)
    wanted = [each for each in selected if each.is_downloadable]
    if not wanted:
        raise InvalidRequest(
            "There is nothing to download.", " ".join(map(download_hint, selected))
        )
    if options.accept_licence:
        accept(each.licence for each in wanted)
    with cancel_on_signal() as interrupted, console.progress("Downloading") as report:
        try:
            notes = download(wanted, Hub.of_environment(), Progress(report, interrupted.is_set))
        except Cancelled:
            console.print_status("Stopped; what has arrived is kept.")
            return INTERRUPTED
    states = [f"{each.id}: {_state(each)}" for each in selected]
    console.print_result("\n".join([*states, *notes]))
    return DONE


def run_verify(options: argparse.Namespace, console: ConsoleOutput) -> int:
    """Verify the named checkpoints, or all on this machine; continues past damaged ones."""
    from ..weights.integrity import verify  # reads safetensors; as above

    wanted = select_checkpoints(options.names) if options.names else _all_recorded()
    failures = 0
    with cancel_on_signal() as interrupted:
        for each in wanted:
            try:
                with console.progress(each.id) as report:
                    verify(each, Progress(report, interrupted.is_set))
                console.print_result(f"{each.id}: verified")
            except SplatsmithError as error:
                failures += 1
                console.print_result(f"{each.id}: {error}")
    return FAILED if failures else DONE


def run_import(options: argparse.Namespace, console: ConsoleOutput) -> int:
    """Import the checkpoints found in the folder, or only the named ones; or a single file."""
    from ..weights.local_import import import_checkpoints  # reads safetensors; as above

    known = list(registry.checkpoints().values())
    wanted = select_checkpoints(options.names) if options.names else known
    with cancel_on_signal() as interrupted, console.progress("Importing") as report:
        result = import_checkpoints(
            options.source, wanted, options.link, Progress(report, interrupted.is_set), known
        )
    for warning in result.warnings:
        console.print_status(f"Left out: {warning}")
    for each in result.imported:
        console.print_result(f"{each.id}: imported")
    for each in result.already_present:
        console.print_result(f"{each.id}: was here already")
    return DONE


def select_checkpoints(
    names: Sequence[str], given: Iterable[ConditionKind] | None = None
) -> list[Checkpoint]:
    """The checkpoints that `names` name, each once. Of a variant: those that requests with the
    conditions `given` need; all without `given`.

    Raises:
        NotFound: there is no checkpoint, engine or variant of a name.
    """
    found: dict[str, Checkpoint] = {}
    for name in names:
        found |= {each.id: each for each in _checkpoints_named(name, given) if not each.is_bundled}
    return list(found.values())


def _checkpoints_named(name: str, given: Iterable[ConditionKind] | None) -> list[Checkpoint]:
    known = registry.checkpoints()
    if name in known:
        return [known[name]]
    engine, _, variant = name.partition("/")
    cards = {card.id: card for card in registry.cards()}
    if engine not in cards:
        raise NotFound(
            f"There is no checkpoint, and no engine, called {name!r}.",
            "`splatsmith weights list` shows them.",
        )
    card = cards[engine]
    variants = [card.variant(variant)] if variant else card.variants
    return [c for v in variants for c in _required(card, v, given)]


def _required(
    card: EngineCard, variant: Variant, given: Iterable[ConditionKind] | None
) -> tuple[Checkpoint, ...]:
    if given is None:
        return variant.checkpoints
    return variant.required_checkpoints(frozenset(given), card.check_parameters(variant, {}))


def _all_recorded() -> list[Checkpoint]:
    known = registry.checkpoints().values()
    return [each for each in known if status_of(each).state is not CheckpointState.ABSENT]


def _state(checkpoint: Checkpoint) -> str:
    status = status_of(checkpoint)
    if status.state is CheckpointState.PARTIAL:
        return f"{status.present_bytes / max(status.size_bytes, 1):.0%} here"
    return status.state.value


def _members(checkpoint: Checkpoint) -> dict[str, object]:
    members = to_json(checkpoint)
    assert isinstance(members, dict)
    return members


def _add(
    commands: argparse._SubParsersAction, name: str, run: object, text: str
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=text)
    command.set_defaults(run=run, log_level=logging.ERROR)
    command.add_argument("--debug", action="store_true", help="show tracebacks and the log")
    return command
