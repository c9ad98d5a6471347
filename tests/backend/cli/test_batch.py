"""splatsmith batch: every item that can be made is made, once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from PIL import Image

from tests.backend.cli.conftest import Answer, CommandLine

MAKING = ("--engine", "lattice", "--products", "splats", "--out", "o")


def summary() -> list[dict[str, Any]]:
    return json.loads(Path("o/summary.json").read_text(encoding="utf-8"))


def states() -> list[str]:
    return [result["state"] for result in summary()]


def batch(run: CommandLine, source: str, *more: object) -> Answer:
    return run("batch", source, *MAKING, *more)


def test_every_prompt_gets_a_folder(run: CommandLine) -> None:
    Path("prompts.txt").write_text("a chair\n\n# not this\nein Tisch, groß\n", encoding="utf-8")

    answer = batch(run, "prompts.txt")

    assert answer.code == 0, answer.err
    assert states() == ["made", "made"]
    assert Path("o/a-chair/splats.ply").is_file()
    assert Path("o/ein-Tisch-groß/splats.ply").is_file()
    assert "2 made, 0 kept, 0 failed" in answer.out


def test_a_failing_item_is_told_and_the_rest_is_made(run: CommandLine) -> None:
    Path("table.csv").write_text(
        "prompt,name,failure,seed\na,first,,1\nb,second,disk,2\nc,third,,1000\nd,fourth,,3\n",
        encoding="utf-8",
    )

    answer = batch(run, "table.csv")

    assert answer.code == 1
    assert states() == ["made", "failed", "failed", "made"]
    assert "No room" in summary()[1]["problem"]["detail"]
    assert "seed is 1,000" in answer.err
    assert not Path("o/second").exists()


def test_a_second_run_makes_only_what_is_missing_or_changed(run: CommandLine) -> None:
    Path("table.csv").write_text("prompt,seed\na,1\nb,2\n", encoding="utf-8")
    batch(run, "table.csv")
    kept = Path("o/a/splats.ply").stat().st_mtime_ns
    Path("table.csv").write_text("prompt,seed\na,1\nb,3\nc,4\n", encoding="utf-8")

    answer = batch(run, "table.csv")

    assert answer.code == 0, answer.err
    assert states() == ["kept", "made", "made"]
    assert Path("o/a/splats.ply").stat().st_mtime_ns == kept


def test_a_folder_of_pictures_becomes_assets(run: CommandLine) -> None:
    Path("pictures").mkdir()
    for name in ("cup.png", "pot.webp"):
        cutout = Image.new("RGBA", (8, 8))
        cutout.paste((200, 0, 0, 100), (2, 2, 6, 6))
        cutout.save(f"pictures/{name}")
    Path("pictures/broken.png").write_bytes(b"nothing")
    Path("pictures/readme.txt").touch()

    answer = batch(run, "pictures")

    assert answer.code == 1
    assert [result["name"] for result in summary()] == ["broken", "cup", "pot"]
    assert states() == ["failed", "made", "made"]


def test_columns_that_say_nothing_are_named_once(run: CommandLine) -> None:
    Path("table.csv").write_text("prompt,notes,seed\na,x,1\nb,y,2\n", encoding="utf-8")

    answer = batch(run, "table.csv")

    assert answer.code == 0, answer.err
    assert states() == ["made", "made"]
    assert answer.err.count("say nothing to the engine: 'notes'") == 1


def test_a_misspelt_column_makes_nothing(run: CommandLine) -> None:
    Path("table.csv").write_text("prompt,sede\na,1\n", encoding="utf-8")

    answer = batch(run, "table.csv")

    assert answer.code == 2
    assert "'seed'" in answer.err and not Path("o").exists()


def test_pictures_of_the_names_that_systems_give_are_made(run: CommandLine) -> None:
    Path("pictures").mkdir()
    photo = Image.new("RGB", (200, 200), (240, 240, 240))
    photo.paste((200, 0, 0), (60, 40, 140, 160))
    photo.save("pictures/saved.jfif", "JPEG")
    Path("pictures/._saved.jfif").write_bytes(b"Mac OS X")
    Path("pictures/phone.heic").touch()

    answer = batch(run, "pictures")

    assert [result["name"] for result in summary()] == ["saved"]
    assert answer.err.count("phone.heic") == 1


def test_rows_are_led_by_maps(run: CommandLine) -> None:
    Image.new("L", (8, 8), 200).save("d.png")
    Path("table.csv").write_text(
        "prompt,depth,canny\na,d.png,\nb,,d.png\nc,lost.png,\n", encoding="utf-8"
    )

    answer = batch(run, "table.csv", "--variant", "guided")

    assert answer.code == 1
    assert states() == ["made", "made", "failed"]
    assert "lost.png" in summary()[2]["problem"]["detail"]
    record = json.loads(Path("o/b/job.json").read_text(encoding="utf-8"))
    assert list(record["request"]["pictures"]) == ["canny"]


def test_what_the_engine_has_to_say_is_told(run: CommandLine) -> None:
    Path("prompts.txt").write_text("cube " * 101, encoding="utf-8")

    answer = batch(run, "prompts.txt")

    assert "made: The prompt was cut after word 100." in " ".join(answer.err.split())
    assert summary()[0]["notes"] == ["The prompt was cut after word 100."]


def test_there_must_be_something_to_make(run: CommandLine) -> None:
    Path("empty.txt").touch()

    for source in ("empty.txt", "gone.txt"):
        answer = batch(run, source)
        assert answer.code == 2
        assert source in answer.err
    assert not Path("o").exists()


def test_json_tells_programs_what_became_of_each(run: CommandLine) -> None:
    Path("prompts.txt").write_text("a chair\n", encoding="utf-8")

    assert batch(run, "prompts.txt", "--json").json == summary()
