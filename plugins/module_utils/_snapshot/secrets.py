# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is a secret.

When in doubt a value is a secret: the price is that its difference is told and not shown.
"""

from __future__ import annotations

import fnmatch
import math
import re
from collections.abc import Iterable, Sequence

REDACTED = "[REDACTED]"

# Names that say it: the last part may be in any case style (dbPass, DB_PASS, db-pass).
NAME = re.compile(
    r"(?i:passw|passphrase|pwd|secret|token|credential|private|community|(?:api|access|signing|encryption|shared|account|master)[_.-]?key)"
    r"|(?i:(?:^|[._\-\]])(?:key|dsn|salt|pin|psk|otp)$|(?<!by)(?<!com)(?<!sur)(?<!tres)pass$|(?:^|[._-]|bind|root|db|user|admin)pw$|key[_-]?data$)"
    # By programs: HAProxy, nginx, Redis, the logins of container registries.
    r"|(?i:stats\[auth\]$|secure_link_md5$|masterauth$|(?:^|\.)auths\..+\.auth$)|[a-z0-9](?:Key|Salt|Dsn)$"
)
# Settings whose names have such a word. nginx's `proxy_pass http://…` is an address, `ssl_certificate_key /…/x.key` a path.
SETTING = re.compile(
    r"(?i)(?:^|[._\-\]])(?:proxy|fastcgi|uwsgi|grpc|scgi|memcached)_pass$"
    r"|(?:authentication|ttl|timeout|lifetime|expiry|expires|length|size|count|enabled|disabled|required|policy|type|method|algorithm|attempts|rounds)$"
    r"|(?:server|max|min)_?tokens$"
)
PLACE_NAME = re.compile(r"(?i)(?:file|path|dir|directory|folder)$")
PLACE = re.compile(r"(?:~?/|\.{1,2}/)[^\s:]*")
KEY_FILE = re.compile(r"~?/[\w./+@%-]*\.(?:pem|key|crt|cer|der|p12|pfx|jks)")
PLAIN = frozenset({"", "yes", "no", "true", "false", "on", "off", "none", "null"})
# Names that suggest it: then only a value that looks made by a machine counts.
SUGGESTS = re.compile(r"(?i)auth|hash|signature|seed|nonce|cookie|session|licen[cs]e|webhook|hmac|bearer|jwt|key")
RANDOM_FORM, RANDOM_BITS = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z])[A-Za-z0-9+/=_.~-]{20,}"), 3.5
# What is longer is not searched, and hidden as a whole: a search must not take long on a text that was made to make it long.
LONGEST = 16384

# But for the tags of sudo: `NOPASSWD: /bin/x`.
_TAG = r"PASSWD\s*:\s*(?:\^?/|!|[A-Z][A-Z_]*\b|sudoedit\b|sha(?:224|256|384|512):)"
_WORD = rf"(?!(?-i:{_TAG}))(?:passw(?:or)?d|passphrase|secret|token|api[_-]?key|access[_-]?key|credentials?)[\w.-]{{0,40}}"
_VALUE = r"(?:\"(?:[^\"\\]|\\.)*\"|'[^']*'|[\"'].*|\S+)"
# Values that tell themselves, whatever their name. Group 1, where there is one, is harmless and stays.
VALUES = tuple(
    re.compile(pattern)
    for pattern in (
        r"(://[^/\s:@]{0,256}:)\S{1,2048}(?=@)",
        r"(://)[^/\s:@]{16,256}(?=@)",
        rf"(?i)({_WORD}[\"']?\s*[=:]\s*){_VALUE}",
        rf"(?i)({_WORD}[\"']?>)[^<]+",
        rf"(?i)((?:^|\s)[\w.-]{{0,40}}{_WORD}\s+)[^\s=:>]\S*",
        # HAProxy compares with what comes after: `hdr(X-API-Key) -m str …`.
        rf"(?i)({_WORD}[)\]]).+",
        r"(?i)(\b(?:bearer|basic|digest)\s+)[A-Za-z0-9+/=._~-]{8,}",
        r"(?i)(\b(?:stats\s+)?auth\s+[\w.-]+:)\S+",
        r"(?i)(\b_?auth\s*=\s*)\S{8,}",
        r"(\bon\s+(?:[\w~&+@*%-]\S{0,64}\s+){0,8}>)\S+",  # a user of Redis
        r"(?i)([?&](?:sig|signature|code|key|auth)=)[^&\s]+",
        r"\b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{16}\b",
        r"\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_\w{20,}|\bglpat-[\w-]{16,}",
        r"\bxox[abeoprs]-[\w-]{10,}|\b(?:sk|rk)_(?:live|test)_\w{10,}|\bsk-[\w-]{20,}",
        r"\bAIza[\w-]{30,}|\bnpm_[A-Za-z0-9]{30,}|\bpypi-[\w-]{30,}|\bAGE-SECRET-KEY-1\w+",
        r"\bhv[sbr]\.[\w-]{20,}|\bs\.[A-Za-z0-9]{24}\b",
        r"\beyJ[\w-]{6,512}\.[\w-]{6,4096}\.[\w-]*",
        r"\$(?:1|2[abxy]|5|6|7|y|gy|argon2(?:i|d|id)|scrypt|pbkdf2[\w-]*|apr1)\$[^\s\"']+",
        r"\{S?SHA\d*\}[A-Za-z0-9+/=]{8,}|\bSCRAM-SHA-256\$\S+|\bmd5[0-9a-f]{32}\b",
    )
)
PEM_BEGIN = re.compile(r"-----BEGIN [A-Z0-9 ]*(?:PRIVATE KEY(?: BLOCK)?|OpenVPN Static key V1)-----")
PEM_END = re.compile(r"-----END [A-Z0-9 ]*(?:PRIVATE KEY(?: BLOCK)?|OpenVPN Static key V1)-----")
# A line of a key whose first line is not in sight, as in a diff.
KEY_LINE = re.compile(r"(?=.*[0-9])(?=.*[A-Z])(?=.*[a-z])[A-Za-z0-9+/]{40,}={0,2}|[0-9A-Fa-f]{32,}")
ASSIGNMENT = re.compile(r"([-+ ]?\s*(?:export\s+|set\s+|-\s+)?[\"']?)([\w.\[\]/-]+)([\"']?\s*[=:]\s*|\s+)(\S.*)")
BLOCK = re.compile(r"[|>][+-]?\d?\s*(?:#.*)?")


def is_secret(key: str, value: str, patterns: Sequence[str] = ()) -> bool:
    """`patterns` are globs of whole keys (`*.password`); the rest is known by its name or by its value."""
    if any(fnmatch.fnmatchcase(key, pattern) for pattern in patterns):
        return True
    # A private key alone in a file of keys and values may be cut after its first word.
    if PEM_BEGIN.search(f"{key} {value}"):
        return True
    return _named(key, value) or tells_itself(value) or (SUGGESTS.search(key) is not None and _random(value))


def redact_line(text: str) -> str:
    if len(text) > LONGEST or PEM_BEGIN.search(text) or PEM_END.search(text) or KEY_LINE.fullmatch(text.lstrip("-+").strip()):
        return REDACTED
    found = ASSIGNMENT.fullmatch(text)
    if found and _named(found.group(2), found.group(4).strip("\"', ;")):
        return f"{found.group(1)}{found.group(2)}{found.group(3)}{REDACTED}"
    for pattern in VALUES:
        text = pattern.sub(_hidden, text)
    return text


def redact_lines(lines: Iterable[str]) -> list[str]:
    """As many lines as given; secrets of several lines (PEM, the indented block of a YAML key) are hidden as a whole."""
    shown: list[str] = []
    pem, block = False, -1
    for line in lines:
        indent = len(line) - len(line.lstrip())
        if block >= 0 and (not line.strip() or indent > block):
            shown.append(REDACTED if line.strip() else line)
            continue
        block = -1
        begins = PEM_BEGIN.search(line) is not None
        pem = pem or begins
        found = ASSIGNMENT.fullmatch(line)
        if found and BLOCK.fullmatch(found.group(4)) and NAME.search(found.group(2)):
            block = indent
        shown.append(REDACTED if pem else redact_line(line))
        pem = pem and PEM_END.search(line) is None
    return shown


def _named(key: str, value: str) -> bool:
    if NAME.search(key) is None or value.lower() in PLAIN:
        return False
    if SETTING.search(key):
        return _random(value)
    return not (KEY_FILE.fullmatch(value) or (PLACE_NAME.search(key) and PLACE.fullmatch(value)))


def tells_itself(value: str) -> bool:
    if len(value) > LONGEST or PEM_BEGIN.search(value):
        return True
    return any(_hidden(match) != match.group() for pattern in VALUES for match in pattern.finditer(value))


def _hidden(match: re.Match[str]) -> str:
    """`--password-prompt no` and `PasswordAuthentication yes` hide nothing."""
    shown: str = match.group(1) if match.re.groups else ""
    said: str = match.group()[len(shown) :]
    return match.group() if shown and said.strip("\"';").lower() in PLAIN else shown + REDACTED


def _random(value: str) -> bool:
    if RANDOM_FORM.fullmatch(value) is None or PLACE.fullmatch(value):
        return False
    shares = [value.count(char) / len(value) for char in set(value)]
    return -sum(share * math.log2(share) for share in shares) >= RANDOM_BITS
