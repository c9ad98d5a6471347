"""Commands and options. An engine's options are made from its card.

argparse, because those options are known only once --engine was read.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from .. import __version__
from ..contract.cards import (
    MAP_CONDITIONS,
    SIDE_CONDITIONS,
    ConditionKind,
    EngineCard,
    Variant,
)
from ..contract.parameters import ParameterSpec, ParameterType
from ..contract.problems import InvalidRequest
from ..contract.protocol import DEFAULT_ENGINE, ExtractRequest, GenerateRequest, Product
from ..contract.splat_formats import SplatFormat
from ..contract.turntables import Turntable
from ..contract.up_axis import UpAxis
from ..engines import registry
from ..settings import DATA_VARIABLE, data_directory
from .batch import run_batch
from .convert import run_convert
from .engines import run_engines
from .extract import run_extract
from .generate import run_generate
from .product_options import add_products, one_of
from .serve import run_serve
from .weights import add_weights

UP, OUT_UP = "--up", "--out-up"
PARAMETER = "parameter:"  # prefix of an engine's parameters among the parsed options


class Parser(argparse.ArgumentParser):
    """Raises InvalidRequest instead of exiting."""

    def error(self, message: str) -> NoReturn:
        raise InvalidRequest(f"{message[:1].upper()}{message[1:]}.", f"See {self.prog} --help.")


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options, with the command's function as `run`, the engine's parameters as `parameters`.

    Raises:
        InvalidRequest: an argument is unknown, missing or malformed.
        NotFound: there is no such engine.
    """
    arguments = _join_axes(arguments)
    card, variant = _chosen_engine(arguments)
    options = _parser(card, variant).parse_args(arguments)
    options.parameters = {
        name.removeprefix(PARAMETER): value
        for name, value in vars(options).items()
        if name.startswith(PARAMETER) and value is not None
    }
    return options


def _join_axes(arguments: Sequence[str]) -> list[str]:
    """`--up -y` as `--up=-y`: argparse takes what begins with a dash for an option."""
    joined: list[str] = []
    for argument in arguments:
        if joined and joined[-1] in (UP, OUT_UP) and argument in tuple(UpAxis):
            joined[-1] += f"={argument}"
        else:
            joined.append(argument)
    return joined


def _chosen_engine(arguments: Sequence[str]) -> tuple[EngineCard, Variant]:
    """The card and variant of --engine and --variant, which decide the other options."""
    first = Parser(add_help=False, allow_abbrev=False)
    first.add_argument("--engine", default=DEFAULT_ENGINE)
    first.add_argument("--variant", default="")
    options, _ = first.parse_known_args(arguments)
    card = registry.card(options.engine)
    return card, card.variant(options.variant)


