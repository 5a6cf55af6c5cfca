# SPDX-License-Identifier: GPL-3.0-or-later
"""The decisions of the role stateful_upgrade, each from plain data to plain data."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._pgnode import facts
from ansible_collections.evenkeel.release.plugins.module_utils._pgnode.errors import NodeError
from ansible_collections.evenkeel.release.plugins.module_utils._preserve.errors import PreserveError
from ansible_collections.evenkeel.release.plugins.plugin_utils._upgrade.decide import Step, Wanted, decide, primary
from ansible_collections.evenkeel.release.plugins.plugin_utils._upgrade.errors import UpgradeError
from ansible_collections.evenkeel.release.plugins.plugin_utils._upgrade.simulate import course

NEEDED = ("data", "bindir")
LISTS = ("prepare", "install", "revert", "start", "stop")
PATHS = ("new_bindir", "old_bindir", "socket")
KNOWN = (*NEEDED, *LISTS, *PATHS, "port", "address")
COERCED = {"version": str, "method": str, "primary": str, "announced": bool, "rewind": bool, "max_lag": int, "backup_max_age": int}
METHODS = ("auto", "switchover", "in_place")


def described(hosts: Sequence[str], variables: Mapping[str, Any], version: str, method: str) -> dict[str, dict[str, Any]]:
    """The servers as the inventory describes them; every fault in one report."""
    faults = [] if hosts else ["the group has no hosts"]
    if method not in METHODS:
        faults.append(f"method is {method!r}, allowed are {', '.join(METHODS)}")
    try:
        facts.version(version)
    except NodeError as exc:
        faults.append(f"stateful_upgrade_version: {exc}")
    nodes = {}
    for host in hosts:
        node = dict(variables.get(host) or {})
        faults += [f"{host}: stateful_upgrade_node.{key} is missing" for key in NEEDED if not node.get(key)]
        faults += [f"{host}: stateful_upgrade_node.{key} is unknown; allowed are {', '.join(sorted(KNOWN))}" for key in sorted(set(node) - set(KNOWN))]
        faults += [f"{host}: stateful_upgrade_node.{key} has to be a list of a program and its arguments" for key in LISTS if _no_list(node.get(key))]
        if node.get("new_bindir") and node.get("install"):
            faults.append(f"{host}: stateful_upgrade_node has new_bindir and install; the new programs come by one of them")
        if not node.get("new_bindir") and not node.get("install"):
            faults.append(f"{host}: stateful_upgrade_node has neither new_bindir nor install; the new programs come by one of them")
        if not node.get("address"):
            faults.append(f"{host}: stateful_upgrade_node.address is missing: where the others reach it")
        nodes[host] = {**node, "port": int(node.get("port") or 5432)}
    if faults:
        raise UpgradeError(f"The upgrade can't begin, and nothing was done: {'; '.join(faults)}.")
    return nodes


def _no_list(value: Any) -> bool:
    return value is not None and (not isinstance(value, list) or not all(isinstance(word, str | int) for word in value))


def wanted(options: Mapping[str, Any]) -> Wanted:
    proof = options.get("proof") or None
    values = {key: COERCED[key](value) for key, value in options.items() if key in COERCED}
    return Wanted(**values, proof=_judged(proof) if proof else None)


def _judged(proof: Mapping[str, Any]) -> Mapping[str, Any]:
    # Brings a driver of databases, which takes longer to load than all else here takes; every step asks.
    from ansible_collections.evenkeel.release.plugins.module_utils._preserve.database import proven

    try:
        return proven(proof, now=time.time(), checked=None)
    except (PreserveError, KeyError) as exc:
        return {"usable": False, "why": str(exc)}


def seen(results: Sequence[Mapping[str, Any]], described: Mapping[str, Mapping[str, Any]], max_lag: int) -> dict[str, Any]:
    """What the servers are; each that could not be asked is a fault. behind: whether time would help."""
    nodes, faults = {}, []
    for result in results:
        host = str(result["item"])
        if isinstance(result.get("node"), Mapping):
            nodes[host] = {**result["node"], "address": described[host]["address"], "port": described[host]["port"]}
        else:
            faults.append(f"{host}: {str(result.get('msg') or 'no answer').strip()}")
    servers = [{"address": node["address"], "port": node["port"]} for node in described.values()]
    return {"nodes": nodes, "faults": faults, "servers": servers, "behind": behind(nodes, int(max_lag))}


def behind(nodes: Mapping[str, Any], max_lag: int) -> bool:
    """A replica of a primary that runs may catch up, or connect again. One that is paused, or follows another timeline, won't."""
    leader = primary(nodes)
    if leader is None:
        return False
    if any(sender["lag_bytes"] > max_lag for sender in nodes[leader]["senders"]):
        return True
    for node in nodes.values():
        waits = node["state"] == "running" and node["role"] == "replica" and not node["paused"] and node["timeline"] >= nodes[leader]["timeline"]
        if waits and (not node["streaming"] or node["lag_bytes"] is None or node["lag_bytes"] > max_lag):
            return True
    return False


