# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`postgresql`: the wire protocol, no driver needed.

Without a password: how the server answers a start-up message (as pg_isready does).
With one: authentication (SCRAM-SHA-256, MD5 or clear text inside TLS) and `select 1`.
"""

from __future__ import annotations

import hashlib
import socket
import struct
import time
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._probe.sample import Sample, Spec, Unavailable, Unknown, answered
from ansible_collections.evenkeel.release.plugins.module_utils._probe.scram import ScramClient, ScramError
from ansible_collections.evenkeel.release.plugins.module_utils._probe.transport import Deadline, Socket, connect, handshake, milliseconds

EXPECT: list[dict[str, Any]] = []
METRICS = ("connect_ms", "tls_ms", "ttfb_ms", "depth")
PROTOCOL = 196608  # 3.0
SSL_REQUEST = 80877103
MESSAGE_LIMIT = 1 << 16


class ServerError(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{message} (SQLSTATE {code})")
        self.code = code


class Wire:
    def __init__(self, sock: Socket, deadline: Deadline) -> None:
        self._sock = sock
        self._deadline = deadline

    def send(self, kind: bytes, payload: bytes) -> None:
        self._sock.settimeout(self._deadline.left())
        self._sock.sendall(kind + struct.pack("!I", len(payload) + 4) + payload)

    def receive(self) -> tuple[bytes, bytes]:
        """The next message that is not a notice; an ErrorResponse is raised."""
        while True:
            head = self._exactly(5)
            size = struct.unpack("!I", head[1:])[0] - 4
            if not 0 <= size <= MESSAGE_LIMIT:
                raise Unavailable("its answer is not the PostgreSQL protocol")
            body = self._exactly(size)
            if head[:1] == b"E":
                fields = {part[:1]: part[1:].decode("utf-8", "replace") for part in body.split(b"\0") if part}
                raise ServerError(fields.get(b"C", "?????"), fields.get(b"M", "no message"))
            if head[:1] != b"N":
                return head[:1], body

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            self._sock.settimeout(self._deadline.left())
            block = self._sock.recv(size - len(data))
            if not block:
                raise Unavailable("it closed the connection without an answer")
            data += block
        return data


def fill(spec: Spec) -> dict[str, Any]:
    return {"database": spec.get("database") or spec["user"]}


def sample(spec: Spec) -> Sample:
    deadline = Deadline(spec["timeout"])
    start = time.perf_counter()
    sock: Socket
    sock, connect_ms = connect(spec, deadline)
    metrics: dict[str, Any] = {"connect_ms": connect_ms}
    try:
        if spec["sslmode"] != "disable":
            sock = _upgrade(sock, spec, deadline, metrics)
        wire = Wire(sock, deadline)
        sent = time.perf_counter()
        wire.send(b"", _startup(spec))
        metrics.update(_converse(wire, spec, sent))
        metrics["total_ms"] = milliseconds(start, time.perf_counter())
    except ServerError as exc:
        raise Unavailable(f"the server answered: {exc}") from exc
    finally:
        sock.close()
    return answered(metrics)


def _upgrade(sock: socket.socket, spec: Spec, deadline: Deadline, metrics: dict[str, Any]) -> Socket:
    sock.settimeout(deadline.left())
    sock.sendall(struct.pack("!II", 8, SSL_REQUEST))
    answer = sock.recv(1)
    if answer == b"S":
        secure, metrics["tls_ms"] = handshake(sock, spec, deadline)
        return secure
    if spec["sslmode"] == "require":
        raise Unavailable("it does not offer TLS")
    return sock


def _startup(spec: Spec) -> bytes:
    values = ["user", spec["user"], "database", spec["database"], "application_name", "evenkeel-probe"]
    return struct.pack("!I", PROTOCOL) + b"".join(value.encode() + b"\0" for value in values) + b"\0"


def _converse(wire: Wire, spec: Spec, sent: float) -> dict[str, Any]:
    """Go as deep as the given credentials allow; `depth` says how deep that was."""
    password = spec.get("password")
    try:
        kind, body = wire.receive()
    except ServerError as exc:
        # Class 28 is the server's own refusal of this user: it is up and accepts connections, as pg_isready sees it.
        if exc.code.startswith("28") and not password:
            return {"ttfb_ms": milliseconds(sent, time.perf_counter()), "depth": "startup"}
        raise
    first = {"ttfb_ms": milliseconds(sent, time.perf_counter())}
    if kind != b"R" or len(body) < 4:
        raise Unavailable("its answer is not the PostgreSQL protocol")
    if struct.unpack("!I", body[:4])[0] != 0:
        if not password:
            return {**first, "depth": "startup"}
        _authenticate(wire, spec["user"], password, body)
    _await(wire, b"Z")
    wire.send(b"Q", b"select 1\0")
    _await(wire, b"D")
    _await(wire, b"Z")
    wire.send(b"X", b"")
    return {**first, "depth": "query"}


def _authenticate(wire: Wire, user: str, password: str, body: bytes) -> None:
    method = struct.unpack("!I", body[:4])[0]
    if method == 3:
        if not hasattr(wire._sock, "cipher"):
            raise Unknown("the server asks for the password in clear text without TLS, so it was not sent")
        wire.send(b"p", password.encode() + b"\0")
    elif method == 5:
        inner = hashlib.md5((password + user).encode(), usedforsecurity=False).hexdigest()
        wire.send(b"p", b"md5" + hashlib.md5(inner.encode() + body[4:8], usedforsecurity=False).hexdigest().encode() + b"\0")
    elif method == 10 and b"SCRAM-SHA-256" in body[4:].split(b"\0"):
        _scram(wire, password)
    else:
        raise Unknown(f"the server asks for authentication method {method}, which the probe does not speak")
    kind, answer = wire.receive()
    if kind != b"R" or answer[:4] != b"\0\0\0\0":
        raise Unavailable("authentication did not end as the protocol says")


def _scram(wire: Wire, password: str) -> None:
    client = ScramClient(password)
    first = client.first()
    wire.send(b"p", b"SCRAM-SHA-256\0" + struct.pack("!I", len(first)) + first)
    try:
        wire.send(b"p", client.final(_sasl(wire, 11)))
        client.verify(_sasl(wire, 12))
    except ScramError as exc:
        raise Unavailable(str(exc)) from exc


def _sasl(wire: Wire, expected: int) -> bytes:
    kind, body = wire.receive()
    if kind != b"R" or struct.unpack("!I", body[:4])[0] != expected:
        raise Unavailable("authentication did not go on as the protocol says")
    return body[4:]


def _await(wire: Wire, wanted: bytes) -> None:
    while wire.receive()[0] != wanted:
        pass
