"""Download objects of Objaverse by their identifiers; `rendered_objects` reads their renderings.

    pip install objaverse==0.1.7
    python -m training.diffusiongs.fetch_objaverse UIDS.txt FOLDER [--processes 4]

UIDS.txt has one identifier a line. Every object becomes FOLDER/UID.glb; those that are there are
left. Licences differ between objects: the package's annotations name them.
"""

# pyright: reportMissingImports=false
from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from splatsmith.files import atomic_write


def missing_objects(uids: list[str], folder: Path) -> list[str]:
    return [uid for uid in uids if not (folder / f"{uid}.glb").exists()]


def fetch(uids: list[str], folder: Path, processes: int) -> None:
    import objaverse  # noqa: PLC0415 - needed for nothing else

    folder.mkdir(parents=True, exist_ok=True)
    files = objaverse.load_objects(missing_objects(uids, folder), processes)
    for uid, file in files.items():
        with atomic_write(folder / f"{uid}.glb") as part:
            shutil.copyfile(file, part)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("uids", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--processes", type=int, default=4)
    arguments = parser.parse_args()
    uids = arguments.uids.read_text(encoding="utf-8").split()
    fetch(uids, arguments.folder, arguments.processes)


if __name__ == "__main__":
    main()