def plan(nodes: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that would be done, in words and as data, or why nothing is."""
    try:
        steps, end = course(nodes, wanted(options))
    except NodeError as exc:
        return {"steps": [], "refusals": [str(exc)], "says": [], "state": state(nodes)}
    says = [f"{number}. {sentence(step)}" for number, step in enumerate(steps, start=1)]
    nothing = [] if steps or end.refusals else [f"All servers run {options['version']}, nothing is to be done."]
    return {"steps": [_data(step) for step in steps], "refusals": list(end.refusals), "says": [*state(nodes), *says, *nothing], "state": state(nodes)}


def step(nodes: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    try:
        decision = decide(nodes, wanted(options))
    except NodeError as exc:
        return {"step": {}, "says": "", "refusals": [str(exc)], "warnings": []}
    found = decision.step
    return {
        "step": _data(found) if found else {},
        "says": sentence(found) if found else "",
        "refusals": list(decision.refusals),
        "warnings": list(decision.warnings),
    }


def way_out(nodes: Mapping[str, Any], old: str, heir: str, promoting: bool) -> dict[str, Any]:
    """After a switchover that failed. The old primary comes back only when the heir is seen to be a replica that nobody has asked to be more.

    promoting: the heir was asked, and may do it yet.
    """
    before, after = nodes.get(old) or {}, nodes.get(heir) or {}
    if after.get("role") == "primary":
        return {"resume": False, "moved": True, "says": f"{heir} is the primary."}
    if before.get("state") == "running" and before.get("role") == "primary":
        return {"resume": False, "moved": False, "says": f"{old} still is the primary."}
    if after.get("role") == "replica" and not promoting and before.get("state") == "stopped":
        return {"resume": True, "moved": False, "says": f"The way back was taken: {old} is the primary."}
    if after.get("role") == "replica" and promoting:
        why = f"{heir} may become the primary yet, and then both would take writes"
    else:
        why = " and ".join(f"{name} can't be asked" for name, node in ((old, before), (heir, after)) if not node) or f"{old} is a running replica"
    return {"resume": False, "moved": False, "says": f"The way back was not taken, since {why}."}


def _data(step: Step) -> dict[str, Any]:
    return {**step._asdict(), "slots": list(step.slots)}


SENTENCES = {
    "backup": "back up {host}, restore the backup on the side and compare",
    "upgrade_replica": "upgrade {host} as a replica{of}",
    "upgrade_primary": "upgrade the primary {host} in place, writes are down meanwhile",
    "switchover": "make {to} the primary instead of {host}",
    "promote": "promote {host}",
    "resume": "start {host} again",
    "repoint": "let {host} follow {to}",
    "drop_slots": "drop the slots that nobody reads on {host}",
}


def sentence(step: Step) -> str:
    of = f" of {step.to}" if step.to and step.act == "upgrade_replica" else ""
    text = SENTENCES[step.act].format(host=step.host, to=step.to, of=of)
    return f"{text}{' after pg_rewind' if step.rewind else ''}: {step.why}"


def state(nodes: Mapping[str, Any]) -> list[str]:
    return [
        f"{name}: {node['state']} {node['role']}, {node['version'] or node['installed']}"
        + (f", {node['lag_bytes']} bytes behind" if node["role"] == "replica" and node["lag_bytes"] is not None else "")
        for name, node in sorted(nodes.items())
    ]
