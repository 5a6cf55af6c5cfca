# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`firewall`: rules without their counters and handles.

A rule is named by what it says, so one more does not rename the others. Its place counts too: each chain holds the digest of its rules in their order.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.host import Host
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import Items, Unknown, printable

NAME = "firewall"
KINDS = ("firewall",)
COUNTERS = re.compile(r"\[\d+:\d+\]\s*")
# Filled by the traffic itself.
MOVING = {"dynamic", "timeout"}
COUNTED = {"packets", "bytes", "used", "used_unit", "expires"}
LEGACY = {"iptables-legacy": "/proc/net/ip_tables_names", "ip6tables-legacy": "/proc/net/ip6_tables_names"}


def collect(options: Mapping[str, Any], host: Host) -> Items:  # noqa: ARG001  all collectors are called alike
    """nftables, which also has what today's iptables writes; the older kernel tables where there are any."""
    try:
        return _rules(host)
    except Unknown as exc:
        raise Unknown(f"{exc}, asked by another than root" if os.geteuid() else str(exc)) from exc


def _rules(host: Host) -> Items:
    if host.which("nft"):
        items = _seen(_nft("\n".join(host.lines(["nft", "-j", "list", "ruleset"]))))
        for tool, names in LEGACY.items():
            items.update(_legacy(tool, names, host))
        return items
    tools = [tool for tool in ("iptables", "ip6tables") if host.which(f"{tool}-save")]
    if not tools:
        raise Unknown("neither nft nor iptables-save is installed")
    items = {}
    for tool in tools:
        items.update(_saved(tool, f"{tool}-save", host))
    if all("unknown" in items.get(f"firewall:{tool}", {}) for tool in tools):
        raise Unknown(items[f"firewall:{tools[0]}"]["unknown"])
    return _seen(items)


def _seen(items: Items) -> Items:
    """No rule at all is believed from root alone: to others some tools show nothing and call it success."""
    if not items and os.geteuid():
        raise Unknown("no rules are shown")
    return items


def _legacy(tool: str, names: str, host: Host) -> Items:
    try:
        if not host.text(names).strip():
            return {}
    except FileNotFoundError:
        return {}
    except Unknown as exc:
        return {f"firewall:{tool}": {"unknown": str(exc)}}
    return _saved(tool, f"{tool}-save", host)


def _saved(tool: str, command: str, host: Host) -> Items:
    try:
        lines = host.lines([command])
    except Unknown as exc:
        return {f"firewall:{tool}": {"unknown": str(exc)}}
    return rules_of(tool, lines)


def rules_of(tool: str, lines: list[str]) -> Items:
    """Items of the output of iptables-save."""
    items: Items = {}
    chains: dict[str, list[str]] = {}
    table = ""
    for line in lines:
        line = COUNTERS.sub("", line).strip()
        if line.startswith("*"):
            table = line[1:]
        elif line.startswith(":"):
            chain, policy = line[1:].split()[:2]
            items[f"firewall:{tool}/{table}/{chain}"] = {"policy": policy}
            chains[f"firewall:{tool}/{table}/{chain}"] = []
        elif line.startswith("-A "):
            chain, _space, rule = line[3:].partition(" ")
            chains.setdefault(f"firewall:{tool}/{table}/{chain}", []).append(rule)
    return _with_rules(items, chains)


def _nft(text: str) -> Items:
    try:
        objects = json.loads(text)["nftables"]
        return _objects([(kind, body) for one in objects for kind, body in one.items()])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as exc:
        raise Unknown(f"nft wrote what is not its JSON ({type(exc).__name__})") from exc


def _objects(objects: list[tuple[str, dict[str, Any]]]) -> Items:
    items: Items = {}
    chains: dict[str, list[str]] = {}
    for kind, body in objects:
        if kind in ("metainfo", "rule"):
            continue
        parts = [body["name"]] if kind == "table" else [body["table"], body["name"]]
        middle = "" if kind in ("table", "chain") else f"{kind} "
        key = printable(f"firewall:nft/{body['family']} " + f"/{middle}".join(parts))
        items[key] = _shown(body)
        if kind == "chain":
            chains[key] = []
    for body in [body for kind, body in objects if kind == "rule"]:
        key = printable(f"firewall:nft/{body['family']} {body['table']}/{body['chain']}")
        rule = {"expr": _still(body["expr"]), **({"comment": body["comment"]} if "comment" in body else {})}
        chains.setdefault(key, []).append(_canonical(rule))
    return _with_rules(items, chains)


def _shown(body: Mapping[str, Any]) -> dict[str, Any]:
    skipped = {"family", "table", "name", "handle", *COUNTED}
    if MOVING & set(body.get("flags") or ()):
        skipped.add("elem")
    return {field: value if isinstance(value, (str, int)) else _canonical(_still(value)) for field, value in sorted(body.items()) if field not in skipped}


def _still(value: Any) -> Any:
    """Without handles and without what packets count up."""
    if isinstance(value, list):
        return [_still(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {key: _still(one) for key, one in value.items() if key not in COUNTED and key != "handle"}


def _with_rules(items: Items, chains: Mapping[str, list[str]]) -> Items:
    for chain, rules in chains.items():
        items.setdefault(chain, {})["rules"] = hashlib.sha256("\n".join(rules).encode("utf-8", "surrogatepass")).hexdigest()[:32]
        seen: Counter[str] = Counter()
        for rule in rules:
            mark = hashlib.sha256(rule.encode("utf-8", "surrogatepass")).hexdigest()[:12]
            seen[mark] += 1
            items[f"{chain}/{mark}" + (f"#{seen[mark]}" if seen[mark] > 1 else "")] = {"rule": rule}
    return items


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
