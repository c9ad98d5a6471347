"""Addresses and tokens that cannot be used are refused before a request is sent."""

from __future__ import annotations

import pytest

from blender_addon.link.address import Address, InvalidAddress, InvalidProxy
from blender_addon.link.client import Client
from blender_addon.link.errors import ServiceUnreachable

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("url", "token", "says"),
    [
        ("studio:8000", "t", "does not begin with http:// or https://"),
        ("192.168.0.5:8000", "t", "does not begin with http:// or https://"),
        ("ftp://studio:8000", "t", "does not begin with http:// or https://"),
        (" http://studio:8000", "t", "does not begin with http:// or https://"),
        ("http://stu dio:8000", "t", "contains a blank"),
        ("http://studio:8000\n", "t", "contains a blank"),
        ("http://", "t", "has no host"),
        ("http://:8000", "t", "has no host"),
        ("http://[::1:8000", "t", "has no host"),
        ("http://studio:99999", "t", "not a number from 1 to 65535"),
        ("http://studio:0", "t", "not a number from 1 to 65535"),
        ("http://studio:80a", "t", "not a number from 1 to 65535"),
        ("http://studio:8000", "a\nb", "The token contains a line break"),
        ("http://studio:8000", "clé", "The token contains"),
    ],
)
def test_unusable_address_is_refused(url: str, token: str, says: str) -> None:
    with pytest.raises(InvalidAddress, match=says) as refused:
        Client(Address(url, token))
    assert refused.value.remedy


@pytest.mark.parametrize(
    "url", ["http://studio:8000", "HTTPS://studio", "http://[::1]:8000", "http://10.0.0.1/proxy"]
)
def test_usable_address_is_accepted(url: str) -> None:
    Client(Address(url, "token")).close()


def test_address_that_only_requests_refuses_is_not_taken_for_a_file_error() -> None:
    client = Client(Address("http://*", "token"))
    with pytest.raises(InvalidAddress, match="is invalid"):
        client.health()


@pytest.mark.parametrize(
    "proxy",
    ["socks5://127.0.0.1:9", "socks4://127.0.0.1:9", "ftp://127.0.0.1:9", "http://", "proxy:9"],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_unusable_proxy_is_told_as_that(
    proxy: str, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    client = Client(Address(f"{scheme}://studio.invalid", "token"))
    with pytest.raises((InvalidProxy, ServiceUnreachable), match=r"proxy|does not answer"):
        client.health()
    client.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_proxies_are_not_asked_about_this_machine(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    client = Client(Address(f"http://{host}:9", "token"))
    with pytest.raises(ServiceUnreachable):
        client.health()
    client.close()


def test_token_is_not_shown() -> None:
    assert "secret" not in repr(Address("http://studio", "secret"))
