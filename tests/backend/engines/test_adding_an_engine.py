"""The engine that docs/adding-an-engine.md builds works as printed."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from splatsmith.cli import main
from splatsmith.contract.cloud import SH_C0, read_cloud
from splatsmith.engines import registry

PACKAGE = "pebbles"


@pytest.fixture(autouse=True)
def engine(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The page's modules as a package, named in SPLATSMITH_ENGINES."""
    page = (project / "docs/adding-an-engine.md").read_text("utf-8")
    (tmp_path / PACKAGE).mkdir()
    (tmp_path / PACKAGE / "__init__.py").touch()
    for name, code in re.findall(r"^```python\n# (\S+)\n(.*?)^```$", page, re.M | re.S):
        (tmp_path / name).write_text(code, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv(registry.ENGINES_VARIABLE, PACKAGE)
    registry.clear_cache()
    yield
    registry.clear_cache()
    for name in [name for name in sys.modules if name.split(".")[0] == PACKAGE]:
        del sys.modules[name]


def generate(*arguments: str) -> Path:
    """The splats of an asset; `out` is its folder's name, the first argument."""
    out, *rest = arguments
    command = ["generate", "--engine", PACKAGE, "--products", "splats", "--out", out, *rest]
    assert main(command) == 0
    return Path(out) / "splats.ply"


def mean_color(splats: Path) -> np.ndarray:
    return 0.5 + SH_C0 * read_cloud(splats).sh0.mean(0)


def test_engine_is_listed_with_its_parameters(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["engines"]) == 0
    listed = capsys.readouterr().out
    assert "Pebbles" in listed
    assert "roundness" in listed


def test_prompt_and_parameters_shape_the_asset() -> None:
    first = generate("first", "--prompt", "a red pebble", "--roundness", "0.4")
    again = generate("again", "--prompt", "a red pebble", "--roundness", "0.4")
    other = generate("other", "--prompt", "a red pebble", "--roundness", "0.4", "--seed", "1")
    assert first.read_bytes() == again.read_bytes() != other.read_bytes()
    assert mean_color(first).argmax() == 0
    sides = np.ptp(read_cloud(first).means, axis=0)
    assert sides[1] < 0.6 * sides[0]


def test_picture_gives_the_color(tmp_path: Path) -> None:
    picture = Image.new("RGBA", (64, 64))  # transparent: nothing is left to cut out
    picture.paste((30, 60, 200, 255), (16, 16, 48, 48))
    picture.save(tmp_path / "blue.png")
    splats = generate("blue", "--image", "blue.png")
    assert mean_color(splats) == pytest.approx((30 / 255, 60 / 255, 200 / 255), abs=0.02)
