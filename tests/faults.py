"""A loopback proxy in front of an S3 server that breaks requests by rule and counts them all."""

from __future__ import annotations

import http.client
import random
import re
import socket
import struct
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

BODY = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{0}</Code><Message>{0}</Message>'
    "<RequestId>0</RequestId></Error>"
)
CODES = {403: "AccessDenied", 500: "InternalError", 503: "SlowDown"}
HOP = ("connection", "content-length", "expect", "transfer-encoding")  # of one connection, not passed on


@dataclass
class Fault:
    """What to do to requests whose operation and path fit: to `times` of them, each with the chance `share`,
    once `after` of them have passed.

    status: answer `status` at once. lost: pass the request on, then close without an answer. hang: say
    nothing for `seconds`. cut_request: close after `size` bytes of the request's body. cut_response: close
    after `size` bytes of the answer's body. slow: the answer's body in pieces of `size` bytes with
    `seconds` between them. meanwhile: call `meanwhile`, then pass the request on.
    """

    kind: str
    operation: str = ".*"
    path: str = ".*"
    times: int = 1
    share: float = 1.0
    status: int = 500
    size: int = 0
    seconds: float = 0.0
    meanwhile: Callable[[], None] = lambda: None
    after: int = 0
    hits: int = 0


@dataclass
class Faulty:
    """The proxy. `faults` may be changed at any time.

    `seen` are the operations and paths so far; `keys` the access keys that signed them.
    """

    target: tuple[str, int]
    faults: list[Fault] = field(default_factory=list)
    seen: list[tuple[str, str]] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    seed: int = 0

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._random = random.Random(self.seed)
        self._stopping = threading.Event()
        self._server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"proxy": self}))
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop listening: from now on connections are refused."""
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()

    def counts(self) -> Counter[str]:
        """How many requests of each operation came in."""
        return Counter(operation for operation, _ in self.seen)

    @property
    def closed(self) -> bool:
        """Whether it has stopped."""
        return self._stopping.is_set()

    def wait(self, seconds: float) -> None:
        """Sleep, but not longer than the proxy lives."""
        self._stopping.wait(seconds)

    def fault(self, operation: str, path: str) -> Fault | None:
        """The fault for this request, which counts as hit."""
        with self._lock:
            self.seen.append((operation, path))
            for fault in self.faults:
                if not re.fullmatch(fault.operation, operation) or not re.fullmatch(fault.path, path):
                    continue
                if fault.after:
                    fault.after -= 1
                elif fault.hits < fault.times and self._random.random() < fault.share:
                    fault.hits += 1
                    return fault
        return None


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *args: object) -> None:
        """Nothing: a client that gave up, or was killed, has closed its end."""


class _Handler(BaseHTTPRequestHandler):
    proxy: Faulty
    protocol_version = "HTTP/1.1"

    def handle_any(self) -> None:
        if self.proxy.closed:
            self._cut()
            return
        if signed := re.search("Credential=(.*?)/", self.headers.get("Authorization", "")):
            self.proxy.keys.add(signed.group(1))
        fault = self.proxy.fault(*_operation(self.command, self.path, self.headers))
        kind = fault.kind if fault else ""
        if fault and kind == "cut_request":
            self._body(fault.size)
            self._cut()
            return
        body = self._body()
        if fault and kind == "status":
            content = BODY.format(CODES[fault.status]).encode()
            self._answer(fault.status, [("Content-Type", "application/xml")], content, len(content))
            return
        if fault and kind == "hang":
            self.proxy.wait(fault.seconds)
            self._cut()
            return
        if fault and kind == "meanwhile":
            fault.meanwhile()
        status, headers, content, length = self._forward(body)
        if kind == "lost":
            self._cut()
        elif fault and kind == "cut_response":
            self._answer(status, headers, content[: fault.size], length)
            self._cut()
        else:
            self._answer(status, headers, content, length, fault if kind == "slow" else None)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_any  # noqa: N815

    def _body(self, most: int = sys.maxsize) -> bytes:
        """The request's body, or about the first `most` bytes of it; the SDK sends it in chunks."""
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(min(most, int(self.headers.get("Content-Length") or 0)))
        parts: list[bytes] = []
        while sum(map(len, parts)) < most:
            size = int(self.rfile.readline(), 16)
            parts.append(self.rfile.read(size))
            self.rfile.readline()
            if not size:
                break
        return b"".join(parts)

    def _forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes, int]:
        connection = http.client.HTTPConnection(*self.proxy.target, timeout=60)
        try:
            headers = {k: v for k, v in self.headers.items() if k.lower() not in HOP}
            connection.request(self.command, self.path, body, headers)
            response = connection.getresponse()
            content = response.read()
            length = int(response.headers.get("Content-Length") or len(content))
            kept = [(k, v) for k, v in response.getheaders() if k.lower() not in HOP]
            return response.status, kept, content, length
        finally:
            connection.close()

    def _answer(
        self,
        status: int,
        headers: list[tuple[str, str]],
        content: bytes,
        length: int,
        slow: Fault | None = None,
    ) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        if self.command == "HEAD":
            return
        step = slow.size if slow else len(content) or 1
        for start in range(0, len(content), step):
            self.wfile.write(content[start : start + step])
            if slow:
                self.wfile.flush()
                time.sleep(slow.seconds)
        self.wfile.flush()

    def _cut(self) -> None:
        """Close with a reset, as a connection breaks that a router has dropped."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def log_message(self, *args: object) -> None:
        return

    def finish(self) -> None:
        try:
            super().finish()
        except (OSError, ValueError):  # the connection was cut on purpose
            return


def _operation(method: str, target: str, headers: http.client.HTTPMessage) -> tuple[str, str]:
    """The S3 operation that a request is, and its path."""
    parts = urlsplit(target)
    query = parse_qs(parts.query, keep_blank_values=True)
    upload = "uploadId" in query
    key = parts.path.strip("/").count("/") > 0
    names = {
        "GET": "List" if "list-type" in query or not key else "Get",
        "HEAD": "Head" if key else "HeadBucket",
        "PUT": "UploadPart" if upload else "Put" if key else "CreateBucket",
        "POST": "Complete" if upload else "Create" if "uploads" in query else "DeleteMany",
        "DELETE": "Abort" if upload else "Delete",
    }
    return names[method], parts.path
