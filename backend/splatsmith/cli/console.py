"""Terminal output: results on standard output, everything else on standard error."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from ..contract.problems import SplatsmithError
from ..progress import ProgressCallback


class ConsoleOutput:
    """Prints results, status lines, errors and progress bars."""

    def __init__(self) -> None:
        for stream in (sys.stdout, sys.stderr):
            _never_fail_on_characters(stream)
        self._results = Console(highlight=False, soft_wrap=True)
        self._messages = Console(stderr=True, highlight=False, soft_wrap=True)

    def print_status(self, text: str) -> None:
        """A line on standard error."""
        self._messages.print(text, markup=False)

    def print_error(self, error: SplatsmithError) -> None:
        """The error's sentences, in red."""
        self._messages.print(f"[red]Error:[/red] {_escape_markup(str(error))}")

    def print_result(self, result: str | Table) -> None:
        """A result as text on standard output."""
        self._results.print(result, markup=False)

    def print_json(self, result: object) -> None:
        """A result as JSON on standard output."""
        is_unicode = (sys.stdout.encoding or "").lower().startswith("utf")
        text = json.dumps(result, indent=2, ensure_ascii=not is_unicode)
        self._results.file.write(f"{text}\n")

    @contextmanager
    def progress(self, title: str) -> Iterator[ProgressCallback]:
        """A progress bar; yields the function that updates its fraction and stage."""
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
        )
        hidden = not self._messages.is_terminal
        with Progress(*columns, console=self._messages, transient=True, disable=hidden) as bar:
            task = bar.add_task(title, total=1.0)

            def report(fraction: float, stage: str) -> None:
                bar.update(task, completed=fraction, description=f"{title}: {stage or 'Starting'}")

            yield report


def _never_fail_on_characters(stream: TextIO | None) -> None:
    """Write what the stream's encoding lacks, as cp1252 of a file on Windows, as an escape.

    So it does with the halves of surrogate pairs in names that are not valid in any encoding.
    """
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")


def _escape_markup(text: str) -> str:
    return text.replace("[", "\\[")
