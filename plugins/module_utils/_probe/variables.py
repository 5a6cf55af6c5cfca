# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables of a scenario: `$(name)` in what it sends and expects, and what may never be shown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

PLACEHOLDER = re.compile(r"\$(\$?)\(([A-Za-z_][A-Za-z0-9_]*)\)")  # $$(name) stays $(name)
# Variables with such names are secrets unless their extraction says otherwise; so are values under such keys.
TELLING = re.compile(
    r"token|secret|passw|passphrase|session|csrf|xsrf|cookie|credential|auth|api_?key|private|signature|\bsid\b|jwt|otp|pin\b|cvv|card", re.IGNORECASE
)
CENSORED = "***"


class Unset(Exception):
    """A step uses a variable that nothing has set."""


def names_in(template: Any) -> set[str]:
    return {found.group(2) for text in _texts(template) for found in PLACEHOLDER.finditer(text) if not found.group(1)}


def fill(template: Any, values: Mapping[str, Any]) -> Any:
    """A text that is nothing but one variable becomes its value with its type; inside a longer text it is written out."""
    if isinstance(template, str):
        whole = PLACEHOLDER.fullmatch(template)
        if whole and not whole.group(1):
            return _value(whole.group(2), values)
        return PLACEHOLDER.sub(lambda found: found.group()[1:] if found.group(1) else written(_value(found.group(2), values)), template)
    if isinstance(template, Mapping):
        return {str(fill(key, values)): fill(value, values) for key, value in template.items()}
    if isinstance(template, (list, tuple)):
        return [fill(item, values) for item in template]
    return template


def fill_path(template: str, values: Mapping[str, Any]) -> str:
    """Inside a path a value is quoted, so that it can't become another path; one that is the whole path is taken as it is."""
    if PLACEHOLDER.fullmatch(template):
        return written(fill(template, values))
    return str(fill(template, {name: quoted(written(value)) for name, value in values.items()}))


def quoted(text: str) -> str:
    return quote(text, safe="", errors="surrogatepass")  # JSON may hold half a character


def written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def telling(name: str) -> bool:
    return TELLING.search(name) is not None


def secrets_in(template: Any) -> Iterator[str]:
    """Values that stand under telling names."""
    if isinstance(template, Mapping):
        for key, value in template.items():
            if telling(str(key)):
                yield from _texts(value)
            else:
                yield from secrets_in(value)
    elif isinstance(template, (list, tuple)):
        for item in template:
            yield from secrets_in(item)


def censor(text: str, secrets: Iterable[str]) -> str:
    """All in one pass, the longest first: what one replacement leaves is not looked at by another."""
    forms = {form for secret in secrets if secret for form in (secret, quoted(secret), json.dumps(secret)[1:-1])}
    if not forms:
        return text
    return re.sub("|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True)), CENSORED, text)


def _value(name: str, values: Mapping[str, Any]) -> Any:
    if name not in values:
        raise Unset(name)
    return values[name]


def _texts(template: Any) -> Iterator[str]:
    if isinstance(template, Mapping):
        for key, value in template.items():
            yield str(key)
            yield from _texts(value)
    elif isinstance(template, (list, tuple)):
        for item in template:
            yield from _texts(item)
    elif template is not None and not isinstance(template, bool):
        yield str(template)
