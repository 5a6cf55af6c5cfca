# SPDX-License-Identifier: GPL-3.0-or-later
"""A web server that keeps the rules of Range and ETag, or breaks one of them on purpose."""

from __future__ import annotations

import hashlib
import re
import ssl
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Behaviour:
    """`cut` ends each connection after so many bytes of the body, `connections` of them."""

    cut: int = 0
    connections: int = 1
    ranges: bool = True
    etag: bool = True
    weak: bool = False
    statuses: list[int] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    wrong_range: bool = False
    chunked: bool = False
    endless: bool = False
    password: str = ""
    redirect: str = ""
    stall: float = 0.0
    stall_after: int = 10
    forget: bool = False
    any_tag: bool = False
    challenge: str = ""


@dataclass(frozen=True)
class Seen:
    method: str
    path: str
    headers: dict[str, str]
    status: int


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    web: Web

    def handle_error(self, *_arguments):
        """Clients that hang up are what many tests are about."""


class Web:
    """`files` by path, `behaviours` by path; `seen` are the requests."""

    def __init__(self, tls: ssl.SSLContext | None = None):
        self.files: dict[str, bytes] = {}
        self.behaviours: dict[str, Behaviour] = {}
        self.seen: list[Seen] = []
        self.released = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.web = self
        self._scheme = "https" if tls else "http"
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._server.server_port}"

    def put(self, path: str, content: bytes, **behaviour) -> str:
        self.files[path] = content
        self.behaviours[path] = Behaviour(**behaviour)
        return f"{self.url}{path}"

    def requests(self, path: str) -> list[Seen]:
        return [each for each in self.seen if each.path.split("?")[0] == path]

    def stop(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_arguments):
        pass

    def _answer(self, status, headers=None, length=0):
        self.server.web.seen.append(Seen(self.command, self.path, {name.lower(): value for name, value in self.headers.items()}, status))
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def do_GET(self):
        path = self.path.split("?")[0]
        content, how = self.server.web.files.get(path), self.server.web.behaviours.get(path, Behaviour())
        if how.redirect:
            self._answer(302, {"Location": how.redirect})
        elif content is None:
            self._answer(404)
        elif how.password and self.headers.get("Authorization") != how.password:
            self._answer(401, {"WWW-Authenticate": 'Basic realm="test"'})
        elif how.statuses:
            asks = {"WWW-Authenticate": how.challenge} if how.challenge else {}
            self._answer(how.statuses.pop(0), {"Retry-After": "0", **asks})
        else:
            self._send(content, how)

    def _send(self, content, how):
        tag = f'"{hashlib.md5(content).hexdigest()}"'
        headers = {**({"ETag": f"W/{tag}" if how.weak else tag} if how.etag else {}), **how.headers}
        begin = self._begin(content, how, tag)
        if begin is not None and begin >= len(content):
            self._answer(416, {"Content-Range": f"bytes */{len(content)}"})
            return
        if begin is not None:
            told = begin + 1 if how.wrong_range else begin
            headers["Content-Range"] = f"bytes {told}-{len(content) - 1}/{len(content)}"
        body = content[begin or 0 :]
        if how.chunked or how.endless:
            headers["Transfer-Encoding"] = "chunked"
        self._answer(206 if begin is not None else 200, headers, None if how.chunked or how.endless else len(body))
        self._body(body, how)

    def _begin(self, content, how, tag):
        match = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if not match or not how.ranges or (self.headers.get("If-Range") != tag and not how.any_tag) or not content:
            return None
        return int(match[1])

    def _body(self, body, how):
        if how.endless:
            while not self.server.web.released.is_set():
                self.wfile.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
            return
        if how.cut and how.connections > 0:
            how.connections -= 1
            self.wfile.write(body[: how.cut])
            self.wfile.flush()
            self.close_connection = True
            return
        if how.stall:
            self.wfile.write(body[: how.stall_after])
            self.wfile.flush()
            self.server.web.released.wait(how.stall)
            body = body[how.stall_after :]
        if how.chunked:
            self.wfile.write(f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n")
        else:
            self.wfile.write(body)

    def do_PUT(self):
        content = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("If-None-Match") == "*" and self.path in self.server.web.files:
            self._answer(412)
            return
        how = self.server.web.behaviours.get(self.path, Behaviour())
        if how.password and self.headers.get("Authorization") != how.password:
            self._answer(401)
            return
        if not how.forget:
            self.server.web.files[self.path] = content
        self._answer(201)
