"""Who may speak to the service, and who may read how."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import httpx
import psutil
import pytest

from splatsmith.contract.jsonable import from_json
from splatsmith.contract.protocol import PROTOCOL_VERSION, Health
from splatsmith.service.security import Guard
from tests.backend.service.running import RunningService, running_service
from tests.backend.service.test_refusing import problem_of

EVERY_ROUTE = [
    ("GET", "/v1/health"),
    ("GET", "/v1/engines"),
    ("GET", "/v1/openapi.json"),
    ("POST", "/v1/images"),
    ("POST", "/v1/clouds"),
    ("GET", "/v1/jobs"),
    ("POST", "/v1/jobs"),
    ("GET", "/v1/jobs/x"),
    ("DELETE", "/v1/jobs/x"),
    ("POST", "/v1/jobs/x/cancel"),
    ("GET", "/v1/jobs/x/artifacts/job.json"),
    ("GET", "/nowhere"),
]


@pytest.mark.parametrize(("method", "path"), EVERY_ROUTE)
def test_nothing_is_answered_without_the_token(
    service: RunningService, method: str, path: str
) -> None:
    response = httpx.request(method, service.handover.url + path)

    assert problem_of(response).status == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "authorization", ["Bearer wrong", "Bearer", "Basic {token}", "{token}", "Bearer {token}x"]
)
def test_only_the_right_token_opens(service: RunningService, authorization: str) -> None:
    given = authorization.format(token=service.handover.token)
    headers = {"Authorization": given}

    assert service.http.get("/v1/health", headers=headers).status_code == 401


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "[", "10.0.0.1:80"])
def test_a_foreign_host_name_is_refused(service: RunningService, host: str) -> None:
    response = service.http.get("/v1/health", headers={"Host": host})

    assert response.status_code in (400, 403)  # 400: no Host at all, by HTTP itself


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
def test_a_page_from_elsewhere_is_refused(service: RunningService, origin: str) -> None:
    response = service.http.get("/v1/health", headers={"Origin": origin})

    assert problem_of(response).status == 403
    assert "access-control-allow-origin" not in response.headers


def test_its_own_origin_and_names_are_accepted(service: RunningService) -> None:
    port = httpx.URL(service.handover.url).port
    own = {"Host": f"localhost:{port}", "Origin": f"http://localhost:{port}"}

    assert service.http.get("/v1/health", headers=own).status_code == 200


def test_health_names_versions_and_worker(service: RunningService) -> None:
    health = from_json(Health, service.http.get("/v1/health").json())

    assert health.protocol == PROTOCOL_VERSION == service.handover.protocol
    assert health.version == service.handover.version
    assert health.worker in {"starting", "idle"}


def test_it_listens_on_loopback_alone(service: RunningService) -> None:
    listening = [
        connection.laddr.ip
        for connection in psutil.Process(service.process.pid).net_connections()
        if connection.status == psutil.CONN_LISTEN
    ]
    assert listening == ["127.0.0.1"]


@pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX's")
def test_the_state_file_is_the_owner_s_and_goes_with_the_service(tmp_path: Path) -> None:
    with running_service(tmp_path / "data") as service:
        assert stat.S_IMODE(service.state_file.stat().st_mode) == 0o600
        assert service.handover.pid == service.process.pid
        service.end()
        assert not service.state_file.exists()


def test_two_services_never_share_a_token() -> None:
    assert Guard().token != Guard().token
    assert Guard().token not in repr(Guard())
