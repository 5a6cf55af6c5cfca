# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is in which group, as a system tells it in a file: {subject: names}.

JSON: {"awx_team:Shop": ["ann"], ...}, where in the place of the names the answer of AWX to GET /api/v2/teams/<id>/users/ may stand, all pages in one;
LDIF of groups (RFC 2849), as `ldapsearch -LLL '(objectClass=groupOfNames)' member` writes it.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._access.members import OUTSIDE

LARGEST = 32 * 1024 * 1024
_MEMBER = ("member", "uniquemember", "memberuid")
_LINE = re.compile(r"([A-Za-z][A-Za-z0-9;.-]*)(::?)[ ]?(.*)")


def read(data: bytes) -> dict[str, list[str]]:
    """ValueError, with the reason, for anything else."""
    if len(data) > LARGEST:
        raise ValueError(f"it has more than {LARGEST} bytes")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise ValueError("it is not UTF-8") from exc
    if not text.lstrip().startswith(("{", "[")):
        return _ldif(text)
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise ValueError("it is neither JSON nor LDIF") from exc
    if not isinstance(found, Mapping):
        raise ValueError("it is a list; allowed: {subject: names}")
    return {subject: sorted(set(_names(subject, names))) for subject, names in found.items()}


def _names(subject: str, names: Any) -> list[str]:
    kind, _colon, name = subject.partition(":")
    if kind not in OUTSIDE or not name:
        raise ValueError(f"{subject[:80]!r} is no subject; allowed: {', '.join(f'{one}:<name>' for one in OUTSIDE)}")
    if isinstance(names, Mapping) and isinstance(names.get("results"), list):
        if names.get("next") or names.get("count", len(names["results"])) != len(names["results"]):
            raise ValueError(f"{subject} is one page of several: give all in one")
        names = [one.get("username") if isinstance(one, Mapping) else None for one in names["results"]]
    if not isinstance(names, list) or not all(isinstance(one, str) and one for one in names):
        raise ValueError(f"{subject} has no list of names")
    return names


def _ldif(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for record in _records(text):
        names = [value for key, value in record if key in _MEMBER]
        if any(key.startswith(tuple(f"{name};range=" for name in _MEMBER)) for key, _value in record):
            raise ValueError("a group comes in ranges, so members are missing: ask for all of them")
        (dn,) = [value for key, value in record if key == "dn"] or ("",)
        if not dn:
            raise ValueError("a record of the LDIF begins with something else than dn:")
        found[f"ldap_group:{dn}"] = sorted({_account(name) for name in names})
    return found


def _records(text: str) -> Iterator[list[tuple[str, str]]]:
    lines: list[str] = []
    for raw in [*text.splitlines(), ""]:
        if raw.startswith(" ") and lines:
            lines[-1] += raw[1:]
        elif raw.strip():
            lines += [] if raw.startswith("#") else [raw]
        elif lines:
            made = [_pair(line) for line in lines]
            if any(key == "dn" for key, _value in made) or made[0][0] not in ("version", "search", "result"):
                yield [pair for pair in made if pair[0] != "version"]
            lines = []


def _pair(line: str) -> tuple[str, str]:
    match = _LINE.fullmatch(line)
    if not match:
        raise ValueError(f"it is neither JSON nor LDIF: {line[:60]!r}")
    if match[2] == ":":
        return match[1].lower(), match[3].strip()
    try:
        return match[1].lower(), base64.b64decode(match[3], validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError) as exc:
        raise ValueError(f"{match[1]} of the LDIF is no base64 of UTF-8") from exc


def _account(name: str) -> str:
    """uid=ann,ou=people,dc=example -> ann; a bare uid stays. The whole name may be an alias too, so an account that is hidden in one is not lost."""
    first = re.match(r"(?:uid|cn|sAMAccountName)=([^,\\+]+)(?:,|$)", name, re.IGNORECASE)
    return first[1] if first else name
