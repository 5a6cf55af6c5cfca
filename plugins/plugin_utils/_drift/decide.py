# SPDX-License-Identifier: GPL-3.0-or-later
"""From what a host answered to a verdict."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.allow import allow
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.compare import Finding, findings, verdict
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.normalize import significant
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.score import host_score
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.severity import by_severity


def decide(
    result: Mapping[str, Any],
    declared: Sequence[Mapping[str, Any]],
    *,
    rules: Mapping[str, Any],
    today: date,
    host: str = "",
    store: str = "",
    texts: Mapping[str, Mapping[str, str]] | None = None,
) -> dict[str, Any]:
    """{verdict, findings, allowed, unused, score, by_severity} of a result of drift_snapshot that was compared with a baseline."""
    if "same" not in result:
        raise KeyError("same: the host was not asked to compare with a baseline")
    contents = {path: (each["before"].encode(), each["after"].encode()) for path, each in (texts or {}).items()}
    counted = significant(changes_of(result, store), rules.get("normalize") or ())
    found = findings(counted, result.get("baseline_collectors"), result["collectors"], rules=rules.get("severities") or (), texts=contents)
    return judged(found, declared, rules=rules, today=today, host=host)


def changes_of(result: Mapping[str, Any], store: str = "") -> dict[str, Any]:
    """Out of the result, or out of the store when they were too many to travel in it."""
    if "changes_object" not in result:
        return dict(result.get("changes") or {})
    if not store:
        raise ValueError("the changes lie in the store: give its place as store")
    # Only who has so many changes needs a store, and a store needs a database driver.
    from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.store import StoreError, open_objects

    try:
        loaded: dict[str, Any] = json.loads(open_objects(store).get(result["changes_object"]))
    except StoreError as exc:
        raise ValueError(str(exc)) from exc
    return loaded


def judged(found: Sequence[Finding], declared: Sequence[Mapping[str, Any]], *, rules: Mapping[str, Any], today: date, host: str = "") -> dict[str, Any]:
    result = allow(found, declared, today=today, host=host)
    left = result["findings"]
    return {"verdict": verdict(left), **result, "score": host_score(left, rules.get("weights")), "by_severity": by_severity(left)}
