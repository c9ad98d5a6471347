"""A request is completed from its engine's card, or refused with a reason."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from splatsmith.contract.cards import ConditionKind, EngineCard, Variant
from splatsmith.contract.parameters import ParameterSpec, ParameterType
from splatsmith.contract.problems import InvalidRequest, NotFound
from splatsmith.contract.protocol import GenerateRequest, JobState

SEED = ParameterSpec("seed", ParameterType.INT, 0, "Which one.", minimum=0, maximum=2**32 - 1)
PLAIN_PARAMETERS = (
    SEED,
    ParameterSpec(
        "elevation", ParameterType.FLOAT, 15.0, "Height.", minimum=-90, maximum=90, unit="deg"
    ),
    ParameterSpec("solver", ParameterType.CHOICE, "ddim", "How.", choices=("ddim", "euler")),
    ParameterSpec("sharp", ParameterType.BOOL, False, "Keep edges."),
)
EDGED_PARAMETERS = (replace(SEED, default=5, maximum=9),)
CARD = EngineCard(
    id="anvil",
    title="Anvil",
    description="Shapes things.",
    variants=(
        Variant(
            "plain",
            "Plain",
            (ConditionKind.TEXT, ConditionKind.IMAGE),
            parameters=PLAIN_PARAMETERS,
        ),
        Variant(
            "edged",
            "Edged",
            (ConditionKind.TEXT, ConditionKind.CANNY),
            (ConditionKind.CANNY,),
            parameters=EDGED_PARAMETERS,
        ),
    ),
)


def test_defaults_are_filled_in() -> None:
    request = GenerateRequest(prompt="a chair", parameters={"seed": 3}).completed(CARD)
    assert request.variant == "plain"
    assert request.parameters == {"seed": 3, "elevation": 15.0, "solver": "ddim", "sharp": False}


def test_each_variant_has_parameters_defaults_and_ranges_of_its_own() -> None:
    edged = GenerateRequest(pictures={ConditionKind.CANNY: "i"}, variant="edged")
    assert edged.completed(CARD).parameters == {"seed": 5}
    with pytest.raises(InvalidRequest, match="seed is 10. It must lie between 0 and 9"):
        replace(edged, parameters={"seed": 10}).completed(CARD)
    with pytest.raises(InvalidRequest, match=r"Anvil \(Edged\) has no parameter 'sharp'"):
        replace(edged, parameters={"sharp": True}).completed(CARD)


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
        (GenerateRequest(prompt="x", variant="edged"), "needs a picture of edges"),
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


def test_each_sample_of_a_batch_gets_a_request() -> None:
    request = GenerateRequest(prompt="a chair", parameters={"samples": 3, "seed": 4})
    requests = request.for_each_sample()
    assert [each.parameters["sample"] for each in requests] == [1, 2, 3]
    assert [each.title for each in requests] == ["a chair 1", "a chair 2", "a chair 3"]
    assert all(each.parameters["seed"] == 4 for each in requests)


@pytest.mark.parametrize(
    "parameters",
    [{}, {"samples": 1}, {"samples": 4, "sample": 2}, {"samples": 9}, {"samples": "x"}],
)
def test_one_sample_or_what_the_card_will_refuse_is_one_request(
    parameters: dict[str, object],
) -> None:
    request = GenerateRequest(prompt="a chair", parameters=parameters)
    assert request.for_each_sample() == (request,)
