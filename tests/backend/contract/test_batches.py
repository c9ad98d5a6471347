"""Files that batches are made of."""

from __future__ import annotations

from pathlib import Path

import pytest

from splatsmith.contract.batches import BatchItem, read_batch
from splatsmith.contract.cards import ConditionKind
from splatsmith.contract.file_names import distinct_names, file_name
from splatsmith.contract.problems import InvalidRequest
from splatsmith.contract.protocol import MAX_NAME_CHARACTERS


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


def items_of(source: Path) -> tuple[BatchItem, ...]:
    return read_batch(source).items


def test_prompts_are_lines(tmp_path: Path) -> None:
    source = written(tmp_path, "p.txt", "\ufeffa chair\r\n\r\n# a remark\r\n  ein Tisch  \r\n")

    assert items_of(source) == (
        BatchItem("a chair", "a chair"),
        BatchItem("ein Tisch", "ein Tisch"),
    )


def test_a_table_has_prompts_pictures_names_and_parameters(tmp_path: Path) -> None:
    text = 'prompt,image,name,seed,guidance,mode\n"a chair, red",,throne,7,1.5,fast\n,a b.png,,,,\n'
    throne, picture = items_of(written(tmp_path, "t.CSV", text))

    assert throne == BatchItem(
        "throne", "a chair, red", {}, {"seed": 7, "guidance": 1.5, "mode": "fast"}
    )
    assert picture == BatchItem("a b", "", {ConditionKind.IMAGE: tmp_path / "a b.png"}, {})


def test_a_table_has_maps(tmp_path: Path) -> None:
    text = "prompt,canny,depth,normal\na tower,,maps/d.png,\n,s.png,,/n.png\n"
    tower, nameless = items_of(written(tmp_path, "t.csv", text))

    assert tower == BatchItem("a tower", "a tower", {ConditionKind.DEPTH: tmp_path / "maps/d.png"})
    maps = {ConditionKind.CANNY: tmp_path / "s.png", ConditionKind.NORMAL: Path("/n.png")}
    assert (nameless.name, nameless.pictures) == ("n", maps)


def test_a_table_has_classes(tmp_path: Path) -> None:
    named, numbered = items_of(
        written(tmp_path, "t.csv", "class,name,seed\nred fox,Reynard,1\n7,,\n")
    )

    assert named == BatchItem("Reynard", parameters={"seed": 1}, class_label="red fox")
    assert numbered == BatchItem("7", class_label="7")


def test_a_long_prompt_gives_a_name_that_a_request_may_have(tmp_path: Path) -> None:
    words = "a wooden chair " * 100
    for name, text in (("p.txt", f"{words}\n{words}\n"), ("t.csv", f"prompt\n{words}\n")):
        for item in items_of(written(tmp_path, name, text)):
            assert item.prompt == words.strip()
            assert 0 < len(item.name) < MAX_NAME_CHARACTERS


def test_pictures_are_taken_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("b.png", "a.JPG", "c.jfif", "d.jpe", "e.TIFF"):
        (tmp_path / name).touch()

    assert [item.name for item in items_of(tmp_path)] == ["a", "b", "c", "d", "e"]
    assert read_batch(tmp_path).notes == ()


def test_what_a_folder_holds_beside_pictures_is_named_once(tmp_path: Path) -> None:
    hidden = ("._boat.png", ".DS_Store", ".hidden.jpg", "Thumbs.db", "desktop.ini")
    for name in ("boat.png", "phone.heic", "notes.txt", *hidden):
        (tmp_path / name).touch()
    (tmp_path / "more.png").mkdir()

    batch = read_batch(tmp_path)

    assert [item.name for item in batch.items] == ["boat"]
    (note,) = batch.notes
    assert note.endswith("that is read: notes.txt, phone.heic.")


def test_many_other_files_are_counted(tmp_path: Path) -> None:
    for name in ("boat.png", *(f"{number}.heic" for number in range(9))):
        (tmp_path / name).touch()

    (note,) = read_batch(tmp_path).notes
    assert note.endswith("0.heic, 1.heic, 2.heic, 3.heic, 4.heic and 4 more.")


def test_a_folder_of_other_files_alone_is_refused_with_their_names(tmp_path: Path) -> None:
    (tmp_path / "phone.heic").touch()

    with pytest.raises(InvalidRequest, match=r"nothing to make.*phone\.heic"):
        read_batch(tmp_path)


def test_names_that_would_share_a_folder_are_numbered(tmp_path: Path) -> None:
    items = items_of(written(tmp_path, "p.txt", "a chair\nA Chair!\na chair\n2 a chair\n"))

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
        ("t.csv", 'prompt,seed\n"a\nb",1\nc,2,3\n', "Line 4"),
        ("t.csv", 'prompt,seed\na,1\n"b,2\nc,3\n', "Line 3.*quotation mark"),
        ("t.csv", "prompt,Prompt\na,b\n", "two columns 'prompt'"),
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
        ("Cafe\u0301 chair", "Caf\u00e9-chair"),  # decomposed, as on macOS
        ("लकड़ी की कुर्सी", "लकड\u093cी-की-कुर्सी"),
        ("q\u0323\u0307", "q\u0323\u0307"),  # no composed letter exists
        ("a\u200db", "ab"),
        ("\U0001fa91\ufe0f chair", "chair"),
        ("ẍ" * 59 + "q\u0323\u0307", "ẍ" * 59),
    ],
)
def test_titles_become_safe_file_names(title: str, name: str) -> None:
    assert file_name(title) == name


def test_equal_names_are_judged_with_their_accents_joined() -> None:
    first, second = distinct_names(["Caf\u00e9", "Cafe\u0301"])
    assert file_name(first) != file_name(second)
