"""What the command line shows: results on standard output, everything else on standard error."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from ..contract.problems import SplatsmithError
from ..progress import Report


class Screen:
    """The terminal, or what stands in its place."""

    def __init__(self) -> None:
        self._results = Console(highlight=False, soft_wrap=True)
        self._remarks = Console(stderr=True, highlight=False, soft_wrap=True)

    def say(self, remark: str) -> None:
        """A remark for whoever watches."""
        self._remarks.print(remark, markup=False)

    def complain(self, error: SplatsmithError) -> None:
        """What was wrong and what to do."""
        self._remarks.print(f"[red]Error:[/red] {_plain(str(error))}")

    def show(self, result: str | Table) -> None:
        """A result for people."""
        self._results.print(result, markup=False)

    def show_json(self, result: object) -> None:
        """A result for programs."""
        self._results.file.write(json.dumps(result, indent=2, ensure_ascii=False) + "\n")

    @contextmanager
    def progress(self, title: str) -> Iterator[Report]:
        """A bar while the work goes on; yields what to report its fraction and stage to."""
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
        )
        quiet = not self._remarks.is_terminal
        with Progress(*columns, console=self._remarks, transient=True, disable=quiet) as bar:
            task = bar.add_task(title, total=1.0)

            def report(fraction: float, stage: str) -> None:
                bar.update(task, completed=fraction, description=f"{title}: {stage or 'Starting'}")

            yield report


def _plain(text: str) -> str:
    return text.replace("[", "\\[")
