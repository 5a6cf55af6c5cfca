# SPDX-License-Identifier: GPL-3.0-or-later
"""Exactly what will run, as one digest. Each part has a digest of its own, so that a refusal can say which one changed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.errors import ApprovalError
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import canonical

SCHEMA = "evenkeel.subject/1"
PARTS = ("release", "targets", "plan", "policies", "playbook", "variables")
MOST_HOSTS = 200
_BOUND = ("schema", "ledger", "environment", "release", "act", "parts")
Data = Mapping[str, Any]


def subject(
    *,
    ledger: str,
    environment: Data,
    release: Data,
    act: str,
    hosts: Sequence[str],
    plan: Data,
    batches: Sequence[Any] = (),
    policies: Data,
    playbook: Data,
    variables: Data,
    unbound: Sequence[str] = (),
) -> dict[str, Any]:
    """{schema, ledger, environment, release, act, parts: {name: sha256}, content: {name: what it is made of}}.

    environment is its document, release the manifest, policies {name: sha256}, playbook what revision.py tells of the code,
    variables {host: {name: sha256 or fingerprint}} and unbound the names of secrets that no key could fingerprint (variables.py).
    """
    if not ledger:
        raise ApprovalError("What is to be approved has no name of a ledger: set evenkeel_ledger_name, so that no other installation takes the approval.")
    components = {name: _artifact(component) for name, component in release.get("components", {}).items()}
    content: dict[str, Any] = {
        "release": {"version": release["version"], "components": components, "manifest": sha256(release)},
        "targets": {"hosts": sorted(hosts), "environment": sha256(environment)},
        "plan": {"services": _services(plan), "batches": sha256(list(batches)), "whole": sha256(plan)},
        "policies": dict(policies),
        "playbook": dict(playbook),
        "variables": {"hosts": dict(variables), "unbound": sorted(unbound)},
    }
    return {
        "schema": SCHEMA,
        "ledger": ledger,
        "environment": str(environment["name"]),
        "release": str(release["version"]),
        "act": act,
        "parts": {name: sha256(content[name]) for name in PARTS},
        "content": content,
    }


def digest(given: Data) -> str:
    """SHA-256 of the RFC 8785 form of what the subject says, its parts by their digests."""
    return sha256({name: given[name] for name in _BOUND})


def whole(given: Any) -> bool:
    """Whether the parts are the digests of the content: a request is a file that anybody could have changed."""
    try:
        return set(given["content"]) == set(PARTS) and all(given["parts"][name] == sha256(given["content"][name]) for name in PARTS)
    except (KeyError, TypeError, ValueError):
        return False


def shows(given: Data) -> dict[str, Any]:
    """What the approver reads of it in the statement, beside the digests."""
    content = given["content"]
    hosts = content["targets"]["hosts"]
    more = [f"and {len(hosts) - MOST_HOSTS} more, see request.json"] if len(hosts) > MOST_HOSTS else []
    return {
        "artifacts": {name: f"{one['version']} sha256:{','.join(one['sha256'])}"[:300] for name, one in content["release"]["components"].items()},
        "services": dict(content["plan"]["services"]),
        "hosts": [*hosts[:MOST_HOSTS], *more],
        "unbound": list(content["variables"]["unbound"]),
    }


def changed(before: Data, now: Data) -> list[str]:
    """Where two subjects differ, in words such as `variables: hosts.web1.shop_port`; empty when they are the same."""
    found = [f"{name} ({before.get(name)} then, {now[name]} now)" for name in ("ledger", "environment", "release", "act") if before.get(name) != now[name]]
    for name in PARTS:
        if before.get("parts", {}).get(name) != now["parts"][name]:
            where = list(_paths(before.get("content", {}).get(name), now["content"][name], ()))
            listed = ", ".join(where[:5]) + (f" and {len(where) - 5} more" if len(where) > 5 else "")
            found.append(f"{name}: {listed}" if listed else name)
    return found


def sha256(value: Any) -> str:
    try:
        return hashlib.sha256(canonical.dumps(value)).hexdigest()
    except (TypeError, ValueError) as exc:  # rfc8785 raises a ValueError of its own
        raise ApprovalError(f"What is to be approved can't be put into one form (RFC 8785): {exc}") from exc


def _artifact(component: Data) -> dict[str, Any]:
    variants = component.get("variants") or [component]
    return {"version": str(component.get("version", "")), "sha256": sorted(str(each.get("sha256", "")) for each in variants)}


def _services(plan: Data) -> dict[str, str]:
    return {
        str(each["service"]): f"{each.get('previous') or 'nothing'} -> {each.get('release', '')} ({each.get('strategy', '')})"[:300]
        for each in plan.get("services", [])
    }


def _paths(before: Any, now: Any, path: tuple[str, ...]) -> Iterator[str]:
    if before == now:
        return
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for key in sorted({*before, *now}):
            yield from _paths(before.get(key), now.get(key), (*path, str(key)))
    else:
        yield ".".join(path)
