# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`redis`: PING, and what INFO tells of replication (RESP 2, which every version speaks)."""

from __future__ import annotations

import time
from typing import Any, Optional, Union

from ansible_collections.evenkeel.release.plugins.module_utils._probe.sample import Sample, Spec, Unavailable, answered
from ansible_collections.evenkeel.release.plugins.module_utils._probe.transport import Deadline, Socket, connected, milliseconds, send

EXPECT: list[dict[str, Any]] = []
METRICS = ("connect_ms", "tls_ms", "ttfb_ms", "depth", "role", "link", "replicas", "lag_seconds", "lag_bytes")
FAMILIES = ("info.",)
REPLY_LIMIT = 1 << 20

Value = Union[str, int, None]


class Refused(Exception):
    """An error of the server; its first word says which."""


class Wire:
    def __init__(self, sock: Socket, deadline: Deadline) -> None:
        self._sock = sock
        self._deadline = deadline
        self._rest = b""

    def ask(self, *words: str) -> Value:
        parts = [word.encode() for word in words]
        send(self._sock, b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts), self._deadline)
        return self._reply()

    def _reply(self) -> Value:
        line = self._line()
        kind, text = line[:1], line[1:].decode("utf-8", "replace")
        if kind == b"+":
            return text
        if kind == b"-":
            raise Refused(text[:200])
        try:
            number = int(text)
        except ValueError:
            number = -2
        if kind == b":" and number != -2:
            return number
        if kind == b"$" and -1 <= number <= REPLY_LIMIT:
            return None if number == -1 else self._exactly(number + 2)[:-2].decode("utf-8", "replace")
        raise Unavailable("its answer is not the Redis protocol")

    def _line(self) -> bytes:
        while b"\r\n" not in self._rest:
            if len(self._rest) > 65536:
                raise Unavailable("its answer is not the Redis protocol")
            self._more()
        line, _end, self._rest = self._rest.partition(b"\r\n")
        return line

    def _exactly(self, size: int) -> bytes:
        while len(self._rest) < size:
            self._more()
        data, self._rest = self._rest[:size], self._rest[size:]
        return data

    def _more(self) -> None:
        self._sock.settimeout(self._deadline.left())
        block = self._sock.recv(65536)
        if not block:
            raise Unavailable("it closed the connection without an answer")
        self._rest += block


def sample(spec: Spec) -> Sample:
    deadline = Deadline(spec["timeout"])
    start = time.perf_counter()
    with connected(spec, deadline) as (sock, metrics):
        wire = Wire(sock, deadline)
        sent = time.perf_counter()
        try:
            metrics.update(_converse(wire, spec, sent))
        except Refused as exc:
            raise Unavailable(f"the server answered: {exc}") from exc
    metrics["total_ms"] = milliseconds(start, time.perf_counter())
    return answered(metrics)


def _converse(wire: Wire, spec: Spec, sent: float) -> dict[str, Any]:
    if spec.get("password"):
        wire.ask("AUTH", *([spec["user"]] if spec.get("user") else []), spec["password"])
    try:
        pong = wire.ask("PING")
    except Refused as exc:
        # It is up and wants a login, which nobody gave: no more can be told.
        if str(exc).startswith("NOAUTH") and not spec.get("password"):
            return {"ttfb_ms": milliseconds(sent, time.perf_counter()), "depth": "startup"}
        raise
    if pong != "PONG":
        raise Unavailable("its answer to PING is not PONG")
    first = {"ttfb_ms": milliseconds(sent, time.perf_counter()), "depth": "query"}
    try:
        text = wire.ask("INFO")
    except Refused:  # an account that may only PING
        return first
    info = parse_info(str(text or ""))
    return {**first, **replication(info), **{f"info.{name}": value for name, value in info.items()}}


def parse_info(text: str) -> dict[str, str]:
    pairs = (line.partition(":") for line in text.splitlines() if ":" in line and not line.startswith("#"))
    return {name.strip(): value.strip() for name, _colon, value in pairs}


def replication(info: dict[str, str]) -> dict[str, Any]:
    """A primary tells how far its replicas are behind, in bytes and in seconds since they last told; a replica only the latter of itself."""
    found: dict[str, Any] = {}
    if "role" in info:
        found["role"] = {"master": "primary", "slave": "replica"}.get(info["role"], info["role"])
    if found.get("role") == "replica":
        found["link"] = info.get("master_link_status", "unknown")
        seconds = _whole(info.get("master_last_io_seconds_ago"))
        if seconds is not None and seconds >= 0:
            found["lag_seconds"] = seconds
    elif found.get("role") == "primary":
        replicas = [dict(part.partition("=")[::2] for part in value.split(",")) for name, value in info.items() if name[:5] == "slave" and name[5:].isdigit()]
        online = [one for one in replicas if one.get("state") == "online"]
        found["replicas"] = len(online)
        offset = _whole(info.get("master_repl_offset"))
        behind = [offset - place for one in online for place in [_whole(one.get("offset"))] if place is not None and offset is not None]
        silent = [lag for one in online for lag in [_whole(one.get("lag"))] if lag is not None]
        if behind:
            found["lag_bytes"] = max(behind)
        if silent:
            found["lag_seconds"] = max(silent)
    return found


def _whole(text: Optional[str]) -> Optional[int]:
    try:
        return int(text) if text is not None else None
    except ValueError:
        return None
