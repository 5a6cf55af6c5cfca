# SPDX-License-Identifier: GPL-3.0-or-later
"""One JSON document each way over a local stream socket, each behind its length."""

from __future__ import annotations

import json
import os
import socket
import struct
from typing import Any

LENGTH = struct.Struct("!I")
MOST = 256 * 1024 * 1024


def send(sock: socket.socket, document: Any) -> None:
    body = json.dumps(document, separators=(",", ":")).encode()
    sock.sendall(LENGTH.pack(len(body)) + body)


def receive(sock: socket.socket) -> Any:
    (length,) = LENGTH.unpack(_exactly(sock, LENGTH.size))
    if length > MOST:
        raise ConnectionError(f"a message of {length} bytes is over the limit of {MOST}")
    return json.loads(_exactly(sock, length))


def _exactly(sock: socket.socket, length: int) -> bytes:
    parts: list[bytes] = []
    while length:
        part = sock.recv(min(length, 1 << 20))
        if not part:
            raise ConnectionError("the other side hung up")
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def same_user(sock: socket.socket) -> bool:
    """Anyone may bind or dial an abstract name, so both sides ask the kernel who the other is."""
    form = struct.Struct("3i")
    _pid, uid, _gid = form.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, form.size))
    return bool(uid == os.getuid())
