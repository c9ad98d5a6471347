"""Errors of huggingface_hub, translated to ours, which have a remedy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
from huggingface_hub.errors import (
    FileMetadataError,
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from ..contract.cards import Checkpoint
from ..errors import HubRefused, HubUnreachable

RETRY_HINT = "What has arrived is kept: try again, and it goes on."
UNAUTHORIZED, FORBIDDEN, SERVER_ERRORS = 401, 403, 500


@contextmanager
def translate_hub_errors(
    checkpoint: Checkpoint, endpoint: str, token: str | None
) -> Iterator[None]:
    """Replace the library's errors by ours. The token never appears in them.

    Raises:
        HubRefused: the repository or file does not exist, or `token` gives no access.
        HubUnreachable: the hub does not answer, offline mode is on, or a proxy is none.
    """
    try:
        yield
    except OfflineModeIsEnabled:
        raise HubUnreachable(
            "Downloads are switched off: Blender or HF_HUB_OFFLINE says to stay offline.",
            "Go online, or bring the files from elsewhere: `splatsmith weights import FOLDER`.",
        ) from None
    except (ImportError, ValueError, httpx2.InvalidURL) as error:
        if not isinstance(error, httpx2.InvalidURL) and "proxy" not in str(error).lower():
            raise
        raise HubUnreachable(
            f"The proxy of the system's settings, or {endpoint}, cannot be used: {error}",
            "Only HTTP proxies are known: set HTTPS_PROXY to one, such as http://proxy:3128, and "
            "remove ALL_PROXY.",
        ) from None
    except HfHubHTTPError as error:
        raise _refusal(checkpoint, endpoint, token is not None, error) from None
    except (httpx2.TransportError, FileMetadataError, LocalEntryNotFoundError) as error:
        raise HubUnreachable(
            f"The hub at {endpoint} does not answer as one ({type(error).__name__}).",
            f"Check the connection and HF_ENDPOINT. {RETRY_HINT}",
        ) from None


def _refusal(
    checkpoint: Checkpoint, endpoint: str, has_token: bool, error: HfHubHTTPError
) -> HubRefused | HubUnreachable:
    status = error.response.status_code
    place = f"{checkpoint.repository} at {endpoint}"
    if status >= SERVER_ERRORS:
        return HubUnreachable(f"The hub answered {status} for {place}.", RETRY_HINT)
    if isinstance(error, (RevisionNotFoundError, RemoteEntryNotFoundError)):
        return HubRefused(
            f"{place} does not have all of {checkpoint.title}.",
            "Its owner may have moved it; a newer Splatsmith may know where.",
        )
    if isinstance(error, GatedRepoError) or checkpoint.gated:
        return _access_refusal(checkpoint, endpoint, has_token)
    if isinstance(error, RepositoryNotFoundError):  # with a 401, as private ones
        return HubRefused(f"There is no {place}.", "Check HF_ENDPOINT, or give a token.")
    if status in (UNAUTHORIZED, FORBIDDEN):
        return _access_refusal(checkpoint, endpoint, has_token)
    return HubRefused(f"The hub answered {status} for {place}.", "Try again later.")


def _access_refusal(checkpoint: Checkpoint, endpoint: str, has_token: bool) -> HubRefused:
    page = f"{endpoint}/{checkpoint.repository}"
    if has_token:
        return HubRefused(
            f"The hub does not hand out {checkpoint.title} to the owner of the token.",
            f"Ask for access at {page}, and check the token.",
        )
    return HubRefused(
        f"{checkpoint.title} is handed out only to users with access, and there is no token.",
        f"Ask for access at {page}, and give your token in the add-on's preferences or in"
        " HF_TOKEN.",
    )
