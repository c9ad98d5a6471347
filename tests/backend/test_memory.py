from __future__ import annotations

import pytest

from splatsmith.errors import OutOfMemory
from splatsmith.memory import check_memory


def test_request_within_free_memory_passes() -> None:
    check_memory(1000, "Points", "Ask for fewer.")


def test_request_beyond_free_memory_is_refused_with_both_figures() -> None:
    with pytest.raises(OutOfMemory, match=r"Points need about 1000000000\.0 GB of .* are free"):
        check_memory(10**18, "Points", "Ask for fewer.")
