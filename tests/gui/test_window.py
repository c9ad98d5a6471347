"""Blender's window, driven by mouse and keyboard: runs the scenarios of scenarios.py.

Needs Blender (SPLATSMITH_BLENDER, or on the PATH), xdotool, ImageMagick's `import`, and an X
display or Xvfb. SPLATSMITH_GUI_PICTURES names a folder for the screenshots.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import build_addon
from splatsmith.contract.cloud import GaussianCloud, read_cloud, write_cloud
from splatsmith.settings import DATA_VARIABLE
from tests.backend.diffusiongs.tiny_denoisers import install_trained
from tests.backend.ln3diff import tiny_checkpoints

SCENARIOS_SCRIPT = Path(__file__).with_name("scenarios.py")
SECONDS = 600
SCREEN = "1600x900x24"
PROMPT = "a wooden chair"

Report = dict[str, object]

pytestmark = [pytest.mark.gui, pytest.mark.slow, pytest.mark.timeout(SECONDS + 20)]


@pytest.fixture
def blender() -> str:
    program = os.environ.get("SPLATSMITH_BLENDER") or shutil.which("blender")
    if program is None:
        pytest.skip("no Blender: put it on the PATH or name it in SPLATSMITH_BLENDER")
    for tool, purpose in (("import", "take screenshots"), ("xdotool", "move the mouse")):
        if shutil.which(tool) is None:
            pytest.skip(f"no {tool} to {purpose} with")
    return program


@pytest.fixture
def display() -> Iterator[str]:
    if "DISPLAY" in os.environ:
        yield os.environ["DISPLAY"]
    elif shutil.which("Xvfb") is None:
        pytest.skip("neither a display nor Xvfb to make one")
    else:
        with _virtual_display() as name:
            yield name


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """The folder of the screenshots."""
    return Path(os.environ.get("SPLATSMITH_GUI_PICTURES", tmp_path))


@pytest.fixture
def run_scenario(
    blender: str, display: str, project: Path, pictures: Path, tmp_path: Path
) -> Callable[..., Report]:
    """Runs a scenario with its files in the installed extension, and returns its report."""
    environment = {
        **os.environ,
        "DISPLAY": display,
        "LIBGL_ALWAYS_SOFTWARE": "1",
        "BLENDER_USER_RESOURCES": str(tmp_path / "resources"),
    }
    _install(blender, environment, tmp_path)

    def run(scenario: str, **files: Path) -> Report:
        config = _write_config(project, tmp_path, scenario, {"pictures": pictures, **files})
        report = _run_blender(blender, environment, config)
        assert "error" not in report, report["error"]
        return report

    return run


@pytest.fixture
def work_folder(tmp_path: Path) -> Path:
    """An empty folder for the user's files."""
    folder = tmp_path / "my work"
    folder.mkdir()
    return folder


def test_generated_chair_can_be_undone_and_redone(run_scenario: Callable[..., Report]) -> None:
    report = run_scenario("generate_chair")
    assert report["prompt"] == PROMPT
    assert report["made"] == [f"{PROMPT}.mesh", f"{PROMPT}.splats"]
    assert report["after undo"] == []
    assert report["after redo"] == report["made"]


def test_panel_shows_itself_and_says_what_install_takes(
    run_scenario: Callable[..., Report],
) -> None:
    report = run_scenario("show_offer_to_install")
    title, size, minutes = report["offer"]
    assert title.startswith("for ") and size > 0 and minutes > 0
    assert report["button"] == "Install and Generate"
    assert report["tab"] == "Splatsmith"


def test_first_result_stands_clear_of_the_default_cube(
    run_scenario: Callable[..., Report], pictures: Path
) -> None:
    report = run_scenario("see_first_result")
    (pictures / "first result.json").write_text(json.dumps(report), encoding="utf-8")
    assert report["selected"] == f"{PROMPT}.splats"
    assert report["distance"] > 1.2
    assert report["redraws while it runs"] < 8  # those that the mouse and the button cause


def test_result_that_is_out_of_view_is_framed(run_scenario: Callable[..., Report]) -> None:
    report = run_scenario("frame_result_out_of_view")
    assert report["distance from the view"] < 2


