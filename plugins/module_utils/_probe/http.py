# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`http` and `https`: one request on a fresh connection."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import time
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.module_utils._probe.certificate import days_left
from ansible_collections.evenkeel.release.plugins.module_utils._probe.sample import Sample, Spec, Unavailable, answered
from ansible_collections.evenkeel.release.plugins.module_utils._probe.transport import Deadline, Socket, connect, handshake, milliseconds

EXPECT = [{"metric": "status", "op": "lt", "value": 400}]
METRICS = ("status", "body", "bytes", "connect_ms", "ttfb_ms")
METRICS_TLS = (*METRICS, "tls_ms", "certificate_days_left")
BODY_LIMIT = 1 << 20


class Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes
    ttfb_ms: float  # from the end of sending to the first byte


def sample(spec: Spec) -> Sample:
    metrics, answer = fetch(spec, Deadline(spec["timeout"]), secure=spec["type"] == "https")
    return answered({**metrics, "status": answer.status, "bytes": len(answer.body), "body": answer.body.decode("utf-8", "replace")})


def fetch(spec: Spec, deadline: Deadline, *, secure: bool) -> tuple[dict[str, Any], Answer]:
    """(times of the steps, the answer) of one request on a connection of its own."""
    request = _request_bytes(spec, secure=secure)
    start = time.perf_counter()
    sock: Socket
    sock, connect_ms = connect(spec, deadline)
    metrics: dict[str, Any] = {"connect_ms": connect_ms}
    try:
        if secure:
            sock, metrics["tls_ms"] = handshake(sock, spec, deadline)
        answer = _exchange(sock, request, spec["method"], deadline)
        metrics["total_ms"] = milliseconds(start, time.perf_counter())
        metrics["ttfb_ms"] = answer.ttfb_ms
        if isinstance(sock, ssl.SSLSocket):
            metrics["certificate_days_left"] = days_left(sock, time.time())
    finally:
        sock.close()
    return metrics, answer


def _exchange(sock: socket.socket, request: bytes, method: str, deadline: Deadline) -> Answer:
    """Send the request; the body up to its limit."""
    sock.settimeout(deadline.left())
    sock.sendall(request)
    sent = time.perf_counter()
    response = http.client.HTTPResponse(sock, method=method)
    try:
        if not response.fp.peek(1):
            raise Unavailable("it closed the connection without an answer")
        ttfb = milliseconds(sent, time.perf_counter())
        response.begin()
        body = _read(response, sock, deadline)
    except http.client.HTTPException as exc:
        raise Unavailable(f"its answer is not HTTP ({type(exc).__name__})") from exc
    finally:
        response.close()
    return Answer(response.status, response.headers, body, ttfb)


def _read(response: http.client.HTTPResponse, sock: socket.socket, deadline: Deadline) -> bytes:
    blocks = []
    size = 0
    while size < BODY_LIMIT:
        sock.settimeout(deadline.left())
        block = response.read1(65536)
        if not block:
            break
        blocks.append(block)
        size += len(block)
    return b"".join(blocks)[:BODY_LIMIT]


def _request_bytes(spec: Spec, *, secure: bool) -> bytes:
    body = _body(spec.get("body"))
    default_port = 443 if secure else 80
    name = f"[{spec['host']}]" if ":" in spec["host"] else spec["host"]
    headers = {
        "Host": name if spec["port"] == default_port else f"{name}:{spec['port']}",
        "User-Agent": "evenkeel-probe",
        "Accept": "*/*",
        "Connection": "close",
    }
    if body or spec["method"] in ("POST", "PUT", "PATCH"):
        headers["Content-Length"] = str(len(body))
    if isinstance(spec.get("body"), (dict, list)):
        headers["Content-Type"] = "application/json"
    for key, value in (spec.get("headers") or {}).items():
        headers = {name: old for name, old in headers.items() if name.lower() != str(key).lower()}
        headers[str(key)] = str(value)
    lines = [f"{spec['method']} {spec['path']} HTTP/1.1", *(f"{key}: {value}" for key, value in headers.items())]
    return "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + body


def _body(body: Any) -> bytes:
    if body is None:
        return b""
    return (body if isinstance(body, str) else json.dumps(body)).encode()
