"""An HTTP server whose answers a test gives, to see how a client takes what services rarely do."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from blender_addon.link.address import Address

TIMEOUT = 30.0

Answer = Callable[["Handler"], None]


class ScriptedServer(ThreadingHTTPServer):
    """Gives the next of `answers` to each request, and keeps the requests' headers."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.daemon_threads = True
        self.answers: queue.Queue[Answer] = queue.Queue()
        self.requests: list[dict[str, str]] = []
        self.is_over = threading.Event()

    @property
    def address(self) -> Address:
        return Address(f"http://127.0.0.1:{self.server_port}", "secret")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ScriptedServer

    def do_GET(self) -> None:
        self.server.requests.append(dict(self.headers))
        self.server.answers.get(timeout=TIMEOUT)(self)

    def log_message(self, *_arguments: object) -> None: ...


def chunks(*parts: bytes, ends: bool = False) -> Answer:
    """A chunked event stream, which then ends or falls silent."""

    def answer(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream; charset=utf-8")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for part in parts:
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        if not ends:
            handler.server.is_over.wait(TIMEOUT)
        handler.wfile.write(b"0\r\n\r\n")

    return answer


def unchunked(*parts: bytes) -> Answer:
    """An event stream of a proxy that knows no chunks, which then falls silent."""

    def answer(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Connection", "close")
        handler.end_headers()
        for part in parts:
            handler.wfile.write(part)
        handler.server.is_over.wait(TIMEOUT)
        handler.close_connection = True

    return answer


def page(status: int, content: bytes = b"hi", media_type: str = "text/html") -> Answer:
    """A whole answer; by default a page of another program."""

    def answer(handler: Handler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", media_type)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def dropped(handler: Handler) -> None:
    """No answer: the connection is closed."""
    handler.close_connection = True
