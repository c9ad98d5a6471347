"""Tables as spreadsheets and people write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from splatsmith.contract.batches import BatchItem, read_batch
from splatsmith.contract.cards import ConditionKind
from splatsmith.contract.problems import InvalidRequest

CAR = BatchItem("car", "a red car", parameters={"seed": 3})
PARAMETERS = ("seed", "guidance", "negative_prompt")


def table(folder: Path, text: str, name: str = "t.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize(
    "text",
    [
        "prompt,name,seed\na red car,car,3\n",
        "\ufeffprompt,name,seed\r\na red car,car,3\r\n",
        "prompt,name,seed\ra red car,car,3\r",
        "prompt;name;seed\na red car;car;3\n",
        "prompt\tname\tseed\na red car\tcar\t3\n",
        "sep=;\nprompt;name;seed\na red car;car;3\n",
        "name, prompt, seed\ncar, a red car, 3\n",
        "Name , PROMPT,Seed\ncar,a red car,3\n",
        "prompt,name,seed,,\na red car,car,3,,\n",  # spreadsheets keep emptied columns
        "prompt,name,seed\n\na red car,car,3\n,,\n,,\n",
        "prompt,name,seed\n# a note,\na red car,car,3\n",
        "# for Anna\n\nprompt,name,seed\na red car,car,3\n",
        "#,prompt,name,seed\n1,a red car,car,3\n",
        'prompt,name,seed\n"a red\ncar",car,3\n',
        'prompt,name,seed\n"a red \r\n  car",car,3\n',
        'prompt,name,seed\n"a red\u2028car",car,3\n',
    ],
)
def test_every_spelling_of_a_table_is_read(tmp_path: Path, text: str) -> None:
    assert read_batch(table(tmp_path, text), PARAMETERS).items == (CAR,)


@pytest.mark.parametrize("name", ["t.tsv", "t.tab", "t.TSV", "t.txt"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_tab_separated_text_is_a_table(tmp_path: Path, name: str, encoding: str) -> None:
    text = "prompt\tname\tseed\na red car\tcar\t3\n"
    assert read_batch(table(tmp_path, text, name, encoding), PARAMETERS).items == (CAR,)


def test_the_header_tells_the_delimiter_whatever_the_prompts_hold(tmp_path: Path) -> None:
    text = "prompt;seed\na car, red, with wheels, and doors;3\n"
    (item,) = read_batch(table(tmp_path, text), PARAMETERS).items
    assert item.prompt == "a car, red, with wheels, and doors"


def test_missing_trailing_cells_are_empty(tmp_path: Path) -> None:
    text = "prompt,name,seed\na red car,car,3\na blue car,blue\na chair\n"
    car, blue, chair = read_batch(table(tmp_path, text), PARAMETERS).items
    assert car == CAR
    assert (blue.name, blue.parameters) == ("blue", {})
    assert (chair.name, chair.parameters) == ("a chair", {})


def test_rows_without_a_name_are_called_by_the_line_they_begin_in(tmp_path: Path) -> None:
    text = 'prompt,seed\n"a\nchair",1\n,2\n'
    chair, nameless = read_batch(table(tmp_path, text)).items
    assert (chair.name, nameless.name) == ("a chair", "line 4")


def test_a_column_that_says_nothing_is_named_once_and_left_out(tmp_path: Path) -> None:
    text = "prompt,notes,author,seed\na red car,for Anna,Bo,3\na chair,,Bo,4\n"
    batch = read_batch(table(tmp_path, text), PARAMETERS)
    assert [item.parameters for item in batch.items] == [{"seed": 3}, {"seed": 4}]
    assert batch.notes == ("Columns that say nothing to the engine: 'notes', 'author'.",)


@pytest.mark.parametrize(
    ("column", "meant"),
    [("sede", "seed"), ("guidence", "guidance"), ("prompts", "prompt"), ("images", "image")],
)
def test_a_misspelt_column_is_refused_with_what_may_be_meant(
    tmp_path: Path, column: str, meant: str
) -> None:
    text = f"prompt,image,{column}\na red car,,3\n".replace(f"{meant},", "class,", 1)
    with pytest.raises(InvalidRequest, match=f"'{column}'.*'{meant}'"):
        read_batch(table(tmp_path, text), PARAMETERS)


def test_columns_are_parameters_where_those_are_unknown(tmp_path: Path) -> None:
    batch = read_batch(table(tmp_path, "prompt,notes\na red car,for Anna\n"))
    assert batch.items[0].parameters == {"notes": "for Anna"}
    assert batch.notes == ()


def test_white_space_in_a_column_is_an_underscore(tmp_path: Path) -> None:
    text = "prompt,Negative Prompt\na red car,rust\n"
    (item,) = read_batch(table(tmp_path, text), PARAMETERS).items
    assert item.parameters == {"negative_prompt": "rust"}


def test_paths_of_a_table_that_windows_wrote_are_found(tmp_path: Path) -> None:
    (tmp_path / "pics").mkdir()
    (tmp_path / "pics/boat.png").touch()
    (item,) = read_batch(table(tmp_path, "image\npics\\boat.png\n")).items
    assert item == BatchItem("boat", "", {ConditionKind.IMAGE: tmp_path / "pics/boat.png"})


def test_prompts_may_be_quoted_and_in_utf_16(tmp_path: Path) -> None:
    text = '"a chair"\r\n"a 3"" nail"\r\n赤い車\r\n"two" words\u2028more\r\n'
    items = read_batch(table(tmp_path, text, "p.txt", "utf-16")).items
    prompts = ["a chair", 'a 3" nail', "赤い車", '"two" words\u2028more']
    assert [item.prompt for item in items] == prompts


def test_a_table_in_another_encoding_is_refused(tmp_path: Path) -> None:
    source = table(tmp_path, "prompt,name\nune chaise dorée,chaise\n", encoding="cp1252")
    with pytest.raises(InvalidRequest, match="not text in UTF-8"):
        read_batch(source)