def test_mesh_is_extracted_and_remeshed_to_quads(
    run_scenario: Callable[..., Report], work_folder: Path
) -> None:
    write_cloud(work_folder / "ball.ply", _ball())
    report = run_scenario("extract_mesh_and_quads", cloud=work_folder / "ball.ply")
    assert report["made"] == ["ball.mesh", "ball.splats"]
    assert report["visible"] == ["ball.mesh"]
    assert report["after undo"] == ["ball.splats"]
    assert report["after redo"] == report["made"]
    assert report["visible with quads"] == ["ball.quads"]
    assert report["visible without quads"] == ["ball.mesh"]


def test_splats_are_freed_of_floaters_cropped_and_adjusted(
    run_scenario: Callable[..., Report], work_folder: Path
) -> None:
    ball = _ball()
    ball.means[:3] = 9
    write_cloud(work_folder / "ball.ply", ball)
    report = run_scenario("edit_splats", cloud=work_folder / "ball.ply")
    assert report["without floaters"] == [1_997]
    assert report["after undo"] == [2_000]
    assert report["after redo"] == [1_997]
    assert report["crop object"] == "EMPTY"
    (cropped,) = report["cropped"]
    assert 0 < cropped < 1_997
    assert report["inputs"] == ["Brightness", "Contrast", "Saturation", "Tint", "Opacity"]


def test_job_of_a_picture_is_cancelled(
    run_scenario: Callable[..., Report], project: Path, work_folder: Path
) -> None:
    picture = work_folder / "a mushroom.png"
    shutil.copy(project / "blender_addon" / "demo_picture.png", picture)
    report = run_scenario("open_picture_and_cancel", picture=picture)
    assert report == {"picture": "a mushroom.png", "ended": "cancelled", "made": []}


