# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`mysql`: the wire protocol of MySQL and MariaDB, no driver needed.

Without a password: whether the server takes logins. With one: a login (mysql_native_password or caching_sha2_password) and a query.
"""

from __future__ import annotations

import hashlib
import ssl
import struct
import time
from typing import Any, NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._probe import rsa
from ansible_collections.evenkeel.release.plugins.module_utils._probe.sample import Sample, Spec, Unavailable, Unknown, answered
from ansible_collections.evenkeel.release.plugins.module_utils._probe.transport import Deadline, Socket, connect, exactly, handshake, milliseconds, send

EXPECT: list[dict[str, Any]] = []
METRICS = ("connect_ms", "tls_ms", "ttfb_ms", "depth", "value", "rows", "server_version")
LONG_PASSWORD, CONNECT_WITH_DB, PROTOCOL_41, TLS, SECURE, PLUGIN_AUTH = 1, 8, 0x200, 0x800, 0x8000, 0x80000
CAPABILITIES = LONG_PASSWORD | PROTOCOL_41 | SECURE | PLUGIN_AUTH
UTF8MB4 = 45
PACKET_LIMIT = 1 << 20
QUERY, QUIT = b"\x03", b"\x01"
NATIVE, SHA2 = "mysql_native_password", "caching_sha2_password"
# The server's own refusal of this account: access denied, no such plugin for it, unknown database.
REFUSALS = (1044, 1045, 1049, 1227, 1251, 1524, 1698, 3118, 4151)
QUERY_ROWS, VALUE_LIMIT = 1000, 200


class ServerError(Exception):
    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{message} (error {code})")
        self.code = code


class Greeting(NamedTuple):
    version: str
    salt: bytes
    capabilities: int
    plugin: str


class Wire:
    def __init__(self, sock: Socket, deadline: Deadline) -> None:
        self.sock = sock
        self.deadline = deadline
        self._number = 0

    def send(self, payload: bytes, *, first: bool = False) -> None:
        self._number = 0 if first else self._number
        send(self.sock, struct.pack("<I", len(payload))[:3] + bytes([self._number]) + payload, self.deadline)
        self._number = (self._number + 1) & 255

    def receive(self) -> bytes:
        """The next packet; an ERR packet is raised."""
        head = exactly(self.sock, 4, self.deadline)
        size = int.from_bytes(head[:3], "little")
        if not 0 < size <= PACKET_LIMIT:
            raise Unavailable("its answer is not the MySQL protocol")
        self._number = (head[3] + 1) & 255
        payload = exactly(self.sock, size, self.deadline)
        if payload[0] == 0xFF and size >= 3:
            words = payload[3:].decode("utf-8", "replace")
            raise ServerError(int.from_bytes(payload[1:3], "little"), words[6:] if words.startswith("#") else words)
        return payload

    @property
    def secure(self) -> bool:
        return isinstance(self.sock, ssl.SSLSocket)


def faults(spec: Spec) -> list[str]:
    found = ["password stands without user; allowed: both, or none"] if spec.get("password") and not spec.get("user") else []
    if spec.get("query") and not spec.get("password"):
        found.append("query stands without password; allowed: only after a login")
    return found


def sample(spec: Spec) -> Sample:
    deadline = Deadline(spec["timeout"])
    start = time.perf_counter()
    sock: Socket
    sock, connect_ms = connect(spec, deadline)
    metrics: dict[str, Any] = {"connect_ms": connect_ms}
    wire = Wire(sock, deadline)
    try:
        greeting = parse_greeting(wire.receive())
        metrics["ttfb_ms"] = milliseconds(start, time.perf_counter())
        metrics["server_version"] = greeting.version
        if spec.get("tls"):
            _upgrade(wire, greeting, spec, metrics)
        metrics.update(_converse(wire, greeting, spec))
        metrics["total_ms"] = milliseconds(start, time.perf_counter())
    except ServerError as exc:
        raise Unavailable(f"the server answered: {exc}") from exc
    finally:
        wire.sock.close()
    return answered(metrics)


def parse_greeting(payload: bytes) -> Greeting:
    if payload[0] != 10 or b"\0" not in payload:
        raise Unavailable("its greeting is not that of MySQL or MariaDB")
    version, _zero, rest = payload[1:].partition(b"\0")
    if len(rest) < 31:
        raise Unavailable("its greeting is not that of MySQL or MariaDB")
    capabilities = int.from_bytes(rest[13:15], "little") | int.from_bytes(rest[18:20], "little") << 16
    second = max(13, rest[20] - 8)
    salt = rest[4:12] + rest[31 : 31 + second].rstrip(b"\0")
    plugin = rest[31 + second :].split(b"\0")[0].decode("ascii", "replace")
    # MariaDB says that it is a MySQL 5.5.5, for clients that know no larger number.
    return Greeting(version.decode("ascii", "replace").partition("5.5.5-")[2] or version.decode("ascii", "replace"), salt[:20], capabilities, plugin)


def _upgrade(wire: Wire, greeting: Greeting, spec: Spec, metrics: dict[str, Any]) -> None:
    if not greeting.capabilities & TLS:
        raise Unavailable("it does not offer TLS")
    wire.send(_client(spec, TLS))
    wire.sock, metrics["tls_ms"] = handshake(wire.sock, spec, wire.deadline)


def _client(spec: Spec, more: int = 0) -> bytes:
    more |= CONNECT_WITH_DB if spec.get("database") else 0
    return struct.pack("<IIB23x", CAPABILITIES | more, PACKET_LIMIT, UTF8MB4)


def _converse(wire: Wire, greeting: Greeting, spec: Spec) -> dict[str, Any]:
    """Go as deep as the given credentials allow; `depth` says how deep that was."""
    try:
        _login(wire, greeting, spec)
    except ServerError as exc:
        # An interrupted greeting counts against max_connect_errors and would lock this host out; a refused login does not.
        if exc.code in REFUSALS and not spec.get("password"):
            return {"depth": "startup"}
        raise
    if not spec.get("password"):
        wire.send(QUIT, first=True)
        return {"depth": "startup"}
    if spec.get("query"):
        _run(wire, "SET SESSION TRANSACTION READ ONLY")
    value, rows = _run(wire, spec.get("query") or "SELECT 1")
    wire.send(QUIT, first=True)
    return {"depth": "query", "rows": rows, **({"value": value} if value is not None else {})}


def _login(wire: Wire, greeting: Greeting, spec: Spec) -> None:
    password = (spec.get("password") or "").encode()
    plugin = greeting.plugin if greeting.plugin in (NATIVE, SHA2) else NATIVE
    proof = scramble(plugin, password, greeting.salt)
    parts = [_client(spec, TLS if wire.secure else 0), (spec.get("user") or "evenkeel-probe").encode() + b"\0", bytes([len(proof)]), proof]
    parts += [spec["database"].encode() + b"\0"] if spec.get("database") else []
    wire.send(b"".join([*parts, plugin.encode() + b"\0"]))
    salt = greeting.salt
    while True:
        payload = wire.receive()
        if payload[0] == 0:
            return
        if payload[0] == 0xFE and len(payload) > 1:
            name, _zero, rest = payload[1:].partition(b"\0")
            plugin, salt = name.decode("ascii", "replace"), rest.rstrip(b"\0")[:20]
            wire.send(scramble(plugin, password, salt))
        elif payload[0] == 1 and plugin == SHA2:
            if payload[1:] == b"\x04":
                _full(wire, password, salt, spec)
            elif payload[1:] != b"\x03":
                raise Unavailable("its login did not go on as the protocol says")
        else:
            raise Unavailable("its login did not go on as the protocol says")


def scramble(plugin: str, password: bytes, salt: bytes) -> bytes:
    """Proves that we know the password without telling it."""
    if plugin not in (NATIVE, SHA2):
        raise Unknown(f"the server asks for the authentication {plugin}, which the probe does not speak")
    if not password:
        return b""
    if plugin == NATIVE:
        first = hashlib.sha1(password, usedforsecurity=False).digest()
        second = hashlib.sha1(salt + hashlib.sha1(first, usedforsecurity=False).digest(), usedforsecurity=False).digest()
    else:
        first = hashlib.sha256(password).digest()
        second = hashlib.sha256(hashlib.sha256(first).digest() + salt).digest()
    return bytes(left ^ right for left, right in zip(first, second))


def _full(wire: Wire, password: bytes, salt: bytes, spec: Spec) -> None:
    """The server does not remember this account: it wants the password, inside TLS or encrypted with its key."""
    if wire.secure:
        wire.send(password + b"\0")
        return
    if not spec.get("get_public_key"):
        raise Unknown("the server wants the whole password (caching_sha2_password), which was not sent without TLS; set tls, or get_public_key")
    wire.send(b"\x02")
    plain = bytes(byte ^ salt[number % len(salt)] for number, byte in enumerate(password + b"\0"))
    try:
        wire.send(rsa.encrypt(plain, wire.receive()[1:]))
    except rsa.KeyFault as exc:
        raise Unavailable(f"its key can't be used: {exc}") from exc


def _run(wire: Wire, query: str) -> tuple[Optional[str], int]:
    """(first value of the first row, how many rows)"""
    wire.send(QUERY + query.encode(), first=True)
    payload = wire.receive()
    if payload[0] == 0:
        return None, 0
    for _column in range(_length(payload, 0)[0]):
        wire.receive()
    wire.receive()  # the end of the columns
    value: Optional[str] = None
    rows = 0
    while True:
        payload = wire.receive()
        if payload[0] == 0xFE and len(payload) < 9:
            return value, rows
        if rows == 0 and payload[0] != 0xFB:
            size, at = _length(payload, 0)
            value = payload[at : at + size].decode("utf-8", "replace")[:VALUE_LIMIT]
        rows += 1
        if rows > QUERY_ROWS:
            raise Unavailable(f"the query gives more than {QUERY_ROWS} rows; allowed: a query that sums up")


def _length(data: bytes, at: int) -> tuple[int, int]:
    width = {0xFC: 2, 0xFD: 3, 0xFE: 8}.get(data[at], 0)
    return (int.from_bytes(data[at + 1 : at + 1 + width], "little"), at + 1 + width) if width else (data[at], at + 1)
