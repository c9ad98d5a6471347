"""The client with dropped connections and with answers of other programs."""

from __future__ import annotations

import hashlib
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from blender_addon.contract.problems import SplatsmithError
from blender_addon.contract.protocol import PROTOCOL_VERSION, Artifact
from blender_addon.link.client import Client
from blender_addon.link.errors import ServiceError, ServiceUnreachable
from tests.addon.link.scripted_server import (
    TIMEOUT,
    Answer,
    Handler,
    ScriptedServer,
    dropped,
    page,
)

pytestmark = pytest.mark.once

HEALTH = {"protocol": PROTOCOL_VERSION, "version": "0", "worker": "idle", "device": "a lamp"}


def answer(value: object, status: int = 200) -> Answer:
    return page(status, json.dumps(value).encode(), "application/json")


def test_request_is_repeated_when_an_idle_connection_was_just_closed(
    server: ScriptedServer,
) -> None:
    client = Client(server.address)
    for each in (answer(HEALTH), dropped, answer(HEALTH)):
        server.answers.put(each)
    assert client.health() == client.health()
    assert len(server.requests) == 3
    client.close()


def test_two_blenders_download_into_one_folder(server: ScriptedServer, tmp_path: Path) -> None:
    """Neither finds the other's half-written file in its way, and none is left behind."""
    content = bytes(range(256)) * 4096
    artifact = Artifact("splats.ply", "", len(content), hashlib.sha256(content).hexdigest())
    both_write = threading.Barrier(2)

    def slow_answer(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content[:1000])
        both_write.wait(TIMEOUT)
        handler.wfile.write(content[1000:])

    for _ in range(2):
        server.answers.put(slow_answer)
    clients = [Client(server.address) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        paths = list(pool.map(lambda c: c.download("1f", artifact, tmp_path / "results"), clients))
    assert paths[0] == paths[1] and paths[0].read_bytes() == content
    assert list(paths[0].parent.iterdir()) == [paths[0]]
    for client in clients:
        client.close()


def test_service_that_never_answers_is_reported(server: ScriptedServer) -> None:
    for each in (dropped, dropped):
        server.answers.put(each)
    with pytest.raises(ServiceUnreachable):
        Client(server.address).health()


@pytest.mark.parametrize("status", [200, 404, 502])
def test_page_of_another_program_is_reported(server: ScriptedServer, status: int) -> None:
    server.answers.put(page(status))
    with pytest.raises(ServiceError, match=f"answered {status}"):
        Client(server.address).health()


@pytest.mark.parametrize("value", [[], "text", None, {}, {**HEALTH, "protocol": 99}])
def test_other_json_is_another_protocol(server: ScriptedServer, value: object) -> None:
    server.answers.put(answer(value))
    with pytest.raises(ServiceError, match="speaks protocol"):
        Client(server.address).health()


def test_problem_documents_are_raised_as_they_are(server: ScriptedServer) -> None:
    problem = {
        "code": "storage-full",
        "title": "Full",
        "detail": "No room.",
        "remedy": "Tidy up.",
    }
    server.answers.put(answer(problem, 507))
    with pytest.raises(SplatsmithError, match="No room. Tidy up.") as raised:
        Client(server.address).health()
    assert raised.value.problem.status == 507
