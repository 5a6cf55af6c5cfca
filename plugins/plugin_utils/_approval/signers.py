# SPDX-License-Identifier: GPL-3.0-or-later
"""The allowed_signers file, stricter than ssh-keygen reads it: names are names and never patterns.

A principal such as * or *@example.com would let one key speak for everybody, and a name in quotes may hold blanks. See ssh-keygen(1), ALLOWED SIGNERS.
"""

from __future__ import annotations

import base64
import binascii
import re
import struct
from datetime import datetime, timezone
from typing import NamedTuple

from ansible_collections.evenkeel.release.plugins.plugin_utils._ssh import sshsig

LARGEST = 1024 * 1024
TYPES = (
    "ssh-ed25519",
    "sk-ssh-ed25519@openssh.com",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "ssh-rsa",
)
SMALLEST_RSA = 2048
_PRINCIPAL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,199}")
_NAMESPACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,199}")
_WORD = re.compile(r'((?:"[^"]*"|[^\s"])+)(?:\s+|$)')
_OPTION = re.compile(r'([A-Za-z-]+)(?:="([^"]*)")?(?:,|$)')
_MOMENT = re.compile(r"(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d)(\d\d)?)?(Z?)")


class Line(NamedTuple):
    number: int
    principals: tuple[str, ...]
    fingerprint: str
    authority: bool
    namespaces: tuple[str, ...]
    after: datetime | None
    before: datetime | None


def read(data: bytes) -> tuple[list[Line], list[str]]:
    """(lines, faults). With a fault the file is not to be used: what is refused here ssh-keygen may take in another way."""
    if len(data) > LARGEST:
        return [], [f"it has more than {LARGEST} bytes"]
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError:
        return [], ["it has characters beyond ASCII"]
    lines, faults = [], []
    for number, raw in enumerate(text.split("\n"), 1):
        if not raw.strip() or raw.lstrip().startswith("#"):
            continue
        try:
            lines.append(_line(number, raw))
        except (ValueError, struct.error, binascii.Error) as exc:
            faults.append(f"line {number}: {exc}")
    return lines, faults


def _line(number: int, raw: str) -> Line:
    if not raw.isprintable():
        raise ValueError("a character that is not printed, such as a tab or CR")
    words = _WORD.findall(raw.strip())
    kind = next((place for place, word in enumerate(words[:3]) if word in TYPES), None)
    if kind not in (1, 2) or len(words) <= kind + 1:
        raise ValueError(f"needed are principals, options if any, a type and a key; types are {', '.join(TYPES)}")
    principals = tuple(words[0].split(","))
    bad = [name for name in principals if not _PRINCIPAL.fullmatch(name)]
    if bad:
        raise ValueError(f"the principal {bad[0]!r}; allowed are names of letters, digits and . _ @ + -, no patterns and no quotes")
    options = _options(words[1] if kind == 2 else "")
    namespaces = tuple(options.get("namespaces", "").split(",")) if "namespaces" in options else ()
    if any(not _NAMESPACE.fullmatch(name) for name in namespaces):
        raise ValueError(f"namespaces={options['namespaces']!r}; allowed are names, no patterns")
    after, before = (_moment(options[name]) if name in options else None for name in ("valid-after", "valid-before"))
    blob = base64.b64decode(words[kind + 1], validate=True)
    _check_key(blob, words[kind])
    return Line(number, principals, sshsig.fingerprint(blob), "cert-authority" in options, namespaces, after, before)


def _options(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        match = _OPTION.match(text, at)
        name = match[1].lower() if match else ""
        if match is None or name not in ("cert-authority", "namespaces", "valid-after", "valid-before") or name in found:
            raise ValueError(f"the options {text!r}; allowed are cert-authority, namespaces, valid-after and valid-before, once each")
        if (match[2] is None) != (name == "cert-authority"):
            raise ValueError(f"the option {match[0]!r}; allowed is a value in quotes, and none for cert-authority")
        found[name] = match[2] or ""
        at = match.end()
    return found


def _moment(text: str) -> datetime:
    """ssh-keygen takes a time without Z in the zone of the machine; here it runs in UTC."""
    match = _MOMENT.fullmatch(text)
    if not match:
        raise ValueError(f"the time {text!r}; allowed is YYYYMMDD or YYYYMMDDHHMM[SS], in UTC")
    return datetime(*(int(part or 0) for part in match.groups()[:6]), tzinfo=timezone.utc)  # type: ignore[misc,arg-type]


def _check_key(blob: bytes, kind: str) -> None:
    name, rest = sshsig.string(blob)
    if name.decode("ascii", "replace") != kind:
        raise ValueError("the key is of another type than the line says")
    if kind == "ssh-rsa":
        modulus = sshsig.string(sshsig.string(rest)[1])[0]
        if int.from_bytes(modulus, "big").bit_length() < SMALLEST_RSA:
            raise ValueError(f"the RSA key is too short, allowed: {SMALLEST_RSA} bits or more")
