# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines of settings as items: the text is a part of the name, so a secret in it must not be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.host import Host
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.secrets import is_secret, redact_line
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import Items, Unknown


def shown(text: str, host: Host) -> tuple[str, dict[str, Any]]:
    """(the text as it may be shown, what stands for the secret in it)."""
    safe = redact_line(text)
    return safe, {} if safe == text else fingerprint(text, host)


def value(name: str, text: str, *, host: Host, patterns: Sequence[str] = ()) -> dict[str, Any]:
    """{"value": text}, or only what stands for it."""
    return fingerprint(text, host) if is_secret(name, text, patterns) else {"value": text}


def fingerprint(text: str, host: Host) -> dict[str, Any]:
    try:
        return host.secret(text)
    except Unknown as exc:
        return {"unknown": str(exc)}


def add(items: Items, key: str, item: Mapping[str, Any]) -> None:
    """Two lines with one name are two items: `name`, `name#2`."""
    name, number = key, 1
    while name in items:
        number += 1
        name = f"{key}#{number}"
    items[name] = dict(item)
