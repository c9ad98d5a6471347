"""The project's import graph, read from its sources, and the rules that it keeps."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

LONGEST_FILE = 400
LONGEST_FUNCTION = 40
MOST_PARAMETERS = 6
NUMBERS = {"int", "float", "Number", "np.float32", "np.float64"}  # of vectors, colours and ranges
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "manager", "misc", "common"}

BLENDER = {"bpy", "bpy_extras", "bmesh", "mathutils", "gpu", "gpu_extras", "blf", "addon_utils"}
CONTRACT_MAY = {"numpy"}
ADDON_MAY = {"numpy", "requests", "urllib3"} | BLENDER
PRINTERS = ("splatsmith.cli", "splatsmith.__main__", "blender_addon.demo")

# A part of a tree may import itself and what stands in a line above its own.
ADDON_LAYERS = (
    "contract",
    "link scene",
    "importing exporting online_access viewport",
    "submission active_session splat_tools",
    "asset_marking batches file_exchange job_control prompts variations",
    "api",
    "ui",
    "demo",
)
BACKEND_LAYERS = (
    "contract",
    "errors",
    "devices files images memory progress settings",
    "weights formats",
    "nn gaussians",
    "diffusion conditioning",
    "extraction",
    "representations",
    "engines",
    "worker",
    "service",
    "cli",
    "__main__",
)


@dataclass(frozen=True)
class Module:
    """One source file: its dotted name and what it imports, resolved to absolute names."""

    name: str
    path: Path
    tree: ast.Module
    loaded: frozenset[str]  # when the module is imported
    deferred: frozenset[str]  # inside functions, or for the type checker alone

    @property
    def imports(self) -> frozenset[str]:
        return self.loaded | self.deferred

    @property
    def part(self) -> str:
        """The folder or file right under the top package: "engines", "pipeline"."""
        return part_of(self.name)


def part_of(name: str) -> str:
    return (name.split(".") + [""])[1]


@dataclass(frozen=True)
class Project:
    """The two source trees, `backend/splatsmith` and `blender_addon`, under one folder."""

    root: Path

    @cached_property
    def modules(self) -> dict[str, Module]:
        found = {}
        for top, folder in (("splatsmith", "backend/splatsmith"), ("blender_addon",) * 2):
            for path in sorted((self.root / folder).rglob("*.py")):
                module = read_module(path, top, self.root / folder)
                found[module.name] = module
        return found

    def under(self, package: str) -> list[Module]:
        return [each for each in self.modules.values() if is_under(each.name, package)]

    def loaded_with(self, name: str) -> set[str]:
        """Everything that importing `name` imports, near and far."""
        seen: set[str] = set()
        waiting = [name]
        while waiting:
            current = waiting.pop()
            if current in seen:
                continue
            seen.add(current)
            if module := self.modules.get(current) or self.modules.get(current.rpartition(".")[0]):
                waiting += [*module.loaded, *parents(module.name)]
        return seen


def parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts))]


def is_under(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def read_module(path: Path, top: str, folder: Path) -> Module:
    parts = [top, *path.relative_to(folder).with_suffix("").parts]
    package = parts[:-1]
    name = ".".join(package if parts[-1] == "__init__" else parts)
    tree = ast.parse(path.read_text("utf-8"), str(path))
    everything = set(imported(ast.walk(tree), package))
    loaded = set(imported(executed(tree.body), package))
    return Module(name, path, tree, frozenset(loaded), frozenset(everything - loaded))


def executed(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that run on import: not those of functions or for the type checker."""
    for statement in body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.unparse(statement.test):
            continue
        yield statement
        for field in ("body", "orelse", "finalbody"):
            yield from executed(getattr(statement, field, []))


