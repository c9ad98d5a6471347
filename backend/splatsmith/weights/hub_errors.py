"""What huggingface_hub raises, told as the errors that a user can act on."""

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

GO_ON = "What has arrived is kept: try again, and it goes on."
UNAUTHORIZED, FORBIDDEN, SERVER_FAULTS = 401, 403, 500


@contextmanager
def explained(checkpoint: Checkpoint, endpoint: str, token: str | None) -> Iterator[None]:
    """Raise in place of the library's errors our own; the token itself is in none of them.

    Raises:
        HubRefused: the hub does not have it, or does not hand it out to the owner of `token`.
        HubUnreachable: the hub does not answer, or must not be asked.
    """
    try:
        yield
    except OfflineModeIsEnabled:
        raise HubUnreachable(
            "Downloads are switched off: Blender or HF_HUB_OFFLINE says to stay offline.",
            "Go online, or bring the files from elsewhere: `splatsmith weights import FOLDER`.",
        ) from None
    except HfHubHTTPError as error:
        raise _refusal(checkpoint, endpoint, token is not None, error) from None
    except (httpx2.TransportError, FileMetadataError, LocalEntryNotFoundError) as error:
        raise HubUnreachable(
            f"The hub at {endpoint} does not answer as one ({type(error).__name__}).",
            f"Check the connection and HF_ENDPOINT. {GO_ON}",
        ) from None


def _refusal(
    checkpoint: Checkpoint, endpoint: str, has_token: bool, error: HfHubHTTPError
) -> HubRefused | HubUnreachable:
    status = error.response.status_code
    place = f"{checkpoint.repository} at {endpoint}"
    if status >= SERVER_FAULTS:
        return HubUnreachable(f"The hub answered {status} for {place}.", GO_ON)
    if isinstance(error, (RevisionNotFoundError, RemoteEntryNotFoundError)):
        return HubRefused(
            f"{place} does not have all of {checkpoint.title}.",
            "Its owner may have moved it; a newer Splatsmith may know where.",
        )
    if isinstance(error, GatedRepoError) or checkpoint.gated:
        return _locked(checkpoint, endpoint, has_token)
    if isinstance(error, RepositoryNotFoundError):  # with a 401, as private ones
        return HubRefused(f"There is no {place}.", "Check HF_ENDPOINT, or give a token.")
    if status in (UNAUTHORIZED, FORBIDDEN):
        return _locked(checkpoint, endpoint, has_token)
    return HubRefused(f"The hub answered {status} for {place}.", "Try again later.")


def _locked(checkpoint: Checkpoint, endpoint: str, has_token: bool) -> HubRefused:
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
