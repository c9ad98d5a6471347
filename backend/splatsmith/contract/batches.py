"""Sources of a batch: a file of prompts, a table, or a folder of pictures.

prompts.txt   one prompt a line; empty lines and lines that begin with # are left out
table.csv     a header of: prompt, class, image, right, back, left, depth, normal, canny, name, and
              any of the engine's parameters; pictures by their paths, relative to the table's
              folder; cells between commas, semicolons or tabs
pictures/     every picture in the folder, in the order of their names
"""

from __future__ import annotations

import codecs
import io
import json
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path

from .cards import PICTURE_CONDITIONS, ConditionKind
from .file_names import distinct_names, path_title
from .problems import InvalidRequest, clean_text
from .tables import Table, TableRow, looks_like_table, read_table

PICTURE_SUFFIXES = frozenset(
    [
        *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".webp", ".gif", ".avif"),
        *(".tif", ".tiff", ".bmp", ".dib", ".jp2", ".j2k", ".jpx", ".ppm", ".pgm", ".pbm"),
    ]
)
TABLE_SUFFIXES = (".csv", ".tsv", ".tab")
SYSTEM_FILES = ("thumbs.db", "desktop.ini")  # of Windows' file browser
MAX_PROMPT_IN_NAME = 120  # characters of a prompt that become the asset's name
MAX_NAMED_FILES = 5  # in a note
PICTURE_COLUMNS = tuple(role for role in ConditionKind if role in PICTURE_CONDITIONS)
COLUMNS = ("prompt", "class", *(role.value for role in PICTURE_COLUMNS), "name")
NEAR_MISS = 0.75  # similarity from which on an unknown column is taken for a misspelt one


@dataclass(frozen=True)
class BatchItem:
    """One asset to make. In a batch, `name` is never empty and differs from all others.

    pictures: the files of the pictures and of the maps, by role.
    class_label: a class's name or number.
    """

    name: str
    prompt: str = ""
    pictures: dict[ConditionKind, Path] = field(default_factory=dict[ConditionKind, Path])
    parameters: dict[str, object] = field(default_factory=dict[str, object])
    class_label: str = ""


@dataclass(frozen=True)
class Batch:
    """items: at least one. notes: for the user, on what was left out."""

    items: tuple[BatchItem, ...]
    notes: tuple[str, ...] = ()


def read_batch(source: Path, parameters: Collection[str] | None = None) -> Batch:
    """The items of a prompts file, a table or a folder of pictures.

    Args:
        parameters: what the engine takes. Without them every other column is taken for one.

    Raises:
        InvalidRequest: there is no such file, it is no text, or it holds nothing to make.
    """
    batch = _read_folder(source) if source.is_dir() else _read_file(source, parameters)
    if not batch.items:
        raise InvalidRequest(
            " ".join((f"{source} holds nothing to make.", *batch.notes)),
            "Give a file with one prompt a line, a table with a header, or a folder of pictures.",
        )
    names = distinct_names(item.name for item in batch.items)
    pairs = zip(batch.items, names, strict=True)
    return replace(batch, items=tuple(replace(item, name=name) for item, name in pairs))


def _read_folder(folder: Path) -> Batch:
    """Hidden files are left out, such as those that macOS leaves beside each ("._boat.png")."""
    present = sorted(p for p in folder.iterdir() if p.is_file() and not p.name.startswith("."))
    pictures = [path for path in present if path.suffix.lower() in PICTURE_SUFFIXES]
    others = [p.name for p in present if p not in pictures and p.name.lower() not in SYSTEM_FILES]
    image = ConditionKind.IMAGE
    items = (BatchItem(path_title(path), pictures={image: path}) for path in pictures)
    return Batch(tuple(items), _left_out_notes(others))


def _left_out_notes(names: list[str]) -> tuple[str, ...]:
    if not names:
        return ()
    listed = ", ".join(map(clean_text, names[:MAX_NAMED_FILES]))
    more = f" and {len(names) - MAX_NAMED_FILES:,} more" if len(names) > MAX_NAMED_FILES else ""
    return (f"Left out, as they are no pictures of a kind that is read: {listed}{more}.",)


