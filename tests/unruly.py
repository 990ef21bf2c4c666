"""A registry that answers some requests in a way of its own, in front of one that works."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import MSG_PEEK
from threading import Thread
from typing import NamedTuple

LOOKUP = "GET|HEAD"
UPLOAD = "POST|PUT|PATCH"
_OF_A_CONNECTION = ("connection", "content-length", "transfer-encoding", "host", "date", "server")


class Request(NamedTuple):
    """What an engine asked for."""

    method: str
    path: str
    headers: Mapping[str, str]

    @property
    def is_of_a_tag(self) -> bool:
        return re.search("/manifests/(?!sha256:)", self.path) is not None


class Reply(NamedTuple):
    """What it is told."""

    status: int
    body: bytes = b""
    type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


def error(status: int, code: str, message: str = "") -> Reply:
    """An error in the words of the distribution specification."""
    errors = [{"code": code, "message": message, "detail": None}]
    return Reply(status, json.dumps({"errors": errors}).encode())


def page(status: int, text: str) -> Reply:
    """What a proxy or a captive portal says in the registry's place."""
    return Reply(status, f"<html><body>{text}</body></html>".encode(), "text/html")


# Gives a reply in place of the registry's, or None for that one itself, which it may call for.
Temper = Callable[[Request, Callable[[], Reply]], Reply | None]


class Unruly:
    """A proxy; its ways can be changed while it runs.

    Attributes:
        address: ``127.0.0.1:PORT``.
        requests: what was asked, in its order.
    """

    def __init__(self, behind: str) -> None:
        self.behind = behind
        self.requests: list[Request] = []
        self.temper: Temper = lambda request, reply: None
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def says(self, methods: str, path: str, reply: Reply) -> None:
        """Answer requests of some methods whose path matches; all others go through."""

        def temper(request: Request, _: Callable[[], Reply]) -> Reply | None:
            fits = re.fullmatch(methods, request.method) and re.search(path, request.path)
            return reply if fits else None

        self.temper = temper

    def pushes(self) -> list[str]:
        """The tags that manifests were put under."""
        return [
            request.path.rpartition("/")[2]
            for request in self.requests
            if request.method == "PUT" and request.is_of_a_tag
        ]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        unruly = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle(self) -> None:
                # An engine may have gone in between.
                with suppress(ConnectionError):
                    if self.connection.recv(1, MSG_PEEK) == b"\x16":
                        # TLS: by this answer an engine knows that there is none here.
                        self.wfile.write(b"HTTP/1.0 400 Bad Request\r\n\r\n")
                    else:
                        super().handle()

            def answer(self) -> None:
                body = self._body()
                headers = {name: ", ".join(self.headers.get_all(name, [])) for name in self.headers}
                request = Request(self.command, self.path, headers)
                unruly.requests.append(request)

                def forward() -> Reply:
                    return unruly.forward(request, body)

                self._send(unruly.temper(request, forward) or forward())

            def _body(self) -> bytes:
                if "chunked" not in self.headers.get("Transfer-Encoding", ""):
                    return self.rfile.read(int(self.headers.get("Content-Length") or 0))
                pieces = []
                while size := int(self.rfile.readline(), 16):
                    pieces.append(self.rfile.read(size))
                    self.rfile.readline()
                self.rfile.readline()
                return b"".join(pieces)

            def _send(self, reply: Reply) -> None:
                self.send_response(reply.status)
                for name, value in reply.headers:
                    self.send_header(name, value)
                self.send_header("Content-Type", reply.type)
                length = dict(reply.headers).get("X-Length") or str(len(reply.body))
                self.send_header("Content-Length", length)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(reply.body)

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        for method in ("GET", "HEAD", "PUT", "POST", "PATCH", "DELETE"):
            setattr(Handler, f"do_{method}", Handler.answer)
        return Handler

    def forward(self, request: Request, body: bytes = b"") -> Reply:
        """What the registry behind it says."""
        connection = HTTPConnection(self.behind, timeout=30)
        try:
            # Under the name by which it was asked: the registry makes its own links of that.
            headers = {
                name: value
                for name, value in request.headers.items()
                if name.lower() not in _OF_A_CONNECTION
            }
            headers |= {"Host": self.address, "Content-Length": str(len(body))}
            connection.request(request.method, request.path, body, headers)
            answer = connection.getresponse()
            kept = [
                (name, value)
                for name, value in answer.getheaders()
                if name.lower() not in (*_OF_A_CONNECTION, "content-type")
            ]
            if request.method == "HEAD":
                kept.append(("X-Length", answer.getheader("Content-Length") or "0"))
            kind = answer.getheader("Content-Type") or "text/plain"
            return Reply(answer.status, answer.read(), kind, tuple(kept))
        finally:
            connection.close()


@contextmanager
def unruly(behind: str) -> Iterator[Unruly]:
    """One in front of a registry's address, while a context lasts."""
    made = Unruly(behind)
    try:
        yield made
    finally:
        made.close()


@contextmanager
def narrow_engine(engine: str, path: Path, reply: Reply) -> Iterator[str]:
    """An engine's socket through which nobody can look into a registry; its URL.

    Args:
        engine: the path of the engine's own socket.
        reply: what it says to ``GET /distribution/NAME/json``.
    """

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind, there = await asyncio.open_unix_connection(engine)

        async def pass_on(source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
            with suppress(ConnectionError):
                while data := await source.read(1 << 16):
                    if source is reader and re.match(rb"GET \S*/distribution/", data):
                        head = f"HTTP/1.1 {reply.status} x\r\nContent-Type: {reply.type}\r\n"
                        head += f"Content-Length: {len(reply.body)}\r\n\r\n"
                        writer.write(head.encode() + reply.body)
                    else:
                        to.write(data)
                        await to.drain()
            to.close()

        await asyncio.gather(pass_on(reader, there), pass_on(behind, writer))

    async def start() -> None:
        await asyncio.start_unix_server(serve, path)

    loop = asyncio.new_event_loop()
    loop.run_until_complete(start())
    thread = Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield f"unix://{path}"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
