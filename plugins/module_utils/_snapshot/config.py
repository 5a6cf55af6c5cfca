# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Configuration files as keys and values; secrets only as keyed fingerprints."""

from __future__ import annotations

import configparser
import fnmatch
import hashlib
import hmac
import json
import os
import re
from collections.abc import Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import Items, Unknown

SECRET = re.compile(r"pass|secret|token|credential|private|(api|access|signing|encryption)[_.-]?key|(^|[._-])(key|dsn|salt|pin)$", re.IGNORECASE)
URL_SECRET = re.compile(r"://[^/\s:@]*:[^/\s@]+@")
PRIVATE = "-----BEGIN"


def collect(*, files: Sequence[str], secret_keys: Sequence[str], fingerprint_key: bytes) -> Items:
    items: Items = {}
    for path in files:
        for key, value in parse(path).items():
            hidden = is_secret(key, value, secret_keys)
            shown = {"fingerprint": fingerprint(value, fingerprint_key), "secret": True} if hidden else {"value": value}
            items[f"config:{os.path.basename(path)}:{key}"] = shown
    return items


def parse(path: str) -> dict[str, str]:
    """{"section.key": text}; a missing file has no keys, an unreadable or broken one is unknown."""
    try:
        with open(path, encoding="utf-8") as stream:
            text = stream.read()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as exc:
        raise Unknown(f"the configuration {path} cannot be read ({getattr(exc, 'strerror', None) or 'not UTF-8'})") from exc
    reader = {".json": _json, ".ini": _ini, ".cfg": _ini}.get(os.path.splitext(path)[1], _properties)
    try:
        return reader(text)
    except (ValueError, configparser.Error) as exc:
        # The parser's own text may quote the file, which holds secrets.
        raise Unknown(f"the configuration {path} cannot be parsed ({type(exc).__name__})") from exc


def is_secret(key: str, value: str, secret_keys: Sequence[str]) -> bool:
    named = any(fnmatch.fnmatchcase(key, pattern) for pattern in secret_keys)
    return named or SECRET.search(key) is not None or URL_SECRET.search(value) is not None or PRIVATE in value


def fingerprint(value: str, key: bytes) -> str:
    return hmac.new(key, value.encode(), hashlib.sha256).hexdigest()[:32]


def _ini(text: str) -> dict[str, str]:
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(text)
    values = dict(parser.defaults())
    for section in parser.sections():
        values.update({f"{section}.{key}": value for key, value in parser.items(section)})
    return values


def _json(text: str) -> dict[str, str]:
    return dict(_flat(json.loads(text), ""))


def _flat(value: Any, prefix: str) -> list[tuple[str, str]]:
    if isinstance(value, dict) and value:
        return [pair for key, one in value.items() for pair in _flat(one, f"{prefix}.{key}" if prefix else str(key))]
    if isinstance(value, list) and value:
        return [pair for index, one in enumerate(value) for pair in _flat(one, f"{prefix}.{index}" if prefix else str(index))]
    return [(prefix, value if isinstance(value, str) else json.dumps(value))]


def _properties(text: str) -> dict[str, str]:
    values = {}
    for line in text.splitlines():
        line = line.strip()
        if line and line[0] not in "#!;[":
            key, _sign, value = line.partition("=") if "=" in line else line.partition(":")
            values[key.strip()] = value.strip()
    return values
