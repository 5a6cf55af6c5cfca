# SPDX-License-Identifier: GPL-3.0-or-later
"""The next step of a minor upgrade: a pure function of what the servers are now. Nothing is remembered between two steps, so a run that was killed
is finished by the next one.

nodes: {name: what postgresql_node observed, with `address` and `port` for the other servers}. wanted: see `Wanted`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.module_utils._pgnode import facts
from ansible_collections.evenkeel.release.plugins.plugin_utils._upgrade import refuse

Node = Mapping[str, Any]
Nodes = Mapping[str, Node]


class Wanted(NamedTuple):
    """version: major.minor. primary: who shall be the primary in the end, empty for whoever is. announced: the lone primary may be down.
    proof: of a backup made elsewhere, `usable` and `why`; None to make one."""

    version: str
    method: str = "auto"
    primary: str = ""
    announced: bool = False
    rewind: bool = False
    max_lag: int = 1048576
    backup_max_age: int = 3600
    proof: Mapping[str, Any] | None = None


class Step(NamedTuple):
    """act: as of postgresql_node, or `switchover`. host: on whom. to: the new primary of a switchover, the one to follow otherwise."""

    act: str
    host: str
    to: str = ""
    rewind: bool = False
    after: str = ""
    slots: tuple[str, ...] = ()
    why: str = ""


class Decision(NamedTuple):
    """step: None when there is none. done: only when everything is as wanted. refusals: why nothing may be done."""

    step: Step | None
    refusals: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def done(self) -> bool:
        return self.step is None and not self.refusals


def decide(nodes: Nodes, wanted: Wanted) -> Decision:
    refusals = refuse.always(nodes, wanted)
    if refusals:
        return Decision(None, tuple(refusals))
    leader = primary(nodes)
    if leader is None:
        return _leaderless(nodes)
    mending = _mending(nodes, leader, wanted)
    if mending:
        return mending
    step = _upgrading(nodes, leader, wanted)
    if step is None:
        return Decision(None)
    refusals = refuse.before(nodes, leader, wanted, act=step.act, to=step.to)
    if refusals:
        return Decision(None, tuple(refusals))
    return Decision(_backup_first(nodes, leader, wanted) or step, warnings=tuple(refuse.warnings(nodes, leader, wanted)))


def primary(nodes: Nodes) -> str | None:
    """The one that runs as a primary; `refuse.always` has made sure that there are not two."""
    return next((name for name, node in sorted(nodes.items()) if node["state"] == "running" and node["role"] == "primary"), None)


# --- nobody takes writes: first of all, somebody has to -------------------------------------------------------------
def _leaderless(nodes: Nodes) -> Decision:
    """Between two steps of a switchover, or within an upgrade in place, a run was killed."""
    left = [name for name, node in sorted(nodes.items()) if node["state"] == "stopped" and node["role"] == "primary"]
    if len(left) != 1:
        found = "none was" if not left else f"{' and '.join(left)} were"
        return Decision(None, (f"No server takes writes, and {found} the primary before. Start the right one by hand, then run again.",))
    old = nodes[left[0]]
    if old["control"]["state"] != "shut down":
        text = f"The primary {left[0]} is down and its state is {old['control']['state']!r}: it was not stopped cleanly. Start it, look into its log"
        return Decision(None, (f"{text}, then run again.",))
    # The one that it was fenced for comes first: it may have been asked already, and two would take writes if another were asked as well.
    heirs = sorted((name for name, node in nodes.items() if _has_all(node, old)), key=lambda name: (not _follows(old, nodes[name]), name))
    if old["fenced"] and heirs:
        slots = tuple(sorted({node["slot"] for name, node in nodes.items() if node["slot"] and name != heirs[0]}))
        return Decision(Step("promote", heirs[0], after=old["control"]["checkpoint"], slots=slots, why=f"{left[0]} stepped down and it has all of its log"))
    return Decision(Step("resume", left[0], why="it was stopped and nobody took its place"))


def _follows(old: Node, node: Node) -> bool:
    return (node.get("address"), node.get("port")) == (old["upstream"]["host"], old["upstream"]["port"])


def _has_all(node: Node, old: Node) -> bool:
    if node["state"] != "running" or node["role"] != "replica" or node["paused"] or node["timeline"] != old["timeline"]:
        return False
    return facts.lsn(node["lsn"]) > facts.lsn(old["control"]["checkpoint"])


# --- the primary is there: the others have to follow it -------------------------------------------------------------
def _mending(nodes: Nodes, leader: str, wanted: Wanted) -> Decision | None:
    head = nodes[leader]
    for name, node in sorted(nodes.items()):
        if node["state"] == "running" and node["role"] == "replica" and not node["streaming"] and node["timeline"] < head["timeline"]:
            return Decision(Step("repoint", name, to=leader, why=f"it still follows the timeline {node['timeline']}"))
    for name, node in sorted(nodes.items()):
        if node["state"] == "stopped" and node["role"] == "primary":
            return _attach(name, node, leader, head, wanted)
        if node["state"] == "stopped":
            return Decision(Step("upgrade_replica", name, why="it is stopped"))
    return _backup_slots(nodes) or _stale_slots(nodes, leader)


def _backup_slots(nodes: Nodes) -> Decision | None:
    """That of a backup which was killed keeps the log until the disk is full. One that is still being made holds the server's lock."""
    for name, node in sorted(nodes.items()):
        if any(slot["name"] == facts.BACKUP_SLOT and slot["kind"] == "physical" and not slot["active"] for slot in node["slots"]):
            return Decision(Step("drop_slots", name, slots=(facts.BACKUP_SLOT,), why="a backup that was killed has left one"))
    return None


