"""Samples of the engine in folders: what is written, resumption, settings, and missing metrics."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from splatsmith.engines.base import EngineInputs, Generation
from splatsmith.engines.ivid.card import CLASS, CLASS_LABELS
from splatsmith.engines.ivid.engine import load
from splatsmith.progress import Progress
from splatsmith.settings import DATA_VARIABLE
from tests.backend.ivid.tiny_unets import SIZE, install_all
from training.ivid.evaluate import measure, missing
from training.ivid.sample import SampleSettings, completed, numbers_of, write_samples

FEW = completed(["sampler=fast", "steps=2", "view_steps=2", "guidance=0"], "random")


class CountingEngine:
    """The engine with tiny random networks; counts what it makes, and may be interrupted."""

    def __init__(self, folder: Path, until: int = 1000) -> None:
        install_all(folder)
        self._engine = load(CLASS, "cpu")
        self._until = until
        self.classes: list[str] = []

    def generate(self, inputs: EngineInputs, progress: Progress) -> Generation:
        if len(self.classes) == self._until:
            raise KeyboardInterrupt
        self.classes.append(inputs.class_label)
        return self._engine.generate(inputs, progress)


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path / "data"))
    folder = tmp_path / "weights"
    folder.mkdir()
    return folder


def arrays(file: Path) -> dict[str, NDArray[np.generic]]:
    with np.load(file, allow_pickle=False) as stored:
        return dict(stored)


def test_an_interrupted_evaluation_goes_on_with_the_same_samples(
    tmp_path: Path, weights: Path
) -> None:
    settings = SampleSettings("3-4", FEW, has_videos=True)
    with pytest.raises(KeyboardInterrupt):
        list(write_samples(CountingEngine(weights, 1), settings, 3, tmp_path / "pieces"))
    engine = CountingEngine(weights)
    assert list(write_samples(engine, settings, 3, tmp_path / "pieces")) == [1, 2]
    assert engine.classes == [CLASS_LABELS[4], CLASS_LABELS[3]]
    list(write_samples(engine, settings, 3, tmp_path / "whole"))
    for seed in range(3):
        pieces, whole = (
            arrays(tmp_path / name / "scenes" / f"{seed:06}.npz") for name in ("pieces", "whole")
        )
        for key in whole:
            assert np.array_equal(pieces[key], whole[key]), key
    with pytest.raises(ValueError, match="other settings"):
        list(write_samples(engine, SampleSettings("3-4", FEW), 3, tmp_path / "whole"))


def test_every_sample_has_its_files(tmp_path: Path, weights: Path) -> None:
    list(write_samples(CountingEngine(weights), SampleSettings("mod", FEW, True), 1, tmp_path))
    made = {str(file.relative_to(tmp_path)) for file in tmp_path.glob("*s/0*.*")}
    assert made == {
        "conds/000000.png",
        "grids/000000.png",
        "results/000000-00.png",
        "results/000000-01.png",
        "scenes/000000.npz",
        "videos/000000.mp4",
    }
    with Image.open(tmp_path / "grids" / "000000.png") as grid:
        assert grid.size == (2 * SIZE, 2 * SIZE)
    scene = arrays(tmp_path / "scenes" / "000000.npz")
    assert scene["colors"].shape == (2, SIZE, SIZE, 3)
    with Image.open(tmp_path / "results" / "000000-01.png") as result:
        assert np.array_equal(np.asarray(result), scene["colors"][1])
    assert (scene["depths"].astype(np.float64) > 0).all()
    assert scene["yaws"][0] == scene["class_number"] == 0


def test_classes_are_chosen_as_said() -> None:
    assert [SampleSettings("mod").class_of(seed) for seed in (0, 1001)] == [0, 1]
    assert numbers_of("0-2, 12") == [0, 1, 2, 12]
    assert SampleSettings("0-2,12").class_of(3) == 12
    chosen = {SampleSettings("random").class_of(seed) for seed in range(20)}
    assert len(chosen) > 10
    for wrong in ("dog", "5-", "999-1000", "-3", "4-2"):
        with pytest.raises(ValueError, match="lasses"):
            numbers_of(wrong)


def test_what_the_metrics_lack_is_said(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    said = missing(tmp_path, tmp_path, tmp_path / "inception.pth")
    assert any("inception.pth is missing" in sentence for sentence in said)
    assert any("no results" in sentence for sentence in said)
    with pytest.raises(ValueError, match="no pictures to compare with"):
        measure(tmp_path, tmp_path, tmp_path / "inception.pth", "cpu")