def imported(nodes: Iterator[ast.AST], package: list[str]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            # `from package import name` may mean a module: both readings are kept.
            yield from (f"{imported_from(node, package)}.{alias.name}" for alias in node.names)


def imported_from(node: ast.ImportFrom, package: list[str]) -> str:
    """The absolute name of what `from ... import` names, in a module of `package`."""
    base = package[: len(package) - node.level + 1] if node.level else []
    return ".".join([*base, *([node.module] if node.module else [])])


Rule = Callable[[Project], Iterator[str]]


def contract_imports_only_numpy(project: Project) -> Iterator[str]:
    for module in project.under("splatsmith.contract"):
        for name in sorted(module.imports):
            top = name.split(".")[0]
            own = is_under(name, "splatsmith.contract")
            if not own and top not in sys.stdlib_module_names | CONTRACT_MAY:
                yield f"{module.name} imports {name}"


def addon_imports_only_what_blender_has(project: Project) -> Iterator[str]:
    for module in project.under("blender_addon"):
        for name in sorted(module.imports):
            top = name.split(".")[0]
            if top not in sys.stdlib_module_names | ADDON_MAY | {"blender_addon"}:
                yield f"{module.name} imports {name}"


def link_imports_no_bpy(project: Project) -> Iterator[str]:
    for module in project.under("blender_addon.link"):
        for name in sorted(module.imports):
            if name.split(".")[0] in BLENDER:
                yield f"{module.name} imports {name}"


def backend_imports_no_bpy(project: Project) -> Iterator[str]:
    for module in project.under("splatsmith"):
        for name in sorted(module.imports):
            if name.split(".")[0] in BLENDER:
                yield f"{module.name} imports {name}"


def addon_layers_point_one_way(project: Project) -> Iterator[str]:
    yield from wrong_way(project, "blender_addon", ADDON_LAYERS)


def backend_layers_point_one_way(project: Project) -> Iterator[str]:
    yield from wrong_way(project, "splatsmith", BACKEND_LAYERS)


def wrong_way(project: Project, top: str, layers: tuple[str, ...]) -> Iterator[str]:
    height = {part: layer for layer, parts in enumerate(layers) for part in parts.split()}
    for module in project.under(top):
        if module.part and module.part not in height:
            yield f"{module.name} is in no layer: give {module.part!r} one"
            continue
        for name in sorted(module.imports):
            target = part_of(name)
            # `from . import __version__` is the package itself, no part of it.
            foreign = is_under(name, top) and target in height and target != module.part
            if module.part and foreign and height[target] >= height[module.part]:
                yield f"{module.name} imports {name}"


def service_starts_the_worker_by_name_only(project: Project) -> Iterator[str]:
    """Their messages are all that they share."""
    beyond = ("splatsmith.worker", "splatsmith.extraction", "splatsmith.formats")
    for module in project.under("splatsmith.service"):
        for name in sorted(module.imports):
            foreign = any(is_under(name, package) for package in beyond)
            if foreign and not is_under(name, "splatsmith.worker.messages"):
                yield f"{module.name} imports {name}"


def torch_stays_right_of_the_worker(project: Project) -> Iterator[str]:
    """Nothing but the worker, and what is right of it, loads torch, however far."""
    light = ("service", "cli", "contract", "settings", "engines.registry", "weights", "formats")
    for package in light:
        for module in project.under(f"splatsmith.{package}"):
            for name in sorted(project.loaded_with(module.name)):
                if name.split(".")[0] in {"torch", "diffusers", "gsplat", "transformers"}:
                    yield f"{module.name} loads {name}"


def the_add_on_starts_without_http(project: Project) -> Iterator[str]:
    """An artist waits for what Blender loads; `requests` takes as long as all of our modules."""
    for name in sorted(project.loaded_with("blender_addon.api")):
        if name.split(".")[0] in {"requests", "urllib3"}:
            yield f"blender_addon.api loads {name}"


def engines_import_nothing_of_each_other(project: Project) -> Iterator[str]:
    packages = {each.name.split(".")[2] for each in project.under("splatsmith.engines")[1:]}
    engines = packages - {"base", "registry"}
    for module in project.under("splatsmith.engines"):
        own = (module.name.split(".") + [""])[2]
        for name in sorted(module.imports):
            other = (name.split(".") + ["", ""])[2]
            foreign = is_under(name, "splatsmith.engines") and other in engines - {own}
            if own in engines and foreign:
                yield f"{module.name} imports {name}"


def no_module_imports_itself_in_a_circle(project: Project) -> Iterator[str]:
    graph = {
        module.name: {
            target for name in module.loaded if (target := nearest(project, name)) != module.name
        }
        for module in project.modules.values()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        yield " -> ".join(reversed(error.args[1]))


def nearest(project: Project, name: str) -> str:
    """The module that `from package import name` reads: the name itself, or the package."""
    return name if name in project.modules else name.rpartition(".")[0]


def files_are_one_idea_long(project: Project) -> Iterator[str]:
    for module in project.modules.values():
        length = len(module.path.read_text("utf-8").splitlines())
        if length > LONGEST_FILE:
            yield f"{module.name} has {length} lines"


def functions_are_short(project: Project) -> Iterator[str]:
    for module, function in functions(project):
        length = (function.end_lineno or function.lineno) - function.lineno + 1
        if length > LONGEST_FUNCTION:
            yield f"{module.name}.{function.name} has {length} lines"


def functions_take_few_parameters(project: Project) -> Iterator[str]:
    for module, function in functions(project):
        count = len(parameters(function))
        if count > MOST_PARAMETERS:
            yield f"{module.name}.{function.name} has {count} parameters"


def functions_take_no_tuple_for_several_arguments(project: Project) -> Iterator[str]:
    """A dataclass, or a NamedTuple for numba, gives the parts names."""
    for module, function in functions(project):
        for parameter in parameters(function):
            parts = tuple_parts(project, module, parameter.annotation)
            is_vector = len(set(parts)) == 1 and parts[0] in NUMBERS
            if len(parts) > 1 and not is_vector:
                yield f"{module.name}.{function.name}: {parameter.arg} is a tuple"


def parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.arg]:
    arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    return [each for each in arguments if each.arg not in ("self", "cls")]


def tuple_parts(project: Project, module: Module, annotation: ast.expr | None) -> list[str]:
    """The element types of a tuple of fixed length; none of anything else."""
    if isinstance(annotation, ast.BinOp):  # X | None
        found = [tuple_parts(project, module, x) for x in (annotation.left, annotation.right)]
        return max(found, key=len)
    if isinstance(annotation, ast.Name):
        return alias_parts(project, module, annotation.id)
    if not isinstance(annotation, ast.Subscript) or ast.unparse(annotation.value) != "tuple":
        return []
    if not isinstance(annotation.slice, ast.Tuple):
        return []
    parts = [ast.unparse(part) for part in annotation.slice.elts]
    return [] if "..." in parts else parts


def alias_parts(project: Project, module: Module, name: str) -> list[str]:
    """As `tuple_parts`, of a type alias at a module's top or imported from there."""
    package = module.name.split(".")
    if module.path.stem != "__init__":
        package = package[:-1]
    for node in module.tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            return tuple_parts(project, module, node.value)
        if isinstance(node, ast.ImportFrom) and name in {each.name for each in node.names}:
            source = project.modules.get(imported_from(node, package))
            return alias_parts(project, source, name) if source else []
    return []


def functions(project: Project) -> Iterator[tuple[Module, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for module in project.modules.values():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield module, node


def started_pythons_ignore_the_working_folder(project: Project) -> Iterator[str]:
    """`python -m` imports from the working folder first, unless -P or -I keeps it from that."""
    for module in project.modules.values():
        for node in ast.walk(module.tree):
            if not isinstance(node, ast.List | ast.Tuple):
                continue
            words = {each.value for each in node.elts if isinstance(each, ast.Constant)}
            if "-m" in words and not words & {"-P", "-I"}:
                yield f"{module.name}:{node.lineno} starts python -m without -P"


def modules_are_named_by_what_they_do(project: Project) -> Iterator[str]:
    for name in project.modules:
        if VAGUE_NAMES & set(name.split(".")):
            yield name


def only_the_command_line_prints(project: Project) -> Iterator[str]:
    for module in project.modules.values():
        if any(is_under(module.name, printer) for printer in PRINTERS):
            continue
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "print":
                yield f"{module.name}:{node.lineno} prints"


RULES: tuple[Rule, ...] = (
    contract_imports_only_numpy,
    addon_imports_only_what_blender_has,
    link_imports_no_bpy,
    backend_imports_no_bpy,
    addon_layers_point_one_way,
    backend_layers_point_one_way,
    service_starts_the_worker_by_name_only,
    torch_stays_right_of_the_worker,
    the_add_on_starts_without_http,
    engines_import_nothing_of_each_other,
    no_module_imports_itself_in_a_circle,
    files_are_one_idea_long,
    functions_are_short,
    functions_take_few_parameters,
    started_pythons_ignore_the_working_folder,
    functions_take_no_tuple_for_several_arguments,
    modules_are_named_by_what_they_do,
    only_the_command_line_prints,
)
