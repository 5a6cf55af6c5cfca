# SPDX-License-Identifier: GPL-3.0-or-later
"""The documents `evenkeel_preserve` and `evenkeel_rehearsal`: all their faults at once, before anything is done."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._preserve.errors import PreservationError

KINDS = {"preserve": "evenkeel_preserve", "rehearsal": "evenkeel_rehearsal"}


def checked(kind: str, document: Mapping[str, Any], *, today: date) -> dict[str, Any]:
    # Slow to load, and every filter is loaded by each task that uses one.
    from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.check import check
    from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.report import render
    from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.source import Source

    faults = check(kind, dict(document), today=today, source=Source(KINDS[kind]))
    if faults:
        raise PreservationError(render(faults, {KINDS[kind]: 1}))
    return dict(document)


def flags_of_host(document: Mapping[str, Any], host: str) -> list[dict[str, Any]]:
    """Files of flagd that a host has, as module preserve takes them."""
    return [
        {key: one[key] for key in ("path", "flags") if key in one}
        for one in document.get("flags", [])
        if one["provider"] == "flagd" and host in (one.get("hosts") or [host])
    ]


def flags_of_servers(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [dict(one) for one in document.get("flags", []) if one["provider"] == "unleash"]


def databases(document: Mapping[str, Any], hosts: Mapping[str, list[str]]) -> list[dict[str, Any]]:
    """One piece of work per database: {service, host, method, options of module preserve_database}. hosts: {service: its hosts}."""
    found = []
    for service, one in sorted(document.get("databases", {}).items()):
        host = str(one.get("host") or next(iter(hosts.get(service) or []), ""))
        if not host and one["method"] != "none":
            known = ", ".join(sorted(hosts)) or "none"
            raise PreservationError(f"evenkeel_preserve.databases has {service}, which has no host; services with hosts are {known}. Name its host.")
        found.append({**one, "service": service, "host": host or "localhost"})
    return found


def server_flags(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of the ledger out of what module feature_flag_info said of each server; a flag that a server lacks is an error."""
    found = []
    for result in results:
        server = result["item"]
        if result.get("missing"):
            raise PreservationError(f"{server['url']} has no flag {', '.join(result['missing'])}, which evenkeel_preserve.flags names.")
        rows = [row for row in result["flags"] if row["key"] in server["flags"]]
        found += [{"url": server["url"], "name": row["key"], "share": row["share"], "killed": bool(row["killed"])} for row in rows]
    return found


def restored(
    work: list[dict[str, Any]], colours: Mapping[str, str], rows: list[dict[str, Any]], *, host: str, release: str, services: list[str]
) -> list[dict[str, Any]]:
    """The services of a host that are restored, with their colour; one that names none is restored where it is live.

    rows: the services of the record. Only those that ran the release there, and of these only `services` when there are any.
    """
    ran = {row["service"] for row in rows if row["host"] == host and row["release"] and row["release"] == release}
    chosen = [one for one in work if one["service"] in ran and (not services or one["service"] in services)]
    return [{**one, "colour": colours[one["service"]]} if colours.get(one["service"]) else dict(one) for one in chosen]
