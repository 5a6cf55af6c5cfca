# SPDX-License-Identifier: GPL-3.0-or-later
"""Why an upgrade may not begin, or not go on. Each reason names the server, what was found, what is allowed and the next step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ansible_collections.evenkeel.release.plugins.module_utils._pgnode import facts

if TYPE_CHECKING:
    from ansible_collections.evenkeel.release.plugins.plugin_utils._upgrade.decide import Nodes, Wanted

ROOM = 2.2  # a backup and its restored copy, and some log


def always(nodes: Nodes, wanted: Wanted) -> list[str]:
    """What makes every step wrong."""
    return [*_topology(nodes, wanted), *_versions(nodes, wanted)]


def _topology(nodes: Nodes, wanted: Wanted) -> list[str]:
    faults = []
    clusters = {str(node["system_identifier"]): name for name, node in sorted(nodes.items())}
    if len(clusters) > 1:
        told = ", ".join(f"{name} has {identifier}" for identifier, name in clusters.items())
        faults.append(f"These servers are not one cluster (system identifier): {told}. Name the hosts of one cluster.")
    leaders = [name for name, node in sorted(nodes.items()) if node["state"] == "running" and node["role"] == "primary"]
    if len(leaders) > 1:
        told = ", ".join(f"{name} on timeline {nodes[name]['timeline']} at {nodes[name]['lsn']}" for name in leaders)
        faults.append(f"Several servers take writes: {told}. Stop the wrong one by hand; nothing is done while there are two.")
    if wanted.primary and wanted.primary not in nodes:
        faults.append(f"The wanted primary {wanted.primary} is none of {', '.join(sorted(nodes))}.")
    if wanted.method == "switchover" and len(nodes) < 2:
        faults.append(f"{next(iter(nodes))} has no replica to switch over to. Name the replicas too, or choose method in_place and announce the downtime.")
    return faults


def _versions(nodes: Nodes, wanted: Wanted) -> list[str]:
    """Only the same major version can read the data; a step back within it is not what an upgrade is for."""
    faults = []
    target = facts.version(wanted.version)
    for name, node in sorted(nodes.items()):
        for what in ("version", "installed", "new"):
            found = node.get(what)
            if found and facts.version(found)[0] != target[0]:
                faults.append(
                    f"{name}: {WHAT[what]} {found}, wanted is {wanted.version}: another major version, whose programs can't read this data."
                    " Use pg_upgrade or logical replication."
                )
            elif found and what == "version" and facts.version(found) > target:
                faults.append(f"{name} runs {found}, which is newer than {wanted.version}. An older minor version brings old faults back; name a newer one.")
        if node.get("new") and node["new"] != wanted.version and facts.version(node["new"])[0] == target[0]:
            faults.append(f"{name}: its new_bindir holds {node['new']}, wanted is {wanted.version}. Install the right one.")
    return faults


WHAT = {"version": "it runs", "installed": "its programs are", "new": "its new programs are"}


def before(nodes: Nodes, leader: str, wanted: Wanted, *, act: str, to: str) -> list[str]:
    """What forbids this act while the servers are as they are."""
    faults = [*_replicas(nodes, leader, wanted), *_backup(nodes, leader, wanted)]
    if act == "upgrade_primary":
        faults += _in_place(leader, wanted)
    if act == "switchover":
        faults += _slots(nodes, leader)
        if not nodes[to]["streaming"]:
            faults.append(f"{to} can't become the primary: it does not stream.")
    return faults


def _replicas(nodes: Nodes, leader: str, wanted: Wanted) -> list[str]:
    faults = []
    for name, node in sorted(nodes.items()):
        if name == leader:
            continue
        lag = node["lag_bytes"]
        if node["paused"]:
            faults.append(f"{name} does not replay: it is paused. Run pg_wal_replay_resume() on it, then run again.")
        elif not node["streaming"]:
            where = f"{node['upstream']['host'] or 'nowhere'}:{node['upstream']['port']}"
            faults.append(f"{name} is a replica and does not stream (it is told to follow {where}). Mend the replication, then run again.")
        elif lag is None or lag > wanted.max_lag:
            faults.append(f"{name} is {lag} bytes behind, allowed are {wanted.max_lag} (stateful_upgrade_max_lag). Wait until it has caught up.")
    for sender in nodes[leader]["senders"]:
        if sender["lag_bytes"] > wanted.max_lag:
            faults.append(
                f"{leader} says that {sender['name']} is {sender['lag_bytes']} bytes behind, allowed are {wanted.max_lag}. Wait until it has caught up."
            )
    others = sum(sender["state"] in ("streaming", "catchup") for sender in nodes[leader]["senders"])
    streaming = sum(node["streaming"] for name, node in nodes.items() if name != leader)
    if others > streaming:
        names = ", ".join(sorted(str(sender["name"]) for sender in nodes[leader]["senders"]))
        faults.append(f"{leader} feeds {others} servers ({names}), and {streaming} are named here. Name all of them: those left out would lose their primary.")
    return faults


def _backup(nodes: Nodes, leader: str, wanted: Wanted) -> list[str]:
    if all(node["version"] == wanted.version for node in nodes.values()):
        return []  # only the roles change
    if wanted.proof is not None:
        return [] if wanted.proof["usable"] else [f"There is no proved backup: {wanted.proof['why']}."]
    if any(node["backup"] and 0 <= node["backup"]["age_seconds"] <= wanted.backup_max_age for node in nodes.values()):
        return []
    node = nodes[leader]
    if node["disk"]["backup_free"] is None:
        return [f"{leader} has no folder for the backup. Name an existing one (stateful_upgrade_backup_dir), or prove another (stateful_upgrade_backup_proof)."]
    if node["tablespaces"]:
        return [f"{leader} has tablespaces, which the backup made here can't place. Make one with your own tool and give stateful_upgrade_backup_proof."]
    needed = int(ROOM * node["size"])
    if node["disk"]["backup_free"] < needed:
        return [
            f"{leader} has {node['disk']['backup_free']} bytes for the backup and its restored copy, needed are {needed}. Make room or name another folder."
        ]
    return []


def _in_place(leader: str, wanted: Wanted) -> list[str]:
    if wanted.announced:
        return []
    return [f"{leader} would be upgraded in place, and nobody can write while it is down. Announce that, then run again with stateful_upgrade_announced: true."]


def _slots(nodes: Nodes, leader: str) -> list[str]:
    logical = sorted(slot["name"] for slot in nodes[leader]["slots"] if slot["kind"] == "logical")
    if not logical:
        return []
    return [f"{leader} has the logical slots {', '.join(logical)}, which a switchover would leave behind. Drop them, or choose method in_place."]


def warnings(nodes: Nodes, leader: str, wanted: Wanted) -> list[str]:
    head: Mapping[str, Any] = nodes[leader]
    if head["synchronous"] and len(nodes) <= 2 and any(node["version"] != wanted.version for name, node in nodes.items() if name != leader):
        return [f"{leader} waits for {head['synchronous']} (synchronous_standby_names): writes wait while the replica restarts."]
    return []
