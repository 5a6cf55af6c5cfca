# SPDX-License-Identifier: GPL-3.0-or-later
"""One path of hosts here and there: who has which state, and whether two states count as the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.normalize import Rule, ignored, unlike
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.seen import Item, Seen
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.shown import REDACTED, TWO_KEYS, attributes, difference, is_secret, whole

States = list[tuple[Item | None, list[str]]]
ALIKE = "the same in both environments"


class Ways(NamedTuple):
    """What counts as the same."""

    rules: Sequence[Rule]
    secrets: str  # presence | equal | different


def read(side: Mapping[str, Item | None]) -> dict[str, Item | None]:
    return {host: item for host, item in side.items() if not (item and "unknown" in item)}


def reason(side: Mapping[str, Item | None], hosts: list[str]) -> dict[str, Any] | None:
    return {"unknown": str((side[hosts[0]] or {})["unknown"])} if hosts else None


def states(side: Mapping[str, Item | None]) -> States:
    found: States = []
    for host in sorted(side):
        known = next((hosts for item, hosts in found if item == side[host]), None)
        if known is None:
            found.append((side[host], [host]))
        else:
            known.append(host)
    return found


def usual(found: States) -> tuple[Item | None, list[str]]:
    return max(found, key=lambda state: len(state[1]))


def has_secret(item: Item) -> bool:
    return any(is_secret(value) for value in attributes(item).values())


def same(path: str, here: Item | None, there: Item | None, ways: Ways) -> bool:
    if here is None or there is None:
        return here is there or ignored(path, ways.rules)
    return here == there or not _names(path, here, there, ways)


def _names(path: str, here: Item, there: Item, ways: Ways) -> list[str]:
    names = unlike(path, here, there, ways.rules)
    if ways.secrets == "equal":
        return names
    left, right = attributes(here), attributes(there)
    # Whether it is there counts, not what it is: two environments have secrets of their own.
    return [name for name in names if not (is_secret(left.get(name)) and is_secret(right.get(name)))]


def shown(path: str, items: tuple[Item | None, Item | None], ways: Ways) -> tuple[str, Any, Any, list[str]]:
    """(kind, before, after, names of the attributes that differ) of the state there and the one here."""
    there, here = items
    if here is None or there is None:
        return "added" if there is None else "removed", whole(there), whole(here), sorted(attributes(here or there or {}))
    names = _names(path, here, there, ways)
    before, after, unknown = difference(there, here)
    before, after = ({name: value for name, value in side.items() if name in names} for side in (before, after))
    if unknown and ways.secrets == "equal":
        return "unknown", before, {**after, "unknown": unknown}, names
    return "changed", before, after, names


def drifted(path: str, hosts: Sequence[Seen], ways: Ways) -> bool | None:
    """Whether one of them is not as its baseline says; None when that is not known of all."""
    if any(host.baseline is None for host in hosts):
        return None
    exact = Ways(ways.rules, "equal")
    return any(not same(path, host.items.get(path), (host.baseline or {}).get(path), exact) for host in hosts)


def expected(path: str, host: Seen, names: Sequence[str]) -> dict[str, Any] | None:
    item = whole((host.baseline or {}).get(path))
    return None if item is None else {name: value for name, value in item.items() if name in names}


def not_different(here: States, there: States) -> Iterator[tuple[str, Any, Any, list[str], list[str]]]:
    """(kind, before, after, hosts, hosts there) of secrets that should be different and are not, or not provably."""
    for item, hosts in here:
        for other, hosts_there in there:
            left, right = attributes(item or {}), attributes(other or {})
            names = [name for name, value in left.items() if is_secret(value) and is_secret(right.get(name))]
            alike = [name for name in names if left[name] == right[name]]
            if alike:
                yield "changed", dict.fromkeys(alike, REDACTED), dict.fromkeys(alike, ALIKE), hosts, hosts_there
            elif any(left[name]["key"] != right[name]["key"] for name in names):
                yield "unknown", None, {"unknown": TWO_KEYS}, hosts, hosts_there
