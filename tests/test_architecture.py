"""The rules of who may import whom, over the whole tree; and proof that each rule can fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import architecture
from tests.architecture import RULES, Project, Rule

LONG_FUNCTION = "def long() -> None:\n" + "    pass\n" * 40
# Each rule's name with a tree that breaks it: path and source of its files.
VIOLATIONS: dict[str, dict[str, str]] = {
    "contract_imports_only_numpy": {
        "backend/splatsmith/contract/cloud.py": "import torch",
    },
    "addon_imports_only_what_blender_has": {"blender_addon/scene/splats.py": "import scipy"},
    "link_imports_no_bpy": {"blender_addon/link/client.py": "def f():\n    import bpy"},
    "backend_imports_no_bpy": {"backend/splatsmith/pipeline.py": "from mathutils import Vector"},
    "addon_layers_point_one_way": {
        "blender_addon/ui/panels.py": "",
        "blender_addon/scene/mesh.py": "from ..ui import panels",
    },
    "backend_layers_point_one_way": {
        "backend/splatsmith/engines/registry.py": "",
        "backend/splatsmith/extraction/mesh.py": "from ..engines.registry import load",
    },
    "service_starts_the_worker_by_name_only": {
        "backend/splatsmith/service/scheduler.py": "from ..worker import main",
    },
    "torch_stays_right_of_the_worker": {
        "backend/splatsmith/service/app.py": "from ..gaussians import cameras",
        "backend/splatsmith/gaussians/__init__.py": "",
        "backend/splatsmith/gaussians/cameras.py": "import torch",
    },
    "the_add_on_starts_without_http": {
        "blender_addon/__init__.py": "",
        "blender_addon/api.py": "from .link import client",
        "blender_addon/link/__init__.py": "",
        "blender_addon/link/client.py": "import requests",
    },
    "engines_import_nothing_of_each_other": {
        "backend/splatsmith/engines/__init__.py": "",
        "backend/splatsmith/engines/sprout/engine.py": "from ..ivid.model import Model",
        "backend/splatsmith/engines/ivid/model.py": "",
    },
    "no_module_imports_itself_in_a_circle": {
        "backend/splatsmith/gaussians/a.py": "from .b import x",
        "backend/splatsmith/gaussians/b.py": "from .a import y",
    },
    "files_are_one_idea_long": {"backend/splatsmith/long.py": "\n" * 401},
    "functions_are_short": {"backend/splatsmith/long.py": LONG_FUNCTION},
    "functions_take_few_parameters": {
        "backend/splatsmith/wide.py": "def wide(a, b, c, d, *, e, f, g): ...",
    },
    "started_pythons_ignore_the_working_folder": {
        "backend/splatsmith/start.py": "COMMAND = ['python', '-m', 'splatsmith.worker']",
    },
    "functions_take_no_tuple_for_several_arguments": {
        "backend/splatsmith/packed.py": "def packed(a, b: tuple[Floats, int]): ...",
    },
    "modules_are_named_by_what_they_do": {"blender_addon/utils.py": ""},
    "only_the_command_line_prints": {"backend/splatsmith/worker.py": "print(1)"},
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_tree_keeps(rule: Rule, project: Path) -> None:
    assert list(rule(Project(project))) == []


@pytest.mark.parametrize("name", VIOLATIONS)
def test_rule_notices(name: str, tmp_path: Path) -> None:
    for path, source in VIOLATIONS[name].items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(source, encoding="utf-8")
    assert len(list(getattr(architecture, name)(Project(tmp_path)))) == 1


def test_both_trees_are_found(project: Path) -> None:
    found = Project(project).modules
    assert {"splatsmith.contract.cloud", "blender_addon.scene.splats"} <= set(found)


def test_part_without_a_layer_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "backend/splatsmith").mkdir(parents=True)
    (tmp_path / "backend/splatsmith/novelty.py").touch()
    assert list(architecture.backend_layers_point_one_way(Project(tmp_path)))


def test_every_rule_has_a_violation_to_notice() -> None:
    assert {rule.__name__ for rule in RULES} == set(VIOLATIONS)


TUPLES = {
    "tuple[Floats, Floats]": True,
    "tuple[float, int, str] | None": True,
    "Pair": True,
    "Imported": True,
    "tuple[float, float, float]": False,
    "tuple[int, int]": False,
    "tuple[Floats, ...]": False,
    "list[tuple[int, Floats]]": False,
    "Vector": False,
    "Unknown": False,
}


@pytest.mark.parametrize("annotation", TUPLES)
def test_tuples_for_several_arguments_are_told_from_vectors(
    annotation: str, tmp_path: Path
) -> None:
    package = tmp_path / "backend/splatsmith/nn"
    package.mkdir(parents=True)
    (package / "types.py").write_text("Imported = tuple[Tensor, Tensor]", encoding="utf-8")
    (package / "loops.py").write_text(
        "from .types import Imported\n"
        "Pair = tuple[Tensor, bool]\nVector = tuple[Number, Number, Number]\n"
        f"def f(x: {annotation}): ...\n",
        encoding="utf-8",
    )
    rule = architecture.functions_take_no_tuple_for_several_arguments
    assert bool(list(rule(Project(tmp_path)))) == TUPLES[annotation]


def test_imports_inside_functions_and_for_types_load_nothing(tmp_path: Path) -> None:
    service = tmp_path / "backend/splatsmith/service/app.py"
    service.parent.mkdir(parents=True)
    service.write_text(
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    import torch\n"
        "def load():\n    import torch\n",
        encoding="utf-8",
    )
    assert list(architecture.torch_stays_right_of_the_worker(Project(tmp_path))) == []
