# SPDX-License-Identifier: GPL-3.0-or-later
"""The facts that risk.assess() and describe.papers() take, from documents and ledger entries that are already read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._change import past
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.evidence import newest_drift
from ansible_collections.evenkeel.release.plugins.plugin_utils._preserve.rehearsal import rehearsals

Document = Mapping[str, Any]
GIVEN = ("keys_changed", "one_way", "incidents", "start", "end", "duration_minutes")


def facts(
    *,
    scope: Document,
    services: Mapping[str, Document],
    environment: Document,
    manifest: Document | None,
    groups: Mapping[str, Sequence[str]],
    zones: Mapping[str, str],
    history: Sequence[Document],
    entries: Iterable[Document],
    given: Document,
    preserve: Document | None,
    now: str,
) -> dict[str, Any]:
    """entries: drift of the environment, and validations, migrations, deployments and rollbacks of the release anywhere, oldest first.

    given: what people told beside it, of GIVEN; it wins over what the ledger tells. What nobody knows is left out.
    """
    known, name = list(entries), str(environment["name"])
    found: dict[str, Any] = {
        "hosts_total": len(set(groups.get(name, ()))) or None,
        "hosts_of": {service: sorted(groups[one["hosts"]]) for service, one in services.items() if one.get("hosts") in groups},
        "zones": {host: zone for host, zone in zones.items() if zone},
        "drift": newest_drift(known, name),
        "rehearsal": rehearsals(known, manifest, now=now) if manifest else None,
        "one_way": one_way(known, str(scope["release"])),
        "duration_minutes": past.minutes(history, [str(each["service"]) for each in scope["services"]]),
        "preserved": {name: {"method": one.get("method")} for name, one in preserve.get("databases", {}).items()} if preserve else None,
    }
    found |= {key: given[key] for key in GIVEN if given.get(key) is not None}
    return {key: value for key, value in found.items() if value is not None}


def one_way(entries: Iterable[Document], release: str) -> bool | None:
    """Whether a migration of the release was one-way where it ran before; None when it ran nowhere."""
    told = [
        bool(entry["body"].get("one_way")) for entry in entries if entry["kind"] == "migration" and entry["release"] == release and entry["phase"] == "intent"
    ]
    return any(told) if told else None
