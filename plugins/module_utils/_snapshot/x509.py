# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a certificate says of itself. Signatures are not checked: this is about what lies there, not whom to trust."""

from __future__ import annotations

import hashlib
import re
import socket
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.der import (
    OCTETS,
    SEQUENCE,
    SET,
    TEXTS,
    BadDer,
    Element,
    children,
    element,
    integer,
    oid,
    text,
    time,
)

NAMES = {
    "2.5.4.3": "CN",
    "2.5.4.4": "SN",
    "2.5.4.5": "serialNumber",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.9": "street",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "2.5.4.12": "title",
    "2.5.4.13": "description",
    "2.5.4.15": "businessCategory",
    "2.5.4.17": "postalCode",
    "2.5.4.42": "GN",
    "2.5.4.97": "organizationIdentifier",
    "0.9.2342.19200300.100.1.1": "UID",
    "0.9.2342.19200300.100.1.25": "DC",
    "1.2.840.113549.1.9.1": "emailAddress",
}
ALTERNATIVE_NAMES = "2.5.29.17"
VERSION, ISSUER_ID, SUBJECT_ID, EXTENSIONS = 0xA0, 0xA1, 0xA2, 0xA3
KINDS = {0x81: "email", 0x82: "DNS", 0x86: "URI"}
ADDRESS, DIRECTORY, REGISTERED = 0x87, 0xA4, 0x88
ESCAPED = re.compile(r'[,+"\\<>;]|^[ #]| $')
CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def describe(data: bytes, *, more: bool = False) -> dict[str, Any]:
    """Raises BadDer. With `more` something may follow, as in OpenSSL's trusted certificates."""
    try:
        whole, end = element(data)
        if end != len(data) and not more:
            raise BadDer("something follows it")
        return _described(whole)
    except BadDer:
        raise
    except (IndexError, ValueError) as exc:
        raise BadDer("a part of it is missing") from exc


def _described(whole: Element) -> dict[str, Any]:
    parts = children(children(whole, SEQUENCE)[0], SEQUENCE)
    if parts[0].tag == VERSION:
        parts = parts[1:]
    serial, _algorithm, issuer, validity, subject, _key = parts[:6]
    begins, ends = children(validity, SEQUENCE)
    number = integer(serial)
    return {
        "subject": name(subject),
        "issuer": name(issuer),
        "not_before": time(begins),
        "not_after": time(ends),
        "serial": ("-" if number < 0 else "") + abs(number).to_bytes((abs(number).bit_length() + 7) // 8 or 1, "big").hex().upper(),
        "sha256": hashlib.sha256(whole.whole).hexdigest(),
        "names": _alternatives(parts[6:]),
    }


def name(found: Element) -> str:
    """As RFC 4514 writes it: the last part first."""
    return ",".join("+".join(_pair(pair) for pair in children(part, SET)) for part in reversed(children(found, SEQUENCE)))


def _pair(found: Element) -> str:
    kind, value = children(found, SEQUENCE)
    number = oid(kind)
    if number not in NAMES or value.tag not in TEXTS:
        return f"{NAMES.get(number, number)}=#{value.whole.hex().upper()}"
    written = ESCAPED.sub(lambda one: "\\" + one[0], text(value))
    return f"{NAMES[number]}={CONTROL.sub(lambda one: chr(92) + format(ord(one[0]), '02X'), written)}"


def _alternatives(parts: list[Element]) -> list[str]:
    holder = [part for part in parts if part.tag == EXTENSIONS]
    for extension in children(children(holder[0], EXTENSIONS)[0], SEQUENCE) if holder else []:
        fields = children(extension, SEQUENCE)
        if oid(fields[0]) == ALTERNATIVE_NAMES and fields[-1].tag == OCTETS:
            return [_alternative(one) for one in children(element(fields[-1].body)[0], SEQUENCE)]
    return []


def _alternative(found: Element) -> str:
    if found.tag in KINDS:
        return f"{KINDS[found.tag]}:{found.body.decode('ascii', 'backslashreplace')}"
    if found.tag == ADDRESS and len(found.body) in (4, 16):
        return f"IP:{socket.inet_ntop(socket.AF_INET if len(found.body) == 4 else socket.AF_INET6, found.body)}"
    if found.tag == DIRECTORY:
        return f"dirName:{name(element(found.body)[0])}"
    return f"other:{found.whole.hex()}"
