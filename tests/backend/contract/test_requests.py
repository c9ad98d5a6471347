"""A request is completed from its engine's card, or refused with a reason."""

from __future__ import annotations

import math

import pytest

from splatsmith.contract.cards import ConditionKind, EngineCard, Variant
from splatsmith.contract.parameters import ParameterSpec, ParameterType
from splatsmith.contract.problems import InvalidRequest, NotFound
from splatsmith.contract.protocol import GenerateRequest, JobState

CARD = EngineCard(
    id="anvil",
    title="Anvil",
    description="Shapes things.",
    variants=(
        Variant("plain", "Plain", (ConditionKind.TEXT, ConditionKind.IMAGE)),
        Variant(
            "edged", "Edged", (ConditionKind.TEXT, ConditionKind.CANNY), (ConditionKind.CANNY,)
        ),
    ),
    parameters=(
        ParameterSpec("seed", ParameterType.INT, 0, "Which one.", minimum=0, maximum=2**32 - 1),
        ParameterSpec(
            "elevation", ParameterType.FLOAT, 15.0, "Height.", minimum=-90, maximum=90, unit="deg"
        ),
        ParameterSpec("solver", ParameterType.CHOICE, "ddim", "How.", choices=("ddim", "euler")),
        ParameterSpec("sharp", ParameterType.BOOL, False, "Keep edges."),
    ),
)


def test_defaults_are_filled_in() -> None:
    request = GenerateRequest(prompt="a chair", parameters={"seed": 3}).completed(CARD)
    assert request.variant == "plain"
    assert request.parameters == {"seed": 3, "elevation": 15.0, "solver": "ddim", "sharp": False}


def test_a_completed_request_stays_as_it_is() -> None:
    request = GenerateRequest(prompt="a chair").completed(CARD)
    assert request.completed(CARD) == request


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    [
        ({"seed": -1}, "seed is -1. It must lie between 0 and"),
        ({"seed": 1.5}, "seed is 1.5. It must be a whole number"),
        ({"seed": True}, "seed is True"),
        ({"elevation": 95}, "elevation is 95 deg. It must lie between -90 and 90"),
        ({"elevation": math.nan}, "elevation is nan"),
        ({"elevation": math.inf}, "elevation is inf"),
        ({"solver": "magic"}, "solver is 'magic'. It must be one of: ddim, euler"),
        ({"sharp": 1}, "sharp is 1. It must be true or false"),
        ({"sede": 1}, "no parameter 'sede'. It knows: seed"),
    ],
)
def test_a_wrong_parameter_is_explained(parameters: dict[str, object], complaint: str) -> None:
    with pytest.raises(InvalidRequest, match=complaint):
        GenerateRequest(prompt="a chair", parameters=parameters).completed(CARD)


@pytest.mark.parametrize(
    ("request_", "complaint"),
    [
        (GenerateRequest(), "neither a prompt nor a picture"),
        (GenerateRequest(prompt=" \n"), "neither a prompt nor a picture"),
        (GenerateRequest(prompt="x", products=()), "No result was asked for"),
        (GenerateRequest(prompt="x" * 200_001), "200,001 characters"),
        (GenerateRequest(prompt="x", name="n" * 201), "name has 201 characters"),
        (GenerateRequest(prompt="x", pictures={ConditionKind.DEPTH: "i"}), "takes no depth"),
        (GenerateRequest(prompt="x", variant="edged"), "needs canny"),
        (GenerateRequest(pictures={ConditionKind.TEXT: "i"}), "'text'.* not a picture's role"),
    ],
)
def test_an_impossible_request_is_explained(request_: GenerateRequest, complaint: str) -> None:
    with pytest.raises(InvalidRequest, match=complaint):
        request_.completed(CARD)


def test_an_unknown_variant_is_not_found() -> None:
    with pytest.raises(NotFound, match="no variant 'huge'. It has: plain, edged"):
        GenerateRequest(prompt="x", variant="huge").completed(CARD)


def test_the_title_is_what_a_person_calls_the_asset() -> None:
    assert GenerateRequest(prompt="a chair", name="Throne").title == "Throne"
    assert GenerateRequest(prompt=" a chair ").title == "a chair"


def test_only_ended_jobs_are_final() -> None:
    assert [s for s in JobState if s.is_final] == [
        JobState.SUCCEEDED,
        JobState.FAILED,
        JobState.CANCELLED,
    ]
