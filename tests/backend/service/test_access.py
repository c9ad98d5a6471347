"""Token, Host and Origin checks, and the state file."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import httpx
import psutil
import pytest

from splatsmith.contract.jsonable import from_json
from splatsmith.contract.protocol import PROTOCOL_VERSION, Health
from splatsmith.service.security import AccessPolicy
from tests.backend.service.service_process import RunningService, running_service
from tests.backend.service.test_bad_requests import problem_of

EVERY_ROUTE = [
    ("GET", "/v1/health"),
    ("GET", "/v1/engines"),
    ("GET", "/v1/openapi.json"),
    ("POST", "/v1/images"),
    ("POST", "/v1/clouds"),
    ("POST", "/v1/weights"),
    ("GET", "/v1/jobs"),
    ("POST", "/v1/jobs"),
    ("GET", "/v1/jobs/x"),
    ("DELETE", "/v1/jobs/x"),
    ("POST", "/v1/jobs/x/cancel"),
    ("GET", "/v1/jobs/x/artifacts/job.json"),
    ("GET", "/v1/events"),
    ("GET", "/nowhere"),
]


@pytest.mark.parametrize(("method", "path"), EVERY_ROUTE)
def test_every_route_requires_the_token(service: RunningService, method: str, path: str) -> None:
    response = httpx.request(method, service.connection.url + path)

    assert problem_of(response).status == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "authorization", ["Bearer wrong", "Bearer", "Basic {token}", "{token}", "Bearer {token}x"]
)
def test_wrong_token_is_refused(service: RunningService, authorization: str) -> None:
    given = authorization.format(token=service.connection.token)
    headers = {"Authorization": given}

    assert service.http.get("/v1/health", headers=headers).status_code == 401


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "[", "10.0.0.1:80"])
def test_foreign_host_is_refused(service: RunningService, host: str) -> None:
    response = service.http.get("/v1/health", headers={"Host": host})

    assert response.status_code in (400, 403)  # 400: no Host at all, by HTTP itself
    if response.status_code == 403:
        assert "127.0.0.1" in problem_of(response).remedy


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1:1", "http://[::1"]
)
def test_foreign_origin_is_refused(service: RunningService, origin: str) -> None:
    for path in ("/v1/health", "/v1/events"):
        response = service.http.get(path, headers={"Origin": origin})

        assert problem_of(response).status == 403
        assert "not let in" in problem_of(response).remedy
        assert "access-control-allow-origin" not in response.headers


def test_own_origin_and_host_are_accepted(service: RunningService) -> None:
    port = httpx.URL(service.connection.url).port
    own = {"Host": f"localhost:{port}", "Origin": f"http://localhost:{port}"}

    assert service.http.get("/v1/health", headers=own).status_code == 200


def test_health_has_versions_and_worker_state(service: RunningService) -> None:
    health = from_json(Health, service.http.get("/v1/health").json())

    assert health.protocol == PROTOCOL_VERSION == service.connection.protocol
    assert health.version == service.connection.version
    assert health.worker in {"starting", "idle"}


def test_listens_on_loopback_only(service: RunningService) -> None:
    listening = [
        connection.laddr.ip
        for connection in psutil.Process(service.process.pid).net_connections()
        if connection.status == psutil.CONN_LISTEN
    ]
    assert listening == ["127.0.0.1"]


@pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX's")
def test_state_file_is_private_and_removed_at_the_end(tmp_path: Path) -> None:
    with running_service(tmp_path / "data") as service:
        assert stat.S_IMODE(service.state_file.stat().st_mode) == 0o600
        assert service.connection.pid == service.process.pid
        service.end()
        assert not service.state_file.exists()


def test_tokens_are_random_and_not_in_the_repr() -> None:
    assert AccessPolicy().token != AccessPolicy().token
    assert AccessPolicy().token not in repr(AccessPolicy())
