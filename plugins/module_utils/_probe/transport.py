# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections with their steps timed apart: name and TCP connect, TLS handshake."""

from __future__ import annotations

import os
import socket
import ssl
import threading
import time
from typing import Optional, Union

from ansible_collections.evenkeel.release.plugins.module_utils._probe.sample import Spec

Socket = Union[socket.socket, ssl.SSLSocket]

# Handshakes are bound by CPU: more at once than this only inflates what each of them measures.
TLS_PER_CORE = 16
tls_slots = threading.BoundedSemaphore(TLS_PER_CORE * (os.cpu_count() or 1))
_contexts: dict[tuple[bool, str], ssl.SSLContext] = {}
_contexts_lock = threading.Lock()


class Deadline:
    """What is left of one sample's time; every blocking step asks for it."""

    def __init__(self, seconds: float) -> None:
        self._end = time.perf_counter() + seconds

    def left(self) -> float:
        left = self._end - time.perf_counter()
        if left <= 0:
            raise TimeoutError
        return left


def milliseconds(start: float, end: float) -> float:
    return round((end - start) * 1000, 3)


def connect(spec: Spec, deadline: Deadline) -> tuple[socket.socket, float]:
    """A TCP connection and the milliseconds that name resolution and connecting took."""
    start = time.perf_counter()
    sock = socket.create_connection((spec["host"], spec["port"]), timeout=deadline.left())
    took = milliseconds(start, time.perf_counter())
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock, took


def handshake(sock: socket.socket, spec: Spec, deadline: Deadline) -> tuple[ssl.SSLSocket, float]:
    """The TLS connection over `sock` and the milliseconds of its handshake."""
    context = tls_context(spec)
    name = spec.get("server_name") or spec["host"]
    start = time.perf_counter()
    sock.settimeout(deadline.left())
    secure = context.wrap_socket(sock, server_hostname=name)
    return secure, milliseconds(start, time.perf_counter())


def tls_context(spec: Spec) -> ssl.SSLContext:
    """One context per kind of trust: loading the system's certificates takes tens of milliseconds."""
    key = (bool(spec.get("validate_certs", True)), spec.get("ca_path") or "")
    with _contexts_lock:
        if key not in _contexts:
            _contexts[key] = _new_context(validate=key[0], ca_path=key[1] or None)
        return _contexts[key]


def _new_context(*, validate: bool, ca_path: Optional[str]) -> ssl.SSLContext:
    if validate:
        return ssl.create_default_context(cafile=ca_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
