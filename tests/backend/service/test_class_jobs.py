"""Jobs of an engine that takes a class."""

from __future__ import annotations

import json

from splatsmith.contract.cards import EngineCard
from splatsmith.contract.jsonable import from_json, to_json
from splatsmith.contract.protocol import GenerateRequest, JobState, Product
from tests.backend.engines.menagerie.card import CARD
from tests.backend.service.service_process import RunningService

RED_FOX = GenerateRequest(
    engine="menagerie", class_label="Red Fox", products=(Product.SPLATS,), turntables=()
)


def test_cards_are_served_with_all_their_labels(service: RunningService) -> None:
    cards = from_json(tuple[EngineCard, ...], service.http.get("/v1/engines").json())  # type: ignore[arg-type]

    assert CARD in cards
    assert len(CARD.class_labels) == 1_000


def test_a_class_job_records_its_class(service: RunningService) -> None:
    job = service.run(RED_FOX)

    assert job.state is JobState.SUCCEEDED, job.problem
    assert (job.title, job.request["class_label"]) == ("red fox", "red fox")
    record = json.loads(service.http.get(f"/v1/jobs/{job.id}/artifacts/job.json").content)
    assert record["class_label"] == "red fox"


def test_a_prompt_is_taken_for_the_nearest_class(service: RunningService) -> None:
    job = service.run(
        GenerateRequest("a fox with red fur", engine="menagerie", products=(Product.SPLATS,))
    )

    assert job.state is JobState.SUCCEEDED, job.problem
    assert job.notes == ("The prompt stands for the class 'red fox', the nearest one to it.",)


def test_an_unknown_class_is_refused_with_the_nearest_names(service: RunningService) -> None:
    request = {"engine": "menagerie", "class_label": "red foxx"}
    response = service.http.post("/v1/jobs", json={"kind": "generate", "request": request})

    assert response.status_code == 404
    assert "red fox, " in response.json()["remedy"]


def test_a_request_without_a_class_is_read_as_before(service: RunningService) -> None:
    members = to_json(RED_FOX)
    assert isinstance(members, dict)
    del members["class_label"]
    assert from_json(GenerateRequest, members).class_label == ""
