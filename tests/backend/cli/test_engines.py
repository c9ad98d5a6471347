"""splatsmith engines, and what needs no engine."""

from __future__ import annotations

import subprocess
import sys

import pytest

from splatsmith import __version__
from splatsmith.cli import main
from splatsmith.contract.cards import EngineCard
from splatsmith.contract.jsonable import from_json
from splatsmith.engines import registry
from tests.backend.cli.conftest import CommandLine
from tests.backend.engines.lattice.card import CARD
from tests.backend.service.service_process import environment


def test_engines_are_listed_with_their_parameters(run: CommandLine) -> None:
    answer = run("engines")

    assert answer.code == 0
    for word in ("sprout", "lattice", "picture", "seed", "0 to 99"):
        assert word in answer.out


def test_engines_are_listed_with_what_their_licences_allow(run: CommandLine) -> None:
    out = " ".join(run("engines").out.split())

    assert "commercial use" in out
    assert "MIT: Commercial use is allowed." in out
    assert "Commercial use is allowed. From 1,000,000 US dollars of yearly revenue on" in out
    assert "Mosaic Licence: Commercial use is forbidden. https://example.org/mosaic" in out


def test_engines_as_json_are_their_cards(run: CommandLine) -> None:
    cards = from_json(tuple[EngineCard, ...], run("engines", "--json").json)  # type: ignore[arg-type]

    assert CARD in cards


@pytest.mark.parametrize("command", ["generate", "batch"])
def test_no_parameter_has_the_name_of_an_option(
    capsys: pytest.CaptureFixture[str], command: str
) -> None:
    for card in registry.cards():
        for variant in card.variants:
            with pytest.raises(SystemExit) as ended:
                main([command, "--engine", card.id, "--variant", variant.id, "--help"])
            assert ended.value.code == 0
            assert f"parameters of {card.title}" in " ".join(capsys.readouterr().out.split())


def test_an_engine_that_cannot_be_imported_is_named(
    run: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(registry.ENGINES_VARIABLE, "no.such.engine")
    registry.clear_cache()

    answer = run("engines")

    assert answer.code == 2
    assert "no.such.engine" in answer.err


def test_listing_engines_loads_no_torch() -> None:
    program = (
        "import sys; from splatsmith.cli import main; main(['engines']);"
        "sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], env=environment(), capture_output=True)

    assert done.returncode == 0, done.stderr


def test_the_version_is_told() -> None:
    command = [sys.executable, "-m", "splatsmith", "--version"]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True)

    assert done.stdout.strip() == __version__


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["serve", "--listen", "203.0.113.7"], "cannot be listened on"),
        (["serve", "--parent-pid", "999999999"], "no process 999999999"),
        (["serve", "--port", "many"], "--port"),
        (["serve", "--port", "-1"], "port -1 does not lie between 0 and 65535"),
        (["serve", "--listen", "no such host"], "cannot be listened on"),
        (["serve", "--listen", "a..b"], "cannot be listened on"),
        (["serve", "--listen", "a" * 70], "cannot be listened on"),
        (["serve", "--port", "99999"], "port 99999 does not lie between 0 and 65535"),
        ([], "COMMAND"),
        (["paint"], "paint"),
    ],
)
def test_a_bad_command_is_code_2(run: CommandLine, arguments: list[str], words: str) -> None:
    answer = run(*arguments, *(["--data-dir", "d"] if "serve" in arguments else []))

    assert answer.code == 2
    assert words in answer.err
