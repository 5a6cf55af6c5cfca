# SPDX-License-Identifier: GPL-3.0-or-later
"""A small web shop that keeps sessions in a cookie; what it was asked is in `seen`."""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

USER, PASSWORD, SESSION, CSRF = "probe", "hunter2-not-shown", "session-8d1f-not-shown", "csrf-77ab-not-shown"


class Shop(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen: list[tuple[str, str]] = []
        self.bodies: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.orders: dict[int, dict[str, Any]] = {}
        self.polls_until_paid = 2

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Shop

    def do_GET(self) -> None:
        self._note("")
        if self.path == "/login":
            self._answer(200, f'<input name="csrf" value="{CSRF}">', {"Content-Type": "text/html"})
        elif self.path.startswith("/echo"):
            self._answer(200, {"path": self.path, "headers": dict(self.headers), "items": [{"id": 7, "name": "a b/c"}, {"id": 8, "name": "x\r\nX-Evil: 1"}]})
        elif self.path == "/deep":
            self._answer(200, "[" * 100_000)
        elif self.path == "/half":
            self._answer(200, '{"token": "\\ud800 of a character", "name": "\\udfff"}')
        elif self.path == "/home" and self._known():
            self._answer(200, "welcome")
        elif self.path.startswith("/orders/") and self._known():
            self._order(int(self.path.rpartition("/")[2]))
        elif self.path == "/hop":
            self._answer(302, "", {"Location": "/echo?hopped=1"})
        else:
            self._answer(404, {"error": f"nothing here for {PASSWORD}"})

    def do_POST(self) -> None:
        text = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        self._note(text)
        if self.path == "/login":
            form = {key: value[0] for key, value in parse_qs(text).items()}
            good = form == {"user": USER, "password": PASSWORD, "csrf": CSRF}
            headers = {"Location": "/home", "Set-Cookie": f"sid={SESSION}; Path=/; HttpOnly"} if good else {}
            self._answer(303 if good else 403, {"error": f"password {form.get('password')} is wrong"}, headers)
        elif self.path == "/orders" and self._known():
            number = len(self.server.orders) + 41
            self.server.orders[number] = {**json.loads(text), "id": number, "polls": 0}
            self._answer(201, {"order": {"id": number, "state": "new"}}, {"Location": f"/orders/{number}"})
        elif self.path.startswith("/moved?"):
            self._answer(307, "", {"Location": self.path.partition("?")[2]})
        elif self.path == "/echo":
            self._answer(200, {"body": text})
        else:
            self._answer(401, {"error": "who are you?"})

    def do_DELETE(self) -> None:
        self._note("")
        known = self.server.orders.pop(int(self.path.rpartition("/")[2]), None)
        self._answer(204 if known else 404, "")

    def _order(self, number: int) -> None:
        order = self.server.orders[number]
        order["polls"] += 1
        self._answer(200, {**order, "state": "paid" if order["polls"] >= self.server.polls_until_paid else "pending"})

    def _known(self) -> bool:
        return f"sid={SESSION}" in (self.headers.get("Cookie") or "")

    def _note(self, text: str) -> None:
        self.server.seen.append((self.command, self.path))
        self.server.bodies.append(text)
        self.server.headers.append(dict(self.headers))

    def _answer(self, status: int, content: Any, headers: dict[str, str] | None = None) -> None:
        data = (content if isinstance(content, str) else json.dumps(content)).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if status != 204:
            self.wfile.write(data)

    def log_message(self, *_arguments: object) -> None:
        pass


@contextlib.contextmanager
def running() -> Iterator[Shop]:
    server = Shop()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


LOGIN = [
    {"name": "form", "path": "/login", "extract": {"csrf": {"regex": 'name="csrf" value="([^"]+)"'}}},
    {"name": "log in", "path": "/login", "form": {"user": USER, "password": "$(password)", "csrf": "$(csrf)"}, "redirects": 1},
]
ORDER = [
    {
        "name": "order",
        "path": "/orders",
        "body": {"sku": "$(sku)", "count": 2},
        "expect": [{"metric": "status", "value": 201}, {"metric": "json.order.state", "value": "new"}],
        "extract": {"id": {"jmespath": "order.id"}, "place": {"header": "Location"}},
    },
    {
        "name": "wait until it is paid",
        "path": "$(place)",
        "attempts": 20,
        "interval": 0.01,
        "expect": [{"metric": "json.state", "value": "paid"}, {"metric": "jmespath:id", "value": "$(id)"}, {"metric": "json.sku", "value": "A 1"}],
    },
]
CANCEL = [{"name": "cancel", "method": "DELETE", "path": "/orders/$(id)", "expect": [{"metric": "status", "value": 204}]}]


def scenario(url: str, **more: Any) -> dict[str, Any]:
    return {
        "name": "order",
        "type": "scenario",
        "url": url,
        "variables": {"sku": "A 1"},
        "secrets": {"password": PASSWORD},
        "steps": [*LOGIN, *ORDER],
        "cleanup": CANCEL,
        **more,
    }
