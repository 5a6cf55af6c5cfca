# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`dns`: what a name server answers to one question, over UDP (and TCP where the answer does not fit) or TCP alone."""

from __future__ import annotations

import ipaddress
import os
import socket
import struct
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.module_utils._probe.sample import Sample, Spec, Unavailable, answered
from ansible_collections.evenkeel.release.plugins.module_utils._probe.transport import Deadline, connect, exactly, milliseconds, send

EXPECT: list[dict[str, Any]] = [{"metric": "rcode", "op": "eq", "value": "NOERROR"}, {"metric": "answer_count", "op": "ge", "value": 1}]
METRICS = ("connect_ms", "ttfb_ms", "rcode", "answers", "answer_count", "ttl")
RECORDS = {"A": 1, "NS": 2, "CNAME": 5, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33}
TRANSPORTS = ("udp", "tcp")
CODES = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED"}
OPT, INTERNET, EDNS_SIZE = 41, 1, 1232
TRUNCATED, ASK_RECURSION, IS_ANSWER = 0x0200, 0x0100, 0x8000
AGAIN = 1.0  # seconds until a question over UDP is asked again


class Reply(NamedTuple):
    code: str
    answers: list[str]  # those of the asked type, sorted
    ttl: int  # the smallest of theirs
    truncated: bool


class Malformed(ValueError):
    pass


def faults(spec: Spec) -> list[str]:
    found = []
    if not spec.get("query"):
        found.append("query is missing; allowed: a name such as shop.example.com")
    else:
        try:
            encoded_name(str(spec["query"]))
        except Malformed as exc:
            found.append(f"query is {spec['query']!r}, {exc}")
    if spec.get("record", "A") not in RECORDS:
        found.append(f"record is {spec['record']!r}; allowed: {', '.join(RECORDS)}")
    if spec.get("transport", "udp") not in TRANSPORTS:
        found.append(f"transport is {spec['transport']!r}; allowed: {', '.join(TRANSPORTS)}")
    return found


def fill(spec: Spec) -> dict[str, Any]:
    """`answers` becomes a condition on all of them; who asks for NXDOMAIN or counts answers doesn't want the usual one."""
    expect = list(spec["expect"])
    usual = [one for one in expect if any(one is own for own in EXPECT)]
    if len(usual) < len(EXPECT):
        expect = [one for one in expect if one not in usual]
    if spec.get("answers"):
        expect.append({"metric": "answers", "op": "eq", "value": joined([canonical(str(one), spec["record"]) for one in spec["answers"]])})
    return {"expect": expect}


def sample(spec: Spec) -> Sample:
    deadline = Deadline(spec["timeout"])
    start = time.perf_counter()
    identity = struct.unpack("!H", os.urandom(2))[0]
    asked = question(str(spec["query"]), spec["record"], identity)
    metrics: dict[str, Any] = {}
    reply = None if spec["transport"] == "tcp" else _over_udp(spec, asked, deadline)
    if reply is None or reply.truncated:
        reply = _over_tcp(spec, asked, deadline, metrics)
    metrics["total_ms"] = metrics["ttfb_ms"] = milliseconds(start, time.perf_counter())
    metrics.update({"rcode": reply.code, "answers": joined(reply.answers), "answer_count": len(reply.answers)})
    return answered({**metrics, **({"ttl": reply.ttl} if reply.answers else {})})


def _over_udp(spec: Spec, asked: bytes, deadline: Deadline) -> Reply:
    place = spec.get("address") or spec["host"]
    family, kind, protocol, _name, address = socket.getaddrinfo(place, spec["port"], type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, kind, protocol) as sock:
        sock.connect(address)  # so that the kernel takes packets of this server alone
        while True:
            send(sock, asked, deadline)
            again = Deadline(min(AGAIN, deadline.left()))
            try:
                while True:
                    sock.settimeout(again.left())
                    data = sock.recv(65535)
                    if data[:2] == asked[:2] and len(data) >= 12:
                        return _parsed(data, asked)
            except (TimeoutError, socket.timeout):  # two classes before Python 3.10
                deadline.left()


def _over_tcp(spec: Spec, asked: bytes, deadline: Deadline, metrics: dict[str, Any]) -> Reply:
    sock, metrics["connect_ms"] = connect(spec, deadline)
    with sock:
        send(sock, struct.pack("!H", len(asked)) + asked, deadline)
        size = struct.unpack("!H", exactly(sock, 2, deadline))[0]
        return _parsed(exactly(sock, size, deadline), asked)


def _parsed(data: bytes, asked: bytes) -> Reply:
    try:
        return parse(data, asked)
    except (Malformed, struct.error, IndexError) as exc:
        raise Unavailable("its answer is not DNS" + (f": {exc}" if isinstance(exc, Malformed) else "")) from exc


