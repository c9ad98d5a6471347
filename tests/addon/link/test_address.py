"""Addresses and tokens that cannot be used are refused before a request is sent."""

from __future__ import annotations

import pytest

from blender_addon.link.address import Address, InvalidAddress
from blender_addon.link.client import Client

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


def test_token_is_not_shown() -> None:
    assert "secret" not in repr(Address("http://studio", "secret"))
