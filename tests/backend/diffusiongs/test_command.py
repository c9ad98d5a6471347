"""DiffusionGS on the command line, with small random networks: results, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from PIL import Image, ImageDraw
from safetensors.torch import save_file

from splatsmith import memory
from splatsmith.cli import main
from splatsmith.contract.cloud import read_cloud
from splatsmith.engines.diffusiongs.card import CARD, MODELS, VIEWS
from splatsmith.engines.diffusiongs.denoiser_cache import DenoiserCache
from splatsmith.engines.diffusiongs.published_checkpoints import CAMERA_TEMPLATE
from splatsmith.errors import OutOfMemory
from splatsmith.nn.offload import keeps_networks

from .tiny_denoisers import install, template_tensors, write_template

GENERATE = ("generate", "--engine", "diffusiongs", "--products", "splats", "--device", "cpu")
OBJECT, SCENE = ("--variant", "object-256"), ("--variant", "scene-256")


@pytest.fixture
def ball(tmp_path: Path) -> Path:
    image = Image.new("RGBA", (96, 96))
    ImageDraw.Draw(image).ellipse((24, 14, 72, 80), fill="red")
    image.save(tmp_path / "ball.png")
    return tmp_path / "ball.png"


def refusal(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """What is printed of a command that fails and leaves no file."""
    before = {*Path().rglob("*")}
    assert main([*GENERATE, *map(str, arguments)]) != 0
    assert {*Path().rglob("*")} == before
    return " ".join(capsys.readouterr().err.split())


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")


def test_a_picture_gives_at_most_as_many_gaussians_as_asked_and_prints_the_loss(
    checkpoints: Path, ball: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--steps", "4", "--max-gaussians", "2000", "--out", "out")
    assert main([*GENERATE, *OBJECT, "--image", str(ball), *options]) == 0
    assert len(read_cloud(Path("out/splats.ply"))) == 2_000
    (note,) = json.loads(Path("out/job.json").read_text("utf-8"))["notes"]
    assert note.startswith("2,000 of ")
    assert note in " ".join(capsys.readouterr().out.split())


def blank() -> Image.Image:
    return Image.new("RGB", (96, 96), "white")


@pytest.mark.parametrize(
    ("variant", "picture", "message"),
    [
        (OBJECT, Image.new("RGBA", (96, 96)), "picture.png is fully transparent."),
        (OBJECT, blank(), "No object was found in the picture. Use one that shows a single object"),
        (SCENE, Image.new("RGB", (300, 100)), "The picture is 3.0 times as wide as high, and only"),
    ],
    ids=["transparent", "blank", "3:1"],
)
def test_unusable_pictures_are_refused(
    checkpoints: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    variant: tuple[str, str],
    picture: Image.Image,
    message: str,
) -> None:
    picture.save(tmp_path / "picture.png")
    options = ("--image", tmp_path / "picture.png", "--steps", 4)
    assert message in refusal(capsys, *variant, *options)


@pytest.mark.parametrize(
    ("variant", "options", "message"),
    [
        (OBJECT, ("--steps", "0"), "steps is 0. It must lie between 4 and 1,000."),
        (OBJECT, ("--steps", "2000"), "steps is 2,000. It must lie between 4 and 1,000."),
        (OBJECT, ("--precision", "float16", "--steps", "4"), "A CPU cannot use float16"),
        (OBJECT, (), "30 steps at 256 pixels are"),
        (OBJECT, ("--depth", "ball.png"), "(Object, 256) takes no depth. It takes: image, right"),
        (SCENE, ("--back", "ball.png"), "(Scene, 256) takes no picture of its back. It takes:"),
    ],
    ids=["0 steps", "2,000 steps", "float16", "too much", "five pictures", "two of a place"],
)
def test_impossible_requests_are_refused(
    checkpoints: Path,
    ball: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    variant: tuple[str, str],
    options: tuple[str, ...],
    message: str,
) -> None:
    # The tiny network is too fast for the limit.
    monkeypatch.setattr("splatsmith.engines.diffusiongs.denoiser_cache.MAX_CPU_OPERATIONS", 1e11)
    monkeypatch.chdir(ball.parent)
    sides = ("--right", ball, "--back", ball, "--left", ball) if "--depth" in options else ()
    found = refusal(capsys, *variant, "--image", ball, *sides, *options)
    assert message in found
    assert found.count("Error:") == 1


def test_a_template_without_cameras_is_refused(
    checkpoints: Path, ball: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = checkpoints / "camera_template.safetensors"
    save_file({**template_tensors(), "gen_c2w": torch.zeros(1, VIEWS, 4, 4)}, path)
    install(CAMERA_TEMPLATE, checkpoints)
    options = ("--image", ball, "--steps", 4, "--cameras", "template")
    try:
        message = refusal(capsys, *OBJECT, *options)
    finally:
        write_template(path)
        install(CAMERA_TEMPLATE, checkpoints)
    assert "is no camera template: it holds no 4 cameras. Import a camera_template.pt" in message


def test_too_little_memory_is_refused_with_both_figures(
    checkpoints: Path,
    ball: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("splatsmith.engines.diffusiongs.denoiser_cache.CPU_MEMORY_FACTOR", 1e12)
    message = refusal(capsys, *OBJECT, "--image", ball, "--steps", 4)
    assert "The network and its activations need about" in message
    assert "GB are free. Close other programs." in message


def test_a_gpu_that_is_too_small_is_refused_with_what_fits() -> None:
    cache = DenoiserCache(CARD.variant("object-512"), MODELS["object-512"], "cuda")
    demand = cache._demand(torch.float16)  # noqa: SLF001
    with pytest.raises(OutOfMemory, match=r"Set memory to small: about 1\.6 GB will do"):
        keeps_networks("fast", demand, round(1.7 * memory.GIGABYTE))
    with pytest.raises(OutOfMemory, match="use object-256 or scene-256"):
        keeps_networks("auto", demand, round(1.4 * memory.GIGABYTE))
