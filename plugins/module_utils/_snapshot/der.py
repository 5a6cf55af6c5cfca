# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Just enough of DER (X.690) for certificates, and strict: what another encoder could have written in another way is refused."""

from __future__ import annotations

import re
from typing import NamedTuple

INTEGER, BOOLEAN, OCTETS, OID, SEQUENCE, SET = 0x02, 0x01, 0x04, 0x06, 0x30, 0x31
UTC_TIME, GENERALIZED_TIME = 0x17, 0x18
TEXTS = {0x0C: "utf-8", 0x12: "ascii", 0x13: "ascii", 0x14: "latin-1", 0x16: "ascii", 0x1A: "ascii", 0x1C: "utf-32-be", 0x1E: "utf-16-be"}
TIMES = {UTC_TIME: re.compile(r"\d{12}Z"), GENERALIZED_TIME: re.compile(r"\d{14}Z")}


class BadDer(ValueError):
    pass


class Element(NamedTuple):
    tag: int
    body: bytes
    whole: bytes


def element(data: bytes, at: int = 0) -> tuple[Element, int]:
    """(the element that starts there, where it ends)."""
    if at + 2 > len(data):
        raise BadDer("it is cut off")
    tag, size, start = data[at], data[at + 1], at + 2
    if tag & 0x1F == 0x1F:
        raise BadDer("it has a long tag")
    if size & 0x80:
        digits = size & 0x7F
        start += digits
        size = int.from_bytes(data[at + 2 : start], "big")
        if not 1 <= digits <= 4 or size < 0x80 or size >> 8 * (digits - 1) == 0:
            raise BadDer("a length is not written in the shortest way")
    end = start + size
    if end > len(data):
        raise BadDer("it is cut off")
    return Element(tag, data[start:end], data[at:end]), end


def children(found: Element, tag: int) -> list[Element]:
    if found.tag != tag:
        raise BadDer(f"there is tag {found.tag:#x} instead of {tag:#x}")
    return elements(found.body)


def elements(body: bytes) -> list[Element]:
    found: list[Element] = []
    at = 0
    while at < len(body):
        one, at = element(body, at)
        found.append(one)
    return found


def integer(found: Element) -> int:
    if found.tag != INTEGER or not found.body:
        raise BadDer("there is no number")
    return int.from_bytes(found.body, "big", signed=True)


def oid(found: Element) -> str:
    if found.tag != OID or not found.body or found.body[-1] & 0x80:
        raise BadDer("there is no object identifier")
    arcs: list[int] = []
    value = 0
    for byte in found.body:
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            arcs.append(value)
            value = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(str(arc) for arc in (first, arcs[0] - 40 * first, *arcs[1:]))


def text(found: Element) -> str:
    try:
        return found.body.decode(TEXTS[found.tag])
    except (KeyError, UnicodeDecodeError) as exc:
        raise BadDer("there is no text") from exc


def time(found: Element) -> str:
    """RFC 3339. Two digits of a year are 1950 to 2049."""
    written = found.body.decode("latin-1")
    if found.tag not in TIMES or TIMES[found.tag].fullmatch(written) is None:
        raise BadDer("there is no time")
    if found.tag == UTC_TIME:
        written = ("19" if written >= "50" else "20") + written
    return f"{written[:4]}-{written[4:6]}-{written[6:8]}T{written[8:10]}:{written[10:12]}:{written[12:14]}Z"
