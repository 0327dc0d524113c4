"""The loopback HTTP/1.1 server under a simulated partner."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson

MAX_BODY = 16_777_216


@dataclass(frozen=True, slots=True)
class SimRequest:
    """A request as the partner sees it; header names are lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body's JSON.

        Raises:
            ValueError: it is none.
        """
        return orjson.loads(self.body)


@dataclass(frozen=True, slots=True)
class SimResponse:
    """A reply: `body` as bytes, or anything JSON can hold."""

    status: int = 200
    body: Any = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    # How the reply reaches the client: whole, cut half-way, or not at all.
    fate: str = "whole"
    delay: float = 0.0

    def encoded(self) -> tuple[bytes, dict[str, str]]:
        """Return body bytes and headers."""
        headers = dict(self.headers)
        if isinstance(self.body, bytes):
            return self.body, headers
        headers.setdefault("Content-Type", "application/json")
        return orjson.dumps(self.body), headers


Answering = Callable[[SimRequest], SimResponse]


class Server(ThreadingHTTPServer):
    """A thread per connection; keep-alive connections stay open."""

    daemon_threads = True
    request_queue_size = 256
    # A partner that is restarted takes its old port again.
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], answer: Answering) -> None:
        self.answer = answer
        self.open_sockets: set[socket.socket] = set()
        super().__init__(address, Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is nothing to report."""
        del request, client_address

    def stop(self) -> None:
        """Stop serving and cut open connections."""
        self.shutdown()
        for each in list(self.open_sockets):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server_version = "CrossdockSimulator"
    sys_version = ""
    disable_nagle_algorithm = True
    # Headers and body leave in one packet.
    wbufsize = -1
    timeout = 60
    server: Server

    def setup(self) -> None:
        """Remember the socket, so that stopping the server ends the connection."""
        super().setup()
        self.server.open_sockets.add(self.connection)

    def finish(self) -> None:
        """Forget the socket."""
        self.server.open_sockets.discard(self.connection)
        with contextlib.suppress(OSError, ValueError):
            super().finish()

    def log_message(self, format: str, *values: Any) -> None:
        """Say nothing: what happened is in the simulator's state."""
        del format, values

    def serve(self) -> None:
        """Read the request, let the partner answer, and send the reply as its fate says."""
        length = self.headers.get("content-length", "0")
        if not length.isdigit() or int(length) > MAX_BODY or "transfer-encoding" in self.headers:
            self.close_connection = True
            self.reply(SimResponse(411, {"error": {"code": "LENGTH", "message": "Send a sane Content-Length."}}))
            return
        body = self.rfile.read(int(length))
        parts = urlsplit(self.path)
        request = SimRequest(
            self.command,
            parts.path,
            dict(parse_qsl(parts.query, keep_blank_values=True)),
            {name.lower(): value for name, value in self.headers.items()},
            body,
        )
        self.reply(self.server.answer(request))

    def reply(self, response: SimResponse) -> None:
        """Send a reply, half of it, or nothing."""
        if response.delay:
            time.sleep(response.delay)
        if response.fate == "dropped":
            self.hang_up()
            return
        body, headers = response.encoded()
        self.send_response(response.status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if response.fate == "cut":
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            self.hang_up()
            return
        self.wfile.write(body)
        self.wfile.flush()

    def hang_up(self) -> None:
        """Close the connection in the middle."""
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = serve