@pytest.fixture
def trained_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DiffusionGS with the small weights that backend/training made, for the tests after it."""
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path / "data"))
    install_trained(tmp_path)


@pytest.fixture
def ln3diff_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """LN3Diff with small random networks, for the tests after it."""
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path / "data"))
    tiny_checkpoints.install_all(tmp_path / "weights")


def test_picture_sharpens_in_the_panel_and_becomes_splats(
    trained_weights: None, run_scenario: Callable[..., Report], work_folder: Path, project: Path
) -> None:
    picture = work_folder / "a toadstool.png"
    shutil.copy(project / "blender_addon" / "demo_picture.png", picture)
    report = run_scenario("generate_from_picture_while_it_sharpens", picture=picture)
    assert report["state"] == "succeeded"
    assert report["made"] == ["a toadstool.mesh", "a toadstool.splats"]
    assert report["after undo"] == []
    assert report["after redo"] == report["made"]


def test_samples_of_a_field_arrive_side_by_side(
    ln3diff_weights: None, run_scenario: Callable[..., Report], work_folder: Path, project: Path
) -> None:
    picture = work_folder / "a toadstool.png"
    shutil.copy(project / "blender_addon" / "demo_picture.png", picture)
    report = run_scenario("generate_samples_of_a_field", picture=picture)
    assert report["states"] == ["succeeded", "succeeded"]
    assert report["made"] == [
        f"a toadstool {sample}.{kind}" for sample in (1, 2) for kind in ("mesh", "splats")
    ]


def test_batch_of_prompts_is_submitted(
    run_scenario: Callable[..., Report], work_folder: Path
) -> None:
    prompts = work_folder / "prompts.txt"
    prompts.write_text("a red apple\na stone bench\n", encoding="utf-8")
    assert run_scenario("submit_batch", prompts=prompts) == {
        "ordered": ["a red apple", "a stone bench"]
    }


def test_splats_are_repaired_applied_and_joined(
    run_scenario: Callable[..., Report], work_folder: Path
) -> None:
    ball = _ball()
    needles = np.tile(np.array([0.01, 0.12, 0.01], np.float32), (len(ball), 1))
    write_cloud(work_folder / "needles.ply", replace(ball, scales=needles))
    report = run_scenario("transform_and_repair_splats", cloud=work_folder / "needles.ply")
    assert report == {
        "turned by Blender": [True],
        "turned after repair": [False],
        "turned after undo": [True],
        "turned after redo": [False],
        "turned after apply": [False],
        "has transform": False,
        "joined": ["needles.splats"],
        "turned after join": [False],
    }


def test_splats_are_drawn_and_picked_as_one_object(
    run_scenario: Callable[..., Report], work_folder: Path, pictures: Path
) -> None:
    write_cloud(work_folder / "ball.ply", _ball())
    report = run_scenario("draw_and_pick_splats", cloud=work_folder / "ball.ply")
    assert report["shown"] == report["shown again"] == ["POINTCLOUD", "VOLUME"]
    assert "MESH" in report["shown in Rendered"]
    assert report["selected"] == []
    assert report["picked"] == ["ball.splats"]
    for name in ("solid", "picked", "redone"):
        picture = np.asarray(Image.open(pictures / f"draw_and_pick_splats {name}.png"), float)
        red, green, blue = np.moveaxis(picture[..., :3], 2, 0)
        assert np.count_nonzero((red > 200) & (green < 60) & (blue < 60)) > 1_000


def test_files_come_in_and_leave_by_the_file_menu(
    run_scenario: Callable[..., Report], work_folder: Path
) -> None:
    write_cloud(work_folder / "ball.ply", _ball())
    report = run_scenario("import_and_export_by_menu", cloud=work_folder / "ball.ply")
    assert report["made"] == report["after redo"] == ["ball.splats"]
    assert report["after undo"] == []
    assert report["written"] == ["ball.ply", "scene.ply"]
    written, ball = read_cloud(work_folder / "scene.ply"), _ball()
    assert len(written) == len(ball) and written.means[:, 1].min() > -0.1  # stands on the ground


def test_dropped_files_are_imported_and_a_dropped_picture_is_the_panels(
    run_scenario: Callable[..., Report], project: Path, work_folder: Path
) -> None:
    write_cloud(work_folder / "BALL.PLY", _ball())
    picture = work_folder / "a mushroom.png"
    shutil.copy(project / "blender_addon" / "demo_picture.png", picture)
    report = run_scenario("drop_files", cloud=work_folder / "BALL.PLY", picture=picture)
    assert report["made"] == report["after redo"] == ["BALL.splats"]
    assert report["after undo"] == []
    assert report["picture"] == "a mushroom.png"


def _ball() -> GaussianCloud:
    """A red ball of round splats."""
    count = 2_000
    i = np.arange(count) + 0.5
    z, turn = 1 - 2 * i / count, i * np.pi * (3 - 5**0.5)
    ring = np.sqrt(1 - z * z)
    points = np.stack([ring * np.cos(turn), z, ring * np.sin(turn)], axis=1)
    return GaussianCloud(
        means=points.astype(np.float32),
        quats=np.tile(np.array([1, 0, 0, 0], np.float32), (count, 1)),
        scales=np.full((count, 3), 0.04, np.float32),
        opacities=np.full(count, 0.95, np.float32),
        sh0=np.tile(np.array([1.5, -1.5, -1.5], np.float32), (count, 1)),
        shN=np.zeros((count, 0, 3), np.float32),
    )


def _install(blender: str, environment: dict[str, str], folder: Path) -> None:
    archive = build_addon.build(folder)
    command = [blender, "--background", "--command", "extension", "install-file"]
    command += ["-r", "user_default", "--enable", str(archive)]
    subprocess.run(command, env=environment, check=True, timeout=SECONDS)


def _write_config(project: Path, folder: Path, scenario: str, files: dict[str, Path]) -> Path:
    config = {
        "module": "bl_ext.user_default.splatsmith",
        "folder": str(folder / "home"),
        "environment": str(project / ".venv"),
        "scenario": scenario,
        "prompt": PROMPT,
        "report": str(folder / "report.json"),
        **{role: str(path) for role, path in files.items()},
    }
    path = folder / "config.json"
    path.write_text(json.dumps(config), encoding="utf-8")
    return path


def _run_blender(blender: str, environment: dict[str, str], config: Path) -> Report:
    command = [blender, "--gpu-backend", "opengl", "--window-geometry", "0", "0", "1600", "900"]
    command += ["--python", str(SCENARIOS_SCRIPT), "--", str(config)]
    subprocess.run(command, env=environment, timeout=SECONDS)
    report = Path(json.loads(config.read_text(encoding="utf-8"))["report"])
    return json.loads(report.read_text(encoding="utf-8"))


@contextmanager
def _virtual_display() -> Iterator[str]:
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", SCREEN, "-nolisten", "tcp"]
    with subprocess.Popen([*command, "+extension", "GLX"], pass_fds=[writing]) as server:
        os.close(writing)
        try:
            with os.fdopen(reading) as answer:
                yield f":{answer.readline().strip()}"
        finally:
            server.terminate()
