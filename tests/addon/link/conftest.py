from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tests.addon.link.scripted_server import ScriptedServer


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.is_over.set()
        server.shutdown()
        thread.join()