def _parser(card: EngineCard, variant: Variant) -> Parser:
    parser = Parser(
        prog="splatsmith",
        description="Turns a prompt or a picture into 3D Gaussian splats, a mesh and points.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_serve(commands)
    _add_generate(commands, card, variant)
    _add_batch(commands, card, variant)
    _add_extract(commands)
    _add_convert(commands)
    _add_engines(commands)
    add_weights(commands)
    return parser


def _add_serve(commands: argparse._SubParsersAction[Parser]) -> None:
    command = commands.add_parser("serve", help="answer requests over HTTP")
    command.set_defaults(run=run_serve, log_level=logging.INFO)
    command.add_argument(
        "--listen",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="address to listen on (default: this machine alone)",
    )
    command.add_argument("--port", type=int, default=0, help="0, the default, takes a free one")
    command.add_argument(
        "--data-dir",
        type=Path,
        default=data_directory(),
        metavar="DIR",
        help=f"where jobs are kept (default: %(default)s; ${DATA_VARIABLE})",
    )
    command.add_argument(
        "--state-file",
        type=Path,
        metavar="FILE",
        help="write address and token there, for the owner alone to read",
    )
    command.add_argument("--parent-pid", type=int, metavar="PID", help="end when this process does")
    _add_common(command)


def _add_generate(
    commands: argparse._SubParsersAction[Parser], card: EngineCard, variant: Variant
) -> None:
    command = commands.add_parser("generate", help="make one asset")
    command.set_defaults(run=run_generate, log_level=logging.WARNING)
    command.add_argument("--prompt", default="", metavar="TEXT")
    command.add_argument("--image", type=Path, metavar="FILE")
    for role in SIDE_CONDITIONS:
        meaning = f"picture of the {role} of the object in --image, if the engine takes one"
        command.add_argument(f"--{role}", type=Path, metavar="FILE", help=meaning)
    for role in sorted(MAP_CONDITIONS):
        meaning = (
            "picture whose edges lead" if role is ConditionKind.CANNY else f"{role} map that leads"
        )
        command.add_argument(
            f"--{role}", type=Path, metavar="FILE", help=f"{meaning} the engine, if it takes one"
        )
    command.add_argument(
        f"--{ConditionKind.VIEWS}",
        type=Path,
        metavar="FILE",
        help="sheet of views with depths of an object to vary, if the engine takes one",
    )
    command.add_argument(
        "--class",
        dest="class_label",
        default="",
        metavar="NAME",
        help="a class by its name or number, if the engine takes one",
    )
    command.add_argument("--name", default="", help="what to call the asset")
    command.add_argument(
        "--out", type=Path, metavar="DIR", help="folder for its files (default: its name)"
    )
    _add_generation_options(command, card, variant)


def _add_batch(
    commands: argparse._SubParsersAction[Parser], card: EngineCard, variant: Variant
) -> None:
    command = commands.add_parser("batch", help="make many assets, one folder each")
    command.set_defaults(run=run_batch, log_level=logging.WARNING)
    command.add_argument(
        "source",
        type=Path,
        metavar="SOURCE",
        help="a file of prompts, a CSV table or a folder of pictures",
    )
    command.add_argument(
        "--out",
        type=Path,
        default=Path("out"),
        metavar="DIR",
        help="folder for the assets' folders (default: out)",
    )
    _add_generation_options(command, card, variant)


def _add_extract(commands: argparse._SubParsersAction[Parser]) -> None:
    command = commands.add_parser("extract", help="take meshes or points from splat files")
    command.set_defaults(run=run_extract, log_level=logging.WARNING)
    command.add_argument(
        "clouds",
        type=Path,
        nargs="+",
        metavar="CLOUD",
        help="a splat file, or a folder of PLY files; of several, each gets a folder of its own",
    )
    command.add_argument(
        "--out", type=Path, default=Path("out"), metavar="DIR", help="folder (default: out)"
    )
    _add_up(command)
    add_products(command, ExtractRequest("").products)
    command.add_argument("--json", action="store_true", help="print the result as JSON")
    _add_common(command)


def _add_convert(commands: argparse._SubParsersAction[Parser]) -> None:
    command = commands.add_parser("convert", help="write splat files in another format")
    command.set_defaults(run=run_convert, log_level=logging.WARNING)
    command.add_argument(
        "files",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="one or several splat files to read, and last the one to write",
    )
    formats = " ".join(SplatFormat)
    command.add_argument(
        "--format",
        type=one_of(SplatFormat),
        metavar="FORMAT",
        help=f"what to write: {formats} (default: as the name ends)",
    )
    command.add_argument(
        "--source-format",
        type=one_of(SplatFormat),
        metavar="FORMAT",
        help="what the files are (default: as their content says)",
    )
    _add_up(command)
    command.add_argument(
        OUT_UP,
        type=one_of(UpAxis),
        default=UpAxis.Y,
        metavar="AXIS",
        help="the axis that is to point up in the file, where its format leaves that open "
        "(default: y)",
    )
    command.add_argument("--json", action="store_true", help="print the result as JSON")
    command.add_argument("--debug", action="store_true", help="show tracebacks and the log")


def _add_up(command: Parser) -> None:
    command.add_argument(
        UP,
        type=one_of(UpAxis),
        metavar="AXIS",
        help=f"the files' axis that points up: {' '.join(UpAxis)}; captures often lie with -y up "
        "(default: what a file says, or y)",
    )


def _add_engines(commands: argparse._SubParsersAction[Parser]) -> None:
    command = commands.add_parser("engines", help="list the engines and their parameters")
    command.set_defaults(run=run_engines, log_level=logging.WARNING)
    command.add_argument("--json", action="store_true", help="print JSON")
    command.add_argument("--debug", action="store_true", help=argparse.SUPPRESS)


def _add_generation_options(command: Parser, card: EngineCard, variant: Variant) -> None:
    """Options of the commands that generate."""
    command.add_argument("--engine", default=DEFAULT_ENGINE, help="see `splatsmith engines`")
    command.add_argument("--variant", default="", help="default: the engine's first")
    add_products(command, tuple(Product), "; splats always")
    command.add_argument(
        "--turntables",
        nargs="*",
        type=one_of(Turntable),
        default=GenerateRequest().turntables,
        metavar="KIND",
        help=f"moving pictures, none or any of: {' '.join(Turntable)} (default: webp)",
    )
    command.add_argument("--json", action="store_true", help="print the result as JSON")
    _add_common(command)
    group = command.add_argument_group(f"parameters of {card.title} ({variant.title})")
    for spec in variant.parameters:
        group.add_argument(
            f"--{spec.name.replace('_', '-')}",
            dest=PARAMETER + spec.name,
            type=lambda text, spec=spec: _value(spec, text),
            metavar=spec.unit.upper() or spec.type.value.upper(),
            help=_help(spec),
        )


def _add_common(command: Parser) -> None:
    """Options of the commands that use a device."""
    command.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:1")
    command.add_argument("--debug", action="store_true", help="show tracebacks and the log")


def _value(spec: ParameterSpec, text: str) -> object:
    """`text` in the parameter's type if it parses as such; the card reports it otherwise."""
    try:
        if spec.type in (ParameterType.INT, ParameterType.FLOAT):
            return float(text) if spec.type is ParameterType.FLOAT else int(text)
    except ValueError:
        return text
    if spec.type is ParameterType.BOOL:
        return {"true": True, "false": False}.get(text.lower(), text)
    return text


def _help(spec: ParameterSpec) -> str:
    limits = [f"{value:g}" for value in (spec.minimum, spec.maximum) if value is not None]
    extent = " to ".join(limits) if len(limits) == 2 else ", ".join(spec.choices)
    text = f"{spec.description} ({extent + '; ' if extent else ''}default: {spec.default})"
    return text.replace("%", "%%")
