"""Requests survive the wire, and nothing unexpected gets through."""

from __future__ import annotations

import json

import pytest

from splatsmith.contract.cards import ConditionKind, EngineCard, Variant
from splatsmith.contract.jsonable import from_json, to_json
from splatsmith.contract.parameters import ParameterSpec, ParameterType
from splatsmith.contract.problems import InvalidRequest, Problem
from splatsmith.contract.protocol import (
    Artifact,
    ExtractionOptions,
    GenerateRequest,
    JobKind,
    JobState,
    JobStatus,
    Product,
)

REQUEST = GenerateRequest(
    prompt="ein Stuhl „für Zoë“",
    pictures={ConditionKind.IMAGE: "a" * 32},
    parameters={"seed": 7, "guidance": 1.5, "sharp": True},
    products=(Product.MESH,),
    extraction=ExtractionOptions(face_budget=900, point_count=10),
    name="stool's",
)
STATUS = JobStatus(
    id="1",
    kind=JobKind.GENERATE,
    state=JobState.FAILED,
    title="chair",
    request={"prompt": "chair"},
    created=1.5,
    artifacts=(Artifact("mesh.glb", "model/gltf-binary", 3, "00"),),
    problem=Problem("x", "X", "It broke."),
)
CARD = EngineCard(
    "e",
    "E",
    "An engine.",
    (
        Variant(
            "v",
            "V",
            (ConditionKind.TEXT,),
            parameters=(ParameterSpec("seed", ParameterType.INT, 0, "Which one.", minimum=0),),
        ),
    ),
)


@pytest.mark.parametrize("value", [REQUEST, STATUS, CARD], ids=["request", "status", "card"])
def test_values_survive_json(value: object) -> None:
    assert from_json(type(value), json.loads(json.dumps(to_json(value)))) == value


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        ({"promt": "chair"}, "no member named 'promt'"),
        ({"prompt": 3}, "request.prompt must be str, not 3"),
        ({"products": ["mesh", "statue"]}, r"request.products\[1\] is 'statue'"),
        ({"products": "mesh"}, "request.products must be a list"),
        ({"pictures": {"portrait": "a"}}, "request.pictures is 'portrait'"),
        ({"extraction": {"face_budget": 3}}, "face_budget is 3"),
        ({"extraction": {"face_budget": True}}, "must be int, not True"),
        ([], "request must be an object"),
    ],
)
def test_what_is_not_a_request_is_named(data: object, complaint: str) -> None:
    with pytest.raises(InvalidRequest, match=complaint):
        from_json(GenerateRequest, data)


def test_a_missing_member_is_named() -> None:
    with pytest.raises(InvalidRequest, match="lacks 'media_type'"):
        from_json(Artifact, {"name": "a", "size_bytes": 1, "sha256": ""})


def test_whole_numbers_pass_as_floats_but_not_the_reverse() -> None:
    assert from_json(float, 3) == 3.0
    with pytest.raises(InvalidRequest):
        from_json(int, 3.0)
