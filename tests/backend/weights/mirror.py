"""A model hub on localhost, as huggingface_hub speaks to one: listings, redirects to a store of
large files, ranges, ETags, gates; and the ways in which one can fail.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "1f" * 20
LARGE_FROM = 1_000  # bytes: what the hub keeps in its store of large files
RESOLVE = re.compile(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)")
LISTING = re.compile(r"/api/models/([^/]+/[^/]+)/revision/([^/?]+)(\?.*)?")


@dataclass
class Mirror:
    """What the hub holds, how it behaves, and what it was asked.

    repositories: the content of each file, by its path, by its repository.
    gates: the token that opens a repository.
    cuts: after how many bytes the next answer with a file breaks off, by the file's path.
    announced: other sizes than the true ones, by path.
    altered: other contents than the announced ones, by path.
    asked: method, path and range of each request.
    status: of every answer.
    holds: after how many bytes the answer with a file waits for ever, by the file's path; it says
        so by `reached`, and `released` ends it.
    """

    repositories: dict[str, dict[str, bytes]]
    gates: dict[str, str] = field(default_factory=dict)
    cuts: dict[str, int] = field(default_factory=dict)
    announced: dict[str, int] = field(default_factory=dict)
    altered: dict[str, bytes] = field(default_factory=dict)
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    status: int = 200
    holds: dict[str, int] = field(default_factory=dict)
    reached: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)
    url: str = ""
    store_url: str = ""
    tokens_at_store: list[str] = field(default_factory=list)

    def fetched(self) -> list[str]:
        """The paths of the files whose content was asked for, with the first byte asked for."""
        store = [(path, extent) for method, path, extent in self.asked if method == "GET"]
        return [f"{path} {extent}".strip() for path, extent in store if "/resolve/" in path]


@contextmanager
def running(mirror: Mirror) -> Iterator[Mirror]:
    """Serve `mirror` on a free port until the end."""
    handler = type("Handler", (_Handler,), {"mirror": mirror})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    mirror.url = f"http://127.0.0.1:{server.server_port}"
    mirror.store_url = f"http://localhost:{server.server_port}/store"  # another host, as theirs is
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield mirror
    finally:
        mirror.released.set()
        server.shutdown()
        server.server_close()
        thread.join()


def git_digest(content: bytes) -> str:
    return hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()


def digest(content: bytes) -> str:
    """What the hub names a file by."""
    is_large = len(content) >= LARGE_FROM
    return hashlib.sha256(content).hexdigest() if is_large else git_digest(content)


class _Handler(BaseHTTPRequestHandler):
    mirror: Mirror
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def log_message(self, *_arguments: object) -> None:
        pass

    def _answer(self) -> None:
        mirror = self.mirror
        mirror.asked.append((self.command, self.path, self.headers.get("Range", "")))
        if mirror.status != HTTPStatus.OK:
            self._refuse(mirror.status, "")
        elif found := LISTING.fullmatch(self.path):
            self._list(found[1])
        elif found := RESOLVE.fullmatch(self.path):
            self._resolve(found[1], found[3])
        elif self.path.startswith("/store/"):
            self._send_stored(self.path.removeprefix("/store/"))
        else:
            self._refuse(404, "EntryNotFound")

    def _list(self, repository: str) -> None:
        files = self.mirror.repositories.get(repository)
        if files is None:
            self._refuse(401, "RepoNotFound")
            return
        siblings = [self._sibling(path, content) for path, content in files.items()]
        body = json.dumps({"id": repository, "sha": COMMIT, "siblings": siblings}).encode()
        self._begin(200, {"Content-Length": str(len(body)), "Content-Type": "application/json"})
        self.wfile.write(body)

    def _sibling(self, path: str, content: bytes) -> dict[str, object]:
        size = self.mirror.announced.get(path, len(content))
        sibling: dict[str, object] = {"rfilename": path, "size": size}
        sibling["blobId"] = git_digest(content)
        if len(content) >= LARGE_FROM:
            sibling["lfs"] = {"size": size, "sha256": digest(content), "pointerSize": 134}
        return sibling

    def _resolve(self, repository: str, path: str) -> None:
        token = self.mirror.gates.get(repository)
        if token and self.headers.get("Authorization") != f"Bearer {token}":
            self._refuse(403 if "Authorization" in self.headers else 401, "GatedRepo")
            return
        content = self.mirror.repositories.get(repository, {}).get(path)
        if content is None:
            self._refuse(404, "EntryNotFound")
            return
        headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{git_digest(content)}"'}
        if len(content) < LARGE_FROM:
            self._send(path, content, headers)
            return
        headers["X-Linked-Size"] = str(len(content))
        headers["X-Linked-ETag"] = f'"{digest(content)}"'
        headers["Location"] = f"{self.mirror.store_url}/{repository}/{path}"
        self._begin(302, {**headers, "Content-Length": "0"})

    def _send_stored(self, place: str) -> None:
        if token := self.headers.get("Authorization"):
            self.mirror.tokens_at_store.append(token)
        owner, name, path = place.split("/", 2)
        self._send(path, self.mirror.repositories[f"{owner}/{name}"][path], {})

    def _send(self, path: str, content: bytes, headers: dict[str, str]) -> None:
        content = self.mirror.altered.get(path, content)
        start = int(self.headers.get("Range", "bytes=0-")[6:].split("-")[0])
        rest = content[start:]
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        self._begin(206 if start else 200, {**headers, "Content-Length": str(len(rest))})
        if self.command == "HEAD":
            return
        if (stop := self.mirror.holds.get(path)) is not None:
            self.wfile.write(rest[:stop])
            self.mirror.reached.set()
            self.mirror.released.wait()
            self.close_connection = True
            return
        cut = self.mirror.cuts.pop(path, None)
        self.wfile.write(rest[: cut if cut is None else max(0, cut - start)])
        self.close_connection = cut is not None

    def _refuse(self, status: int, code: str) -> None:
        self._begin(status, {"X-Error-Code": code, "Content-Length": "0"})

    def _begin(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