def _read_file(source: Path, parameters: Collection[str] | None) -> Batch:
    text, expected = _read_text(source), {*COLUMNS, *(parameters or ())}
    if source.suffix.lower() in TABLE_SUFFIXES or looks_like_table(text, expected):
        return _table_batch(source, read_table(text, str(source), expected), parameters)
    lines = (_unquoted(line.strip()) for line in io.StringIO(text, newline=None))
    prompts = (line for line in lines if line and line[0] != "#")
    return Batch(tuple(BatchItem(_name_from(prompt), prompt) for prompt in prompts))


def _table_batch(source: Path, table: Table, parameters: Collection[str] | None) -> Batch:
    if not {"prompt", "class", *PICTURE_COLUMNS} & set(table.columns):
        raise InvalidRequest(
            f"{source} has neither a column 'prompt' nor a column 'image'.",
            "Begin it with a header line, such as: prompt,image,name,seed",
        )
    unknown: list[str] = []
    if parameters is not None:
        known = [*COLUMNS, *parameters]
        unknown = [column for column in table.columns if column and column not in known]
        for column in unknown:
            _check_spelling(source, column, known)
    items = tuple(_table_item(source, row, unknown) for row in table.rows)
    listed = ", ".join(repr(column) for column in unknown)
    return Batch(items, (f"Columns that say nothing to the engine: {listed}.",) if unknown else ())


def _check_spelling(source: Path, column: str, known: list[str]) -> None:
    near = get_close_matches(column, known, 1, NEAR_MISS)
    if near:
        raise InvalidRequest(
            f"The engine has no parameter {column!r}, which {source} has a column for.",
            f"If {near[0]!r} is meant, write that; else call the column differently.",
        )


def _table_item(source: Path, row: TableRow, left_out: Collection[str]) -> BatchItem:
    cells = {column: cell for column, cell in row.cells.items() if column not in left_out}
    prompt, name, label = (cells.pop(column, "") for column in ("prompt", "name", "class"))
    given = {role: cells.pop(role, "") for role in PICTURE_COLUMNS}
    pictures = {role: _picture_path(source.parent, path) for role, path in given.items() if path}
    stems = [path.stem for path in pictures.values()]
    return BatchItem(
        name=name or _name_from(prompt) or label or next(iter(stems), f"line {row.line}"),
        prompt=prompt,
        pictures=pictures,
        parameters={key: _parse_cell(cell) for key, cell in cells.items()},
        class_label=label,
    )


def _picture_path(folder: Path, cell: str) -> Path:
    r"""The file that a cell names; of a table written on Windows "pics\boat.png" too."""
    path = folder / cell
    return path if path.exists() else folder / cell.replace("\\", "/")


def _unquoted(line: str) -> str:
    """A prompt without the quotation marks that a spreadsheet puts around it."""
    is_quoted = len(line) > 1 and line[0] == line[-1] == '"'
    return line[1:-1].replace('""', '"').strip() if is_quoted else line


def _name_from(prompt: str) -> str:
    return prompt[:MAX_PROMPT_IN_NAME].rstrip()


def _parse_cell(cell: str) -> object:
    """A number or truth value where the cell is one; the engine's card checks it later."""
    try:
        value = json.loads(cell.lower())
    except ValueError:
        return cell
    return value if isinstance(value, (int, float)) else cell


def _read_text(source: Path) -> str:
    """UTF-8, or UTF-16 with its mark, as spreadsheets save "Unicode text"."""
    try:
        content = source.read_bytes()
        is_utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        return content.decode("utf-16" if is_utf16 else "utf-8-sig")
    except FileNotFoundError:
        raise InvalidRequest(f"There is no {source}.", "Check the name.") from None
    except OSError as error:
        raise InvalidRequest(
            f"{source} cannot be read: {error.strerror}.", "Check that you may read it."
        ) from error
    except UnicodeDecodeError:
        raise InvalidRequest(f"{source} is not text in UTF-8.", "Save it as UTF-8.") from None
