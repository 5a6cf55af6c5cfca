# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One request over HTTP/2 (RFC 9113): prior knowledge in clear text, or what ALPN agreed on in TLS."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import NamedTuple

from ansible_collections.evenkeel.release.plugins.module_utils._probe.hpack import Decoder, Header, HpackError, encode
from ansible_collections.evenkeel.release.plugins.module_utils._probe.sample import Unavailable
from ansible_collections.evenkeel.release.plugins.module_utils._probe.transport import Deadline, Socket, exactly, send

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM, ACK, END_HEADERS, PADDED, PRIORITY = 1, 1, 4, 8, 0x20
STREAM = 1
FRAME_LIMIT = 16384  # the largest that a peer may send unless we allow more
BODY_LIMIT = 1 << 16  # and so nobody needs more room than the first window has
ERRORS = (
    *("NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED", "FRAME_SIZE_ERROR"),
    *("REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM", "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED"),
)


class Reply(NamedTuple):
    headers: dict[str, str]  # trailers among them
    body: bytes


class Frame(NamedTuple):
    kind: int
    flags: int
    stream: int
    payload: bytes


def request(sock: Socket, headers: Iterable[Header], body: bytes, deadline: Deadline) -> Reply:
    """Sends it on stream 1 and takes what comes until the peer ends that stream."""
    opening = PREFACE + frame(SETTINGS, 0, 0, struct.pack("!HI", 2, 0))  # no server push
    block = encode(headers)
    send(sock, opening + frame(HEADERS, END_HEADERS, STREAM, block) + frame(DATA, END_STREAM, STREAM, body), deadline)
    return _Conversation(sock, deadline).reply()


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack("!I", len(payload))[1:] + bytes([kind, flags]) + struct.pack("!I", stream) + payload


class _Conversation:
    def __init__(self, sock: Socket, deadline: Deadline) -> None:
        self._sock = sock
        self._deadline = deadline
        self._decoder = Decoder()
        self._headers: dict[str, str] = {}
        self._body = b""
        self._ended = False

    def reply(self) -> Reply:
        first = self._next(first=True)
        if first.kind != SETTINGS:
            raise Unavailable("its answer is not HTTP/2")
        self._take(first)
        while not self._ended:
            self._take(self._next())
        return Reply(self._headers, self._body)

    def _next(self, *, first: bool = False) -> Frame:
        head = exactly(self._sock, 9, self._deadline)
        size = int.from_bytes(head[:3], "big")
        if size > FRAME_LIMIT or (first and head[:4] == b"HTTP"):
            raise Unavailable("its answer is not HTTP/2" if first else "it sent a frame that is larger than allowed")
        return Frame(head[3], head[4], int.from_bytes(head[5:], "big") & 0x7FFFFFFF, exactly(self._sock, size, self._deadline))

    def _take(self, got: Frame) -> None:
        if got.kind == SETTINGS and not got.flags & ACK:
            send(self._sock, frame(SETTINGS, ACK, 0), self._deadline)
        elif got.kind == PING and not got.flags & ACK:
            send(self._sock, frame(PING, ACK, 0, got.payload), self._deadline)
        elif got.kind == GOAWAY and int.from_bytes(got.payload[:4], "big") & 0x7FFFFFFF < STREAM:
            raise Unavailable(f"it closed the connection ({_error(got.payload[4:8])})")
        elif got.stream == STREAM and got.kind == RST_STREAM:
            raise Unavailable(f"it refused the request ({_error(got.payload)})")
        elif got.kind == HEADERS:
            self._take_headers(got)
        elif got.stream == STREAM and got.kind == DATA:
            self._body += _unpadded(got)
            if len(self._body) > BODY_LIMIT:
                raise Unavailable("its answer is longer than a health check's")
            self._ended = bool(got.flags & END_STREAM)

    def _take_headers(self, got: Frame) -> None:
        block = _unpadded(got)
        if got.flags & PRIORITY:
            block = block[5:]
        ended = got.flags & END_HEADERS
        while not ended:
            more = self._next()
            if more.kind != CONTINUATION or len(block) > BODY_LIMIT:
                raise Unavailable("its headers don't end as HTTP/2 says")
            block += more.payload
            ended = more.flags & END_HEADERS
        try:
            headers = self._decoder.decode(block)
        except HpackError as exc:
            raise Unavailable(f"its headers are not readable: {exc}") from exc
        if got.stream == STREAM:
            self._headers.update(headers)
            self._ended = bool(got.flags & END_STREAM)


def _unpadded(got: Frame) -> bytes:
    if not got.flags & PADDED:
        return got.payload
    if not got.payload or got.payload[0] >= len(got.payload):
        raise Unavailable("it sent a frame with more padding than content")
    return got.payload[1 : len(got.payload) - got.payload[0]]


def _error(code: bytes) -> str:
    number = int.from_bytes(code[:4], "big")
    return ERRORS[number] if number < len(ERRORS) else f"error {number}"
