# SPDX-License-Identifier: GPL-3.0-or-later
"""After a deployment: from what the hosts answered to the hosts of the next baseline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.baseline import BaselineError, Hosts
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.baseline_book import gaps
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.decide import changes_of
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.fold import applied, expected
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.store import Objects
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.written import Written

# {host: {service: result of drift_snapshot}}
Seen = Mapping[str, Mapping[str, Mapping[str, Any]]]


class Folded(NamedTuple):
    """new: subjects that no baseline knew; left: subjects that could not be looked at or have gaps, and why; they stay as they were."""

    hosts: dict[str, dict[str, dict[str, Any]]]
    new: list[str]
    left: list[str]


def hosts_after(
    *, before: Hosts, seen: Seen, declared: Mapping[str, list[str]], written: Mapping[str, Mapping[str, Written]], store: str, objects: Objects, dry: bool
) -> Folded:
    """declared: services of each host of the environment, also of hosts that told nothing: these keep what they had."""
    done = Folded({}, [], [])
    for host, services in declared.items():
        for service in services:
            base, result = before.get(host, {}).get(service), seen.get(host, {}).get(service)
            if base is None and result is not None:
                about = _whole(f"{host}/{service}", result, objects=objects, done=done)
            elif base is not None and result is not None:
                about = _folded(f"{host}/{service}", base, result, written=written[host][service], store=store, objects=objects, dry=dry)
            else:
                about = dict(base) if base else None
            if about:
                done.hosts.setdefault(host, {})[service] = about
    return done


def whole(result: Mapping[str, Any], objects: Objects) -> tuple[dict[str, Any], list[str]]:
    """(what a baseline says of a subject, its gaps)."""
    record = objects.record(result["root"])
    return {"root": record.root, "items": len(record.all_items())}, gaps(record)


def _whole(subject: str, result: Mapping[str, Any], *, objects: Objects, done: Folded) -> dict[str, Any] | None:
    about, found = whole(result, objects)
    if found:
        done.left.append(f"{subject}: {', '.join(found[:10])}")
        return None
    done.new.append(subject)
    return about


def _folded(subject: str, base: Mapping[str, Any], result: Mapping[str, Any], *, written: Written, store: str, objects: Objects, dry: bool) -> dict[str, Any]:
    if result.get("baseline") != base["root"]:
        raise BaselineError(f"{subject} was compared with another baseline than the one in force: it was promoted at this moment. Next: run this again.")
    if result.get("same"):
        return dict(base)
    record = objects.record(base["root"])
    changes = changes_of(result, store)
    wanted = expected(record, changes, written)
    now = applied(record, wanted)
    if not dry:
        objects.put_record(now, base=record.root)
    grown = sum((item is not None) - (changes[path]["before"] is not None) for path, item in wanted.items())
    return {"root": now.root, "items": base["items"] + grown}
