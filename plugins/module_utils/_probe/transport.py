# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections with their steps timed apart: name and TCP connect, TLS handshake."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from typing import Any, Optional, Union

from ansible_collections.evenkeel.release.plugins.module_utils._probe.sample import Spec, Unavailable

Socket = Union[socket.socket, ssl.SSLSocket]

# Handshakes are bound by CPU: more at once than this only inflates what each of them measures.
TLS_PER_CORE = 16
tls_slots = threading.BoundedSemaphore(TLS_PER_CORE * (os.cpu_count() or 1))
_contexts: dict[tuple[bool, str, str], ssl.SSLContext] = {}
_contexts_lock = threading.Lock()


class Deadline:
    """What is left of one sample's time; every blocking step asks for it."""

    def __init__(self, seconds: float) -> None:
        self._end = time.perf_counter() + seconds

    def remaining(self) -> float:
        return self._end - time.perf_counter()

    def left(self) -> float:
        left = self.remaining()
        if left <= 0:
            raise TimeoutError
        return left


def milliseconds(start: float, end: float) -> float:
    return round((end - start) * 1000, 3)


def connect(spec: Spec, deadline: Deadline) -> tuple[socket.socket, float]:
    """A TCP connection and the milliseconds that name resolution and connecting took."""
    start = time.perf_counter()
    sock = socket.create_connection((spec.get("address") or spec["host"], spec["port"]), timeout=deadline.left())
    took = milliseconds(start, time.perf_counter())
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock, took


def addresses_of(spec: Spec) -> list[str]:
    """Every address of the host, each once, in the order of the resolver."""
    found = socket.getaddrinfo(spec["host"], spec["port"], type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def exactly(sock: Socket, size: int, deadline: Deadline) -> bytes:
    """So many bytes; a peer that closes the connection before has given no answer."""
    blocks = []
    while size > 0:
        sock.settimeout(deadline.left())
        block = sock.recv(min(size, 65536))
        if not block:
            raise Unavailable("it closed the connection without an answer")
        blocks.append(block)
        size -= len(block)
    return b"".join(blocks)


def send(sock: Socket, data: bytes, deadline: Deadline) -> None:
    sock.settimeout(deadline.left())
    sock.sendall(data)


@contextlib.contextmanager
def connected(spec: Spec, deadline: Deadline) -> Iterator[tuple[Socket, dict[str, Any]]]:
    """(connection, its times), inside TLS when the probe says `tls`; closed in the end."""
    sock: Socket
    sock, connect_ms = connect(spec, deadline)
    metrics: dict[str, Any] = {"connect_ms": connect_ms}
    try:
        if spec.get("tls"):
            sock, metrics["tls_ms"] = handshake(sock, spec, deadline)
        yield sock, metrics
    finally:
        sock.close()


def handshake(sock: socket.socket, spec: Spec, deadline: Deadline, alpn: str = "") -> tuple[ssl.SSLSocket, float]:
    """The TLS connection over `sock` and the milliseconds of its handshake."""
    context = tls_context(spec, alpn)
    name = spec.get("server_name") or spec["host"]
    start = time.perf_counter()
    sock.settimeout(deadline.left())
    secure = context.wrap_socket(sock, server_hostname=name)
    return secure, milliseconds(start, time.perf_counter())


def tls_context(spec: Spec, alpn: str = "") -> ssl.SSLContext:
    """One context per kind of trust: loading the system's certificates takes tens of milliseconds."""
    key = (bool(spec.get("validate_certs", True)), spec.get("ca_path") or "", alpn)
    with _contexts_lock:
        if key not in _contexts:
            context = _new_context(validate=key[0], ca_path=key[1] or None)
            if alpn:
                context.set_alpn_protocols([alpn])
            _contexts[key] = context
        return _contexts[key]


def _new_context(*, validate: bool, ca_path: Optional[str]) -> ssl.SSLContext:
    if validate:
        return ssl.create_default_context(cafile=ca_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
