# SPDX-License-Identifier: GPL-3.0-or-later
"""Which variables an approval is bound to: those that the globs name, of every host of the environment.

By default they are the documents that direct a deployment; approvals.yml adds what the templates of the services read. What is set on the command
line beside them is bound by its effect on the plan. A secret is bound by a keyed fingerprint; without a key its name is told as not bound.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot import keyed
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.subject import sha256
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.source import plain
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import canonical
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.redact import is_secret_key, is_vaulted

DEFAULT = ("evenkeel_environment", "evenkeel_services", "evenkeel_artifact_policy")


class Bound(NamedTuple):
    """hosts: {host: {name: digest}}; unbound: names of secrets that nothing stands for."""

    hosts: dict[str, dict[str, str]]
    unbound: list[str]


def names(known: Iterable[str], globs: Sequence[str]) -> list[str]:
    return sorted({str(name) for name in known if any(fnmatchcase(str(name), glob) for glob in (*DEFAULT, *globs))})


def bind(hosts: Mapping[str, Mapping[str, Any]], *, key: bytes | None = None) -> Bound:
    """hosts: {host: {name: value}} of the chosen names."""
    unbound: set[str] = set()
    return Bound(
        {host: {name: _of(name, value, key, unbound) for name, value in sorted(found.items())} for host, found in sorted(hosts.items())}, sorted(unbound)
    )


def _of(name: str, value: Any, key: bytes | None, unbound: set[str]) -> str:
    return sha256(_shut(value, name, name, key, unbound))


def _shut(value: Any, name: str, path: str, key: bytes | None, unbound: set[str]) -> Any:
    """Plain data with a fingerprint in the place of each secret: by the name of its key, or because it came out of a vault."""
    secret = is_vaulted(value) or (is_secret_key(name) and value not in (None, "", [], {}) and not isinstance(value, bool))
    if secret:
        if key is None:
            unbound.add(path)
            return "unbound"
        return f"{keyed.key_id(key)}:{keyed.fingerprint(canonical.dumps(plain(value)).decode(), key)}"
    if isinstance(value, Mapping):
        return {str(each): _shut(inner, str(each), f"{path}.{each}", key, unbound) for each, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_shut(inner, "", path, key, unbound) for inner in value]
    return plain(value)
