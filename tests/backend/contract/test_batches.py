"""Files that batches are made of."""

from __future__ import annotations

from pathlib import Path

import pytest

from splatsmith.contract.batches import BatchItem, file_name, read_batch
from splatsmith.contract.cards import ConditionKind
from splatsmith.contract.problems import InvalidRequest
from splatsmith.contract.protocol import MAX_NAME_CHARACTERS


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


def test_prompts_are_lines(tmp_path: Path) -> None:
    source = written(tmp_path, "p.txt", "\ufeffa chair\r\n\r\n# a remark\r\n  ein Tisch  \r\n")

    assert read_batch(source) == [
        BatchItem("a chair", "a chair"),
        BatchItem("ein Tisch", "ein Tisch"),
    ]


def test_a_table_has_prompts_pictures_names_and_parameters(tmp_path: Path) -> None:
    text = 'prompt,image,name,seed,guidance,mode\n"a chair, red",,throne,7,1.5,fast\n,a b.png,,,,\n'
    throne, picture = read_batch(written(tmp_path, "t.CSV", text))

    assert throne == BatchItem(
        "throne", "a chair, red", {}, {"seed": 7, "guidance": 1.5, "mode": "fast"}
    )
    assert picture == BatchItem("a b", "", {ConditionKind.IMAGE: tmp_path / "a b.png"}, {})


def test_a_table_has_maps(tmp_path: Path) -> None:
    text = "prompt,canny,depth,normal\na tower,,maps/d.png,\n,s.png,,/n.png\n"
    tower, nameless = read_batch(written(tmp_path, "t.csv", text))

    assert tower == BatchItem("a tower", "a tower", {ConditionKind.DEPTH: tmp_path / "maps/d.png"})
    maps = {ConditionKind.CANNY: tmp_path / "s.png", ConditionKind.NORMAL: Path("/n.png")}
    assert (nameless.name, nameless.pictures) == ("n", maps)


def test_a_table_has_classes(tmp_path: Path) -> None:
    named, numbered = read_batch(
        written(tmp_path, "t.csv", "class,name,seed\nred fox,Reynard,1\n7,,\n")
    )

    assert named == BatchItem("Reynard", parameters={"seed": 1}, class_label="red fox")
    assert numbered == BatchItem("7", class_label="7")


def test_a_long_prompt_gives_a_name_that_a_request_may_have(tmp_path: Path) -> None:
    words = "a wooden chair " * 100
    for name, text in (("p.txt", f"{words}\n{words}\n"), ("t.csv", f"prompt\n{words}\n")):
        for item in read_batch(written(tmp_path, name, text)):
            assert item.prompt == words.strip()
            assert 0 < len(item.name) < MAX_NAME_CHARACTERS


def test_pictures_are_taken_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("b.png", "a.JPG", "notes.txt"):
        (tmp_path / name).touch()

    assert [item.name for item in read_batch(tmp_path)] == ["a", "b"]


def test_names_that_would_share_a_folder_are_numbered(tmp_path: Path) -> None:
    items = read_batch(written(tmp_path, "p.txt", "a chair\nA Chair!\na chair\n2 a chair\n"))

    folders = [file_name(item.name).casefold() for item in items]
    assert folders[0] == "a-chair"
    assert len(set(folders)) == 4


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("p.txt", "# only remarks\n", "nothing to make"),
        ("t.csv", "prompt,seed\n", "nothing to make"),
        ("t.csv", "words,seed\na,1\n", "neither a column 'prompt' nor"),
        ("t.csv", "", "neither a column"),
        ("t.csv", "prompt,seed\na\n", "Line 2"),
        ("t.csv", "prompt,seed\na,1\nb,2,3\n", "Line 3"),
    ],
)
def test_what_cannot_be_a_batch_is_refused(
    tmp_path: Path, name: str, text: str, words: str
) -> None:
    with pytest.raises(InvalidRequest, match=words):
        read_batch(written(tmp_path, name, text))


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_bytes(b"\xff\xfe\x00")

    with pytest.raises(InvalidRequest, match="not text"):
        read_batch(tmp_path / "p.txt")


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("a wooden chair", "a-wooden-chair"),
        ("../../etc/passwd", "etc-passwd"),
        ("Größe „7“: 木の椅子", "Größe-7-木の椅子"),
        ("...", "asset"),
        ("", "asset"),
        ("x" * 300, "x" * 60),
        ("CON: a.b", "CON-a-b"),
    ],
)
def test_titles_become_safe_file_names(title: str, name: str) -> None:
    assert file_name(title) == name
