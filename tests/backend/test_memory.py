from __future__ import annotations

import pytest

from splatsmith.errors import OutOfMemory
from splatsmith.memory import check_memory


def test_what_fits_is_let_through() -> None:
    check_memory(1000, "Points", "Ask for fewer.")


def test_what_no_machine_has_is_refused_with_both_figures() -> None:
    with pytest.raises(OutOfMemory, match=r"Points need about 1000000000\.0 GB of .* are free"):
        check_memory(10**18, "Points", "Ask for fewer.")