def question(name: str, record: str, identity: int) -> bytes:
    """A recursive question with EDNS, so that more than 512 bytes fit."""
    head = struct.pack("!6H", identity, ASK_RECURSION, 1, 0, 0, 1)
    return head + encoded_name(name) + struct.pack("!2H", RECORDS[record], INTERNET) + b"\0" + struct.pack("!2HIH", OPT, EDNS_SIZE, 0, 0)


def encoded_name(name: str) -> bytes:
    labels = name.rstrip(".").split(".") if name != "." else []
    out = b""
    for label in labels:
        try:
            data = label.encode("ascii") if label.isascii() else label.encode("idna")
        except UnicodeError as exc:
            raise Malformed("which is no name of the DNS") from exc
        if not 1 <= len(data) <= 63:
            raise Malformed("which has a part that is empty or longer than 63 characters")
        out += bytes([len(data)]) + data
    if len(out) > 254:
        raise Malformed("which is longer than 253 characters")
    return out + b"\0"


def parse(data: bytes, asked: bytes) -> Reply:
    """The answer to `asked`; whatever answers something else is refused."""
    identity, flags, questions, answers, _authority, _additional = struct.unpack("!6H", data[:12])
    if identity != struct.unpack("!H", asked[:2])[0] or not flags & IS_ANSWER:
        raise Malformed("it answers another question")
    code = CODES.get(flags & 15, f"code {flags & 15}")
    at = 12
    wanted = _question_at(asked, 12)[0]
    for _number in range(questions):
        found, at = _question_at(data, at)
        if found != wanted:
            raise Malformed("it answers another question")
    found_answers = []
    ttls = []
    for _number in range(0 if flags & TRUNCATED else answers):
        _name, at = _name_at(data, at)
        kind, _class, ttl, size = struct.unpack("!2HIH", data[at : at + 10])
        at += 10
        if at + size > len(data):
            raise Malformed("a record is cut off")
        if kind == wanted[1]:
            found_answers.append(_content(kind, data, at, size))
            ttls.append(ttl)
        at += size
    return Reply(code, sorted(found_answers), min(ttls, default=0), bool(flags & TRUNCATED))


def _question_at(data: bytes, at: int) -> tuple[tuple[str, int], int]:
    name, at = _name_at(data, at)
    return (name, struct.unpack("!H", data[at : at + 2])[0]), at + 4


def _name_at(data: bytes, at: int) -> tuple[str, int]:
    """(name in lower case without its last dot, where it ends); it may go on at an earlier place."""
    labels: list[str] = []
    end = 0
    lowest = at
    while True:
        size = data[at]
        if size >= 0xC0:
            end = end or at + 2
            at = (size & 0x3F) << 8 | data[at + 1]
            if at >= lowest:
                raise Malformed("a name leads round in a circle")
            lowest = at
        elif size == 0:
            return ".".join(labels), end or at + 1
        elif size > 63 or at + 1 + size > len(data):
            raise Malformed("a name is cut off")
        else:
            labels.append(data[at + 1 : at + 1 + size].decode("latin-1").lower())
            at += 1 + size


def _content(kind: int, data: bytes, at: int, size: int) -> str:
    content = data[at : at + size]
    if kind == RECORDS["A"]:
        return str(ipaddress.IPv4Address(content)) if size == 4 else _bad()
    if kind == RECORDS["AAAA"]:
        return str(ipaddress.IPv6Address(content)) if size == 16 else _bad()
    if kind == RECORDS["TXT"]:
        parts = []
        place = 0
        while place < size:
            parts.append(content[place + 1 : place + 1 + content[place]])
            place += 1 + content[place]
        return b"".join(parts).decode("utf-8", "replace")
    if kind == RECORDS["SRV"]:
        priority, weight, port = struct.unpack("!3H", content[:6])
        return f"{priority} {weight} {port} {_name_at(data, at + 6)[0] or '.'}"
    if kind == RECORDS["MX"]:
        return f"{struct.unpack('!H', content[:2])[0]} {_name_at(data, at + 2)[0] or '.'}"
    return _name_at(data, at)[0]


def _bad() -> str:
    raise Malformed("an address has the wrong length")


def canonical(text: str, record: str) -> str:
    """As answers are written here, whatever way the user wrote them."""
    if record == "TXT":
        return text
    if record in ("A", "AAAA"):
        try:
            return str(ipaddress.ip_address(text.strip()))
        except ValueError:
            return text
    parts = text.lower().split()
    return " ".join([*parts[:-1], parts[-1].rstrip(".") or "."]) if parts else text


def joined(answers: Sequence[str]) -> str:
    return ", ".join(sorted(answers))
