"""Sources of a batch: a file of prompts, a table, or a folder of pictures.

prompts.txt   one prompt a line; empty lines and lines that begin with # are left out
table.csv     a header of: prompt, class, image, right, back, left, depth, normal, canny, name, and
              any of the engine's parameters; pictures by their paths, relative to the table's
              folder
pictures/     every picture in the folder, in the order of their names
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from .cards import PICTURE_CONDITIONS, ConditionKind
from .problems import InvalidRequest, clean_text

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".avif")
MAX_FILE_NAME = 60
MAX_PROMPT_IN_NAME = 120  # characters of a prompt that become the asset's name
PICTURE_COLUMNS = tuple(role for role in ConditionKind if role in PICTURE_CONDITIONS)


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


def read_batch(source: Path) -> list[BatchItem]:
    """The items of a prompts file, a CSV table or a folder of pictures.

    Raises:
        InvalidRequest: there is no such file, it is no text, or it holds nothing to make.
    """
    if source.is_dir():
        items = _read_folder(source)
    elif source.suffix.lower() == ".csv":
        items = _read_table(source)
    else:
        items = _read_prompts(source)
    if not items:
        raise InvalidRequest(
            f"{source} holds nothing to make.",
            "Give a file with one prompt a line, a CSV with a header, or a folder of pictures.",
        )
    names = distinct_names(item.name for item in items)
    return [replace(item, name=name) for item, name in zip(items, names, strict=True)]


def file_name(title: str) -> str:
    """`title` as the name of a file or folder: letters of any script, digits, - and _."""
    words = re.sub(r"[^\w]+", "-", title).strip("-_")
    return words[:MAX_FILE_NAME].rstrip("-_") or "asset"


def distinct_names(names: Iterable[str]) -> list[str]:
    """`names`, equal ones numbered; judged as file names, so that no folder is shared."""
    taken: set[str] = set()
    distinct: list[str] = []
    for given in names:
        name, number = given, 2
        while file_name(name).casefold() in taken:
            name, number = f"{number} {given}", number + 1
        taken.add(file_name(name).casefold())
        distinct.append(name)
    return distinct


def _read_folder(folder: Path) -> list[BatchItem]:
    paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in PICTURE_SUFFIXES)
    return [
        BatchItem(name=clean_text(path.stem), pictures={ConditionKind.IMAGE: path})
        for path in paths
    ]


def _read_prompts(source: Path) -> list[BatchItem]:
    lines = [line.strip() for line in _read_text(source).splitlines()]
    return [BatchItem(_name_from(line), line) for line in lines if line and line[0] != "#"]


def _read_table(source: Path) -> list[BatchItem]:
    rows = csv.DictReader(_read_text(source).splitlines())
    if not {"prompt", "class", *PICTURE_COLUMNS} & set(rows.fieldnames or ()):
        raise InvalidRequest(
            f"{source} has neither a column 'prompt' nor a column 'image'.",
            "Begin it with a header line, such as: prompt,image,name,seed",
        )
    return [_read_row(source, number, {**row}) for number, row in enumerate(rows, start=2)]


def _read_row(source: Path, number: int, row: Mapping[str | None, str | None]) -> BatchItem:
    # csv keeps surplus cells under the key None, and None where cells are missing.
    if None in row or None in row.values():
        raise InvalidRequest(
            f"Line {number} of {source} has not as many cells as the header.",
            'Put text with a comma in it between "quotes".',
        )
    cells = {(key or "").strip(): (value or "").strip() for key, value in row.items()}
    prompt, name, label = (cells.pop(column, "") for column in ("prompt", "name", "class"))
    given = {role: cells.pop(role, "") for role in PICTURE_COLUMNS}
    pictures = {role: source.parent / path for role, path in given.items() if path}
    stems = [path.stem for path in pictures.values()]
    return BatchItem(
        name=name or _name_from(prompt) or label or next(iter(stems), f"line {number}"),
        prompt=prompt,
        pictures=pictures,
        parameters={key: _parse_cell(cell) for key, cell in cells.items() if cell},
        class_label=label,
    )


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
    try:
        return source.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InvalidRequest(f"There is no {source}.", "Check the name.") from None
    except OSError as error:
        raise InvalidRequest(f"{source} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError:
        raise InvalidRequest(f"{source} is not text in UTF-8.", "Save it as UTF-8.") from None
