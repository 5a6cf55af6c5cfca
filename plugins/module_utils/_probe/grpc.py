# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`grpc`: what a server says of one of its services, or of itself, by the protocol grpc.health.v1."""

from __future__ import annotations

import struct
import time
from typing import Any
from urllib.parse import unquote

from ansible_collections.evenkeel.release.plugins.module_utils._probe import http2
from ansible_collections.evenkeel.release.plugins.module_utils._probe.sample import Sample, Spec, Unavailable, answered
from ansible_collections.evenkeel.release.plugins.module_utils._probe.transport import Deadline, Socket, connect, handshake, milliseconds

EXPECT: list[dict[str, Any]] = [{"metric": "serving", "op": "eq", "value": "SERVING"}]
METRICS = ("connect_ms", "tls_ms", "ttfb_ms", "serving")
STATES = ("UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN")
CODES = (
    *("OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED"),
    *("RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"),
)
OWN_HEADERS = ("content-type", "te", "grpc-timeout", "user-agent")


def faults(spec: Spec) -> list[str]:
    names = [str(name) for name in spec.get("headers") or {}]
    return [
        f"headers has the name {name!r}; allowed: names that neither gRPC nor HTTP/2 uses itself"
        for name in names
        if name.lower() in OWN_HEADERS or not name.isascii() or name.startswith(":")
    ]


def sample(spec: Spec) -> Sample:
    deadline = Deadline(spec["timeout"])
    start = time.perf_counter()
    sock: Socket
    sock, connect_ms = connect(spec, deadline)
    metrics: dict[str, Any] = {"connect_ms": connect_ms}
    try:
        if spec.get("tls"):
            sock, metrics["tls_ms"] = secure = handshake(sock, spec, deadline, alpn="h2")
            if secure[0].selected_alpn_protocol() != "h2":
                raise Unavailable("it does not offer HTTP/2 inside TLS")
        sent = time.perf_counter()
        reply = http2.request(sock, _headers(spec), message(spec.get("service") or ""), deadline)
        metrics["ttfb_ms"] = milliseconds(sent, time.perf_counter())
    finally:
        sock.close()
    metrics["total_ms"] = milliseconds(start, time.perf_counter())
    return answered({**metrics, "serving": _state(reply)})


def message(service: str) -> bytes:
    """HealthCheckRequest{service = 1} in the frame of gRPC: not compressed, and its length."""
    name = service.encode()
    content = b"\x0a" + _varint(len(name)) + name if name else b""
    return struct.pack("!BI", 0, len(content)) + content


def _headers(spec: Spec) -> list[tuple[str, str]]:
    host = spec.get("server_name") or spec["host"]
    return [
        (":method", "POST"),
        (":scheme", "https" if spec.get("tls") else "http"),
        (":path", "/grpc.health.v1.Health/Check"),
        (":authority", f"[{host}]:{spec['port']}" if ":" in host else f"{host}:{spec['port']}"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        ("grpc-timeout", f"{max(1, round(spec['timeout'] * 1000))}m"),
        ("user-agent", "evenkeel-probe"),
        *((str(name).lower(), str(value)) for name, value in (spec.get("headers") or {}).items()),
    ]


def _state(reply: http2.Reply) -> str:
    status = reply.headers.get(":status", "none")
    if status != "200":
        raise Unavailable(f"it answered with the HTTP status {status}")
    code = reply.headers.get("grpc-status", "")
    if code != "0":
        name = CODES[int(code)] if code.isdigit() and int(code) < len(CODES) else f"code {code or 'none'}"
        words = unquote(reply.headers.get("grpc-message", ""))[:200]
        raise Unavailable(f"it answered {name}" + (f": {words}" if words else ""))
    if len(reply.body) < 5 or reply.body[0] != 0 or struct.unpack("!I", reply.body[1:5])[0] != len(reply.body) - 5:
        raise Unavailable("its answer is not a message of gRPC")
    return state_of(reply.body[5:])


def state_of(content: bytes) -> str:
    """HealthCheckResponse{status = 1}; a field that is absent has its first value."""
    number = 0
    at = 0
    while at < len(content):
        key, at = _read_varint(content, at)
        if key & 7 == 0:
            value, at = _read_varint(content, at)
            number = value if key >> 3 == 1 else number
        elif key & 7 == 2:
            size, at = _read_varint(content, at)
            at += size
        else:
            raise Unavailable("its answer is no HealthCheckResponse")
    return STATES[number] if number < len(STATES) else f"state {number}"


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 64, 7):
        if at >= len(data):
            break
        value |= (data[at] & 127) << shift
        at += 1
        if not data[at - 1] & 128:
            return value, at
    raise Unavailable("its answer is no HealthCheckResponse")
