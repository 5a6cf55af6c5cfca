# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The format of authorized_keys, and where sshd looks for such files."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from typing import NamedTuple, Optional

DEFAULT = (".ssh/authorized_keys", ".ssh/authorized_keys2")
TYPE = re.compile(r"(?:ssh-|ecdsa-|sk-ssh-|sk-ecdsa-|webauthn-sk-)[A-Za-z0-9@.-]+")
# Options end at the first blank that is not in quotes.
OPTIONS = re.compile(r'((?:"(?:\\.|[^"\\])*"|[^\s"])+)\s+(.*)')
SETTING = re.compile(r"\s*(\w+)(?:\s*=\s*|\s+)(.*?)\s*")
WORD = re.compile(r'"([^"]*)"|(\S+)')


class Key(NamedTuple):
    fingerprint: str
    type: str
    options: str
    comment: str


def parse(line: str) -> Optional[Key]:
    """None for a line that sshd passes over."""
    line = line.strip()
    if not line or line.startswith("#"):
        return None
    key = _key(line, "")
    if key is None:
        found = OPTIONS.fullmatch(line)
        key = _key(found.group(2), found.group(1)) if found else None
    return key


def _key(text: str, options: str) -> Optional[Key]:
    kind, *rest = text.split(None, 2)
    if not rest or not TYPE.fullmatch(kind):
        return None
    mark = fingerprint(rest[0], kind)
    return Key(mark, kind, options, rest[1].strip() if len(rest) > 1 else "") if mark else None


def fingerprint(text: str, kind: str) -> str:
    """As `ssh-keygen -l` shows it; nothing when the text is no key of that type."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return ""
    size = int.from_bytes(data[:4], "big")
    if len(data) < 4 or data[4 : 4 + size] != kind.encode():
        return ""
    return "SHA256:" + base64.b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")


def settings(text: str) -> list[tuple[str, str]]:
    """[(keyword in small letters, arguments)] of sshd_config, in order."""
    found = (SETTING.fullmatch(line) for line in text.splitlines() if not line.lstrip().startswith("#"))
    return [(one.group(1).lower(), one.group(2)) for one in found if one]


def words(arguments: str) -> list[str]:
    return [quoted or bare for quoted, bare in WORD.findall(arguments.partition(" #")[0])]


def place(pattern: str, *, user: str, uid: str, home: str) -> str:
    tokens = {"%%": "%", "%h": home, "%u": user, "%U": uid}
    path = re.sub("%[%huU]", lambda found: tokens[found.group()], pattern)
    return path if path.startswith("/") else f"{home.rstrip('/')}/{path}"


def patterns(found: Sequence[tuple[str, str]]) -> list[str]:
    """The first setting holds for everybody; the ones in Match blocks for some, and are looked at too."""
    chosen: list[str] = []
    everybody, matched = False, False
    for name, arguments in found:
        matched = matched or name == "match"
        if name == "authorizedkeysfile" and (matched or not everybody):
            chosen += [word for word in words(arguments) if word.lower() != "none"]
            everybody = everybody or not matched
    return list(dict.fromkeys(chosen if everybody else [*DEFAULT, *chosen]))
