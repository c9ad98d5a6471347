"""Classes on the command line, and in tables, with an engine that has a thousand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from tests.backend.cli.conftest import Answer, CommandLine

MAKING = ("--engine", "menagerie", "--products", "splats", "--turntables", "--out", "o")


def record(folder: str = "o") -> dict:
    return json.loads(Path(folder, "job.json").read_text(encoding="utf-8"))


def generate(run: CommandLine, *arguments: object) -> Answer:
    return run("generate", *MAKING, *arguments)


@pytest.mark.parametrize(("given", "label"), [("Red Fox", "red fox"), ("1", "blue ant")])
def test_a_class_is_given_by_name_or_number(run: CommandLine, given: str, label: str) -> None:
    answer = generate(run, "--class", given)

    assert answer.code == 0, answer.err
    assert record()["class_label"] == record()["request"]["class_label"] == label
    assert record()["notes"] == []


def test_a_prompt_finds_the_nearest_class_and_says_which(run: CommandLine) -> None:
    answer = generate(run, "--prompt", "a fox with red fur")

    assert answer.code == 0, answer.err
    assert "the class 'red fox'" in answer.out
    assert record()["class_label"] == "red fox"
    assert record()["request"]["prompt"] == "a fox with red fur"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--class", "red foxx"), "There is no class 'red foxx'. The nearest are: red fox, "),
        (("--class", "red fox", "--prompt", "a fox"), "not both"),
        ((), "neither a prompt nor a class"),
        (("--variant", "class-and-picture", "--class", "3"), "needs a picture"),
        (("--depth", "d.png"), "takes no depth"),
    ],
)
def test_what_is_wrong_with_a_class_is_one_sentence(
    run: CommandLine, arguments: tuple[str, ...], words: str
) -> None:
    Image.new("L", (8, 8), 200).save("d.png")

    answer = generate(run, *arguments)

    assert answer.code == 2
    assert words in " ".join(answer.err.split())
    assert not Path("o").exists()


def test_a_table_has_a_column_of_classes(run: CommandLine) -> None:
    Path("table.csv").write_text(
        "class,prompt,seed\nred fox,,1\n999,,\nred foxx,,\n,a fox with red fur,\n", encoding="utf-8"
    )

    answer = run("batch", "table.csv", *MAKING)

    assert answer.code == 1
    results = json.loads(Path("o/summary.json").read_text(encoding="utf-8"))
    assert [each["state"] for each in results] == ["made", "made", "failed", "made"]
    assert record("o/red-fox")["class_label"] == "red fox"
    assert record("o/999")["class_label"] == "yellow tiger"
    assert "red fox" in results[2]["problem"]["remedy"]
    assert "the class 'red fox'" in results[3]["notes"][0]
    again = run("batch", "table.csv", *MAKING)
    assert "0 made, 3 kept, 1 failed" in again.out
