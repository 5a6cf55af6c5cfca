# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing secret reaches the ledger: every value passes here before it is serialized."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.canonical import SAFE_INTEGER

REDACTED = "[REDACTED]"
SHORTEST = 4  # a shorter "secret" would blank out ordinary words

_WORDS = (
    r"passwo?r?d|passphrase|passcode|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|encryption[_-]?key|masking[_-]?key"
    r"|authorization|credential|cookie"
)
_SECRET_KEY = re.compile(rf"(?:^|[^a-z])(?:pass|pwd|auth)(?:$|[^a-z])|{_WORDS}", re.IGNORECASE)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
# Cheap test first: most strings hold none of these and skip the substitutions.
_SUSPECT = re.compile(r"(?i)://[^\s/@]*:[^\s/@]*@|-----BEGIN|bearer\s|basic\s|passw|passp|passc|pwd|secret|token|key|authoriz|credential|cookie")
_IN_TEXT = (
    (re.compile(r"(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\Z)"), REDACTED),
    (re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*://[^\s/:@'\"]*):[^\s/@'\"]+@"), rf"\1:{REDACTED}@"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}"), rf"\1 {REDACTED}"),
    # name=value, name: value, "name": "value"; a word more before the value may be its scheme
    (
        re.compile(
            rf"(?i)([\w.-]*(?:{_WORDS}|\bpwd)[\w-]*[\"']?\s*[=:]\s*)"
            r"(\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|[^\s,;&\"'}\])]+)"
        ),
        rf"\1{REDACTED}",
    ),
    (re.compile(rf"(?i)(--[\w-]*(?:{_WORDS})[\w-]*)\s+(?!-)(\S+)"), rf"\1 {REDACTED}"),
)


class Secret:
    """A value that never prints, compares or serializes as itself; only reveal() gives it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return REDACTED

    __str__ = __repr__

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError("a Secret is not serialized")


class Redactor:
    """Plain, secret-free data out of anything. `known` are secret values to remove from every string, whatever its key."""

    def __init__(self, known: Iterable[str | Secret] = ()) -> None:
        values = {item.reveal() if isinstance(item, Secret) else str.__str__(item) for item in known}
        # The longest first, or a secret that begins with another one would leave its tail behind.
        ordered = sorted((value for value in values if len(value) >= SHORTEST), key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, ordered))) if ordered else None
        # Keys, names of tasks and hosts come again and again; twelve patterns on each would be most of the work.
        self._short = functools.lru_cache(maxsize=4096)(self._text)
        self._key = functools.lru_cache(maxsize=1024)(self._read_key)

    def __call__(self, data: Any) -> Any:
        kind = type(data)
        if kind is str:  # tagged strings go the slow way
            return self.text(data)
        if kind is bool or data is None:
            return data
        if kind is dict or isinstance(data, Mapping):
            return self._mapping(data)
        return self._value(data)

    def _mapping(self, data: Mapping[Any, Any]) -> dict[str, Any]:
        if "censored" in data and data.get("censored"):
            return {"censored": REDACTED, **{key: data[key] for key in ("changed", "failed") if isinstance(data.get(key), bool)}}
        plain = {}
        for key, value in data.items():
            name, secret = self._key(str.__str__(key) if isinstance(key, str) else str(key))
            if name is not None:
                plain[name] = REDACTED if secret and not _is_harmless(value) else self(value)
        return plain

    def _value(self, data: Any) -> Any:
        if isinstance(data, Secret) or is_vaulted(data):
            return REDACTED
        if isinstance(data, str):
            return self.text(data)
        if isinstance(data, int):
            return int(data) if abs(data) <= SAFE_INTEGER else str(int(data))
        if isinstance(data, float):
            return float(data) if math.isfinite(data) else str(float(data))
        if isinstance(data, (bytes, bytearray)):
            return self.text(bytes(data).decode(errors="replace"))
        if isinstance(data, (set, frozenset)):
            return sorted((self(item) for item in data), key=str)
        if isinstance(data, Iterable):
            return [self(item) for item in data]
        return self.text(data.isoformat() if hasattr(data, "isoformat") else str(data))

    def text(self, text: str) -> str:
        plain = str.__str__(text)  # drops the tags of Ansible, which are a subclass
        return self._short(plain) if len(plain) <= 100 else self._text(plain)

    def _read_key(self, key: str) -> tuple[str | None, bool]:
        """(the key to write, None for one that Ansible keeps for itself; whether what it names is a secret)."""
        name = self.text(key)
        return None if name.startswith("_ansible_") else name, is_secret_key(name)

    def _text(self, text: str) -> str:
        if self._known:
            text = self._known.sub(REDACTED, text)
        if _SUSPECT.search(text):
            for pattern, replacement in _IN_TEXT:
                text = pattern.sub(replacement, text)
        try:
            text.encode()
        except UnicodeEncodeError:  # a file name that is not UTF-8 arrives as lone surrogates
            text = text.encode(errors="backslashreplace").decode()
        return text


def is_secret_key(name: str) -> bool:
    return bool(_SECRET_KEY.search(name) or _SECRET_KEY.search(_CAMEL.sub("_", name)))


def _is_harmless(value: Any) -> bool:
    """Whether there is a secret, not what it is: absent, empty, yes or no."""
    return value is None or isinstance(value, bool) or (isinstance(value, (str, list, tuple, dict)) and not value)


def is_vaulted(data: Any) -> bool:
    """Ansible Vault values: a tag on the value (core 2.19 and later) or a type of its own (2.18, and not yet decrypted)."""
    tags = getattr(data, "_ansible_tags_mapping", None)
    if tags and any(getattr(tag, "__name__", "") == "VaultedValue" for tag in tags):
        return True
    return type(data).__name__ in ("EncryptedString", "AnsibleVaultEncryptedUnicode")


def known_secrets(environ: Mapping[str, str], variables: Mapping[str, Any] | None = None) -> list[str]:
    """The values that the environment and the variables call secret by their name; templates are not values yet."""
    named = {**environ, **(variables or {})}
    return [
        str.__str__(value)
        for key, value in named.items()
        if isinstance(value, str) and is_secret_key(str(key)) and len(value) >= 6 and "{{" not in value and not _is_file(value)
    ]


def _is_file(value: str) -> bool:
    """SSH_AUTH_SOCK and the like name a path, and paths are wanted in the ledger."""
    return value.startswith(("/", "~", "./"))
