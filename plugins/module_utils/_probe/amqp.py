# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`amqp`: AMQP 0-9-1 as RabbitMQ speaks it.

Without a password: whether the broker greets. With one: a login, and a look at a queue that changes nothing.
"""

from __future__ import annotations

import struct
import time
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.module_utils._probe.sample import Sample, Spec, Unavailable, Unknown, answered
from ansible_collections.evenkeel.release.plugins.module_utils._probe.transport import Deadline, Socket, connected, exactly, milliseconds, send

EXPECT: list[dict[str, Any]] = []
METRICS = ("connect_ms", "tls_ms", "ttfb_ms", "depth", "messages", "consumers", "server_version")
HEADER = b"AMQP\0\0\x09\x01"
METHOD, HEARTBEAT, END = 1, 8, 0xCE
START, START_OK, TUNE, TUNE_OK, OPEN, OPEN_OK, CLOSE, CLOSE_OK = ((10, number) for number in (10, 11, 30, 31, 40, 41, 50, 51))
BLOCKED, UNBLOCKED = (10, 60), (10, 61)
CHANNEL_OPEN, CHANNEL_OPEN_OK, CHANNEL_CLOSE = (20, 10), (20, 11), (20, 40)
DECLARE, DECLARE_OK = (50, 10), (50, 11)
FRAME_LIMIT = 1 << 17
PASSIVE = 1


class Method(NamedTuple):
    name: tuple[int, int]
    arguments: bytes


class Wire:
    def __init__(self, sock: Socket, deadline: Deadline) -> None:
        self._sock = sock
        self._deadline = deadline

    def greet(self) -> None:
        send(self._sock, HEADER, self._deadline)

    def send(self, channel: int, name: tuple[int, int], arguments: bytes = b"") -> None:
        payload = struct.pack("!HH", *name) + arguments
        send(self._sock, struct.pack("!BHI", METHOD, channel, len(payload)) + payload + bytes([END]), self._deadline)

    def receive(self, wanted: tuple[int, int]) -> bytes:
        """The arguments of the method that is due; a broker that closes the connection or channel instead says why."""
        while True:
            head = exactly(self._sock, 7, self._deadline)
            kind, _channel, size = struct.unpack("!BHI", head)
            if head[:4] == b"AMQP" or size > FRAME_LIMIT:
                raise Unavailable("it does not speak AMQP 0-9-1")
            payload = exactly(self._sock, size + 1, self._deadline)
            if payload[-1] != END or (kind == METHOD and size < 4):
                raise Unavailable("it does not speak AMQP 0-9-1")
            if kind != METHOD:
                continue
            got = Method(struct.unpack("!HH", payload[:4]), payload[4:-1])
            if got.name == wanted:
                return got.arguments
            if got.name in (CLOSE, CHANNEL_CLOSE):
                code = struct.unpack("!H", got.arguments[:2])[0]
                raise Unavailable(f"the broker answered: {_short(got.arguments, 2)[:200]} (code {code})")
            if got.name not in (BLOCKED, UNBLOCKED):
                raise Unavailable("its answer does not go on as AMQP says")


def faults(spec: Spec) -> list[str]:
    found = ["password stands without user; allowed: both, or none"] if spec.get("password") and not spec.get("user") else []
    if spec.get("queue") and not spec.get("password"):
        found.append("queue stands without password; allowed: only after a login")
    return found + [f"{key} is longer than 255 bytes; allowed: no more" for key in ("queue", "vhost") if len(str(spec.get(key) or "").encode()) > 255]


def fill(spec: Spec) -> dict[str, Any]:
    return {"port": spec.get("port") or (5671 if spec.get("tls") else 5672)}


def sample(spec: Spec) -> Sample:
    deadline = Deadline(spec["timeout"])
    start = time.perf_counter()
    with connected(spec, deadline) as (sock, metrics):
        wire = Wire(sock, deadline)
        sent = time.perf_counter()
        wire.greet()
        greeting = wire.receive(START)
        metrics["ttfb_ms"] = milliseconds(sent, time.perf_counter())
        metrics.update({key: value for key, value in {"server_version": _version(greeting)}.items() if value})
        metrics["depth"] = "startup"
        if spec.get("password"):
            _login(wire, greeting, spec)
            metrics["depth"] = "query"
            if spec.get("queue"):
                metrics["messages"], metrics["consumers"] = _look(wire, spec["queue"])
            wire.send(0, CLOSE, struct.pack("!H", 200) + _shortly("") + struct.pack("!HH", 0, 0))
            wire.receive(CLOSE_OK)
    metrics["total_ms"] = milliseconds(start, time.perf_counter())
    return answered(metrics)


def _login(wire: Wire, greeting: bytes, spec: Spec) -> None:
    at = 2 + 4 + struct.unpack("!I", greeting[2:6])[0]
    mechanisms = _long(greeting, at)
    if b"PLAIN" not in mechanisms.split():
        raise Unknown(f"the broker offers the logins {mechanisms.decode('ascii', 'replace')}, of which the probe speaks none")
    # With this the broker says that a login was refused, instead of hanging up.
    capabilities = _field("authentication_failure_close", b"t\1")
    properties = _field("product", b"S" + _longly(b"evenkeel-probe")) + _field("capabilities", b"F" + _longly(capabilities))
    secret = f"\0{spec['user']}\0{spec['password']}".encode()
    wire.send(0, START_OK, _longly(properties) + _shortly("PLAIN") + _longly(secret) + _shortly("en_US"))
    channels, size, _beat = struct.unpack("!HIH", wire.receive(TUNE)[:8])
    wire.send(0, TUNE_OK, struct.pack("!HIH", channels, size, 0))
    wire.send(0, OPEN, _shortly(spec["vhost"]) + _shortly("") + b"\0")
    wire.receive(OPEN_OK)


def _look(wire: Wire, queue: str) -> tuple[int, int]:
    """(messages that are ready, consumers); a passive declaration makes nothing."""
    wire.send(1, CHANNEL_OPEN, _shortly(""))
    wire.receive(CHANNEL_OPEN_OK)
    wire.send(1, DECLARE, struct.pack("!H", 0) + _shortly(queue) + bytes([PASSIVE]) + _longly(b""))
    arguments = wire.receive(DECLARE_OK)
    messages, consumers = struct.unpack("!II", arguments[1 + arguments[0] : 9 + arguments[0]])
    return messages, consumers


def _version(greeting: bytes) -> str:
    """`version` among the broker's properties; text of its table is S, length, text."""
    place = greeting.find(b"\x07versionS")
    return _long(greeting, place + 9).decode("utf-8", "replace")[:40] if place >= 0 else ""


def _short(data: bytes, at: int) -> str:
    return data[at + 1 : at + 1 + data[at]].decode("utf-8", "replace") if at < len(data) else ""


def _shortly(text: str) -> bytes:
    data = text.encode()
    return bytes([len(data)]) + data


def _long(data: bytes, at: int) -> bytes:
    if at < 0 or at + 4 > len(data):
        raise Unavailable("it does not speak AMQP 0-9-1")
    size = struct.unpack("!I", data[at : at + 4])[0]
    return data[at + 4 : at + 4 + size]


def _longly(data: bytes) -> bytes:
    return struct.pack("!I", len(data)) + data


def _field(name: str, value: bytes) -> bytes:
    return _shortly(name) + value