def _stale_slots(nodes: Nodes, leader: str) -> Decision | None:
    """A slot of the new primary's replicas that the old primary still has keeps the log there until its disk is full."""
    used = {node["slot"] for node in nodes.values() if node["slot"]}
    for name, node in sorted(nodes.items()):
        idle = {slot["name"] for slot in node["slots"] if slot["kind"] == "physical" and not slot["active"]}
        if name != leader and idle & used:
            return Decision(Step("drop_slots", name, slots=tuple(sorted(idle & used)), why="those who read them follow the new primary now"))
    return None


def _attach(name: str, node: Node, leader: str, head: Node, wanted: Wanted) -> Decision:
    """A rewind throws away what only this server has; that is for a person to allow."""
    why = facts.diverged(node["control"], head)
    if why == "":
        return Decision(Step("upgrade_replica", name, to=leader, why="it was the primary"))
    reason = f"its state is {node['control']['state']!r}, so nobody can tell where it ended" if why is None else why
    if wanted.rewind:
        return Decision(Step("upgrade_replica", name, to=leader, rewind=True, why=f"it was the primary, and {reason}"))
    text = f"{name} was a primary and can't simply follow {leader}: {reason}. Its own last writes would be thrown away. Save them, then run again with"
    return Decision(None, (f"{text} stateful_upgrade_rewind: true, or rebuild it with pg_basebackup.",))


# --- all follow: the upgrade ----------------------------------------------------------------------------------------
def _upgrading(nodes: Nodes, leader: str, wanted: Wanted) -> Step | None:
    replicas = [name for name in sorted(nodes) if name != leader]
    for name in replicas:
        if not current(nodes[name], wanted):
            return Step("upgrade_replica", name, why=f"it runs {nodes[name]['version']}; replicas come first")
    if not current(nodes[leader], wanted):
        if not replicas or wanted.method == "in_place":
            return Step("upgrade_primary", leader, why=f"it runs {nodes[leader]['version']}; writes are down meanwhile")
        return _switchover(nodes, leader, wanted, why=f"it runs {nodes[leader]['version']}, and a replica can take its place")
    if wanted.primary and wanted.primary != leader:
        return _switchover(nodes, leader, wanted, why=f"{wanted.primary} is wanted as the primary")
    return None


def _switchover(nodes: Nodes, leader: str, wanted: Wanted, *, why: str) -> Step:
    replicas = [name for name in sorted(nodes) if name != leader]
    heir = min(replicas, key=lambda name: (name != wanted.primary, not nodes[name]["streaming"], nodes[name]["lag_bytes"] or 0, name))
    slots = tuple(sorted({nodes[name]["slot"] for name in replicas if nodes[name]["slot"] and name != heir}))
    return Step("switchover", leader, to=heir, slots=slots, why=why)


def current(node: Node, wanted: Wanted) -> bool:
    return bool(node["version"] == wanted.version)


def _backup_first(nodes: Nodes, leader: str, wanted: Wanted) -> Step | None:
    if wanted.proof is not None or all(current(node, wanted) for node in nodes.values()):
        return None
    found = [node["backup"] for node in nodes.values() if node["backup"]]
    if any(0 <= backup["age_seconds"] <= wanted.backup_max_age for backup in found):
        return None
    return Step("backup", leader, why="there is no proved backup that is young enough")
