# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hosts of two environments are each other's like: those that run the same services, whatever their names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

Roles = frozenset[str]


def matched(here: Mapping[str, Iterable[str]], there: Mapping[str, Iterable[str]]) -> list[tuple[list[str], list[str], list[str]]]:
    """[(roles, hosts here, hosts there)] from {host: roles}. Where no host there has the same roles, those that share most of them stand in;
    an empty list of hosts means that nobody there is alike. Hosts there that no host here is alike come last, with no hosts here.
    """
    own, other = _by_roles(here), _by_roles(there)
    rows: list[tuple[list[str], list[str], list[str]]] = []
    taken: set[Roles] = set()
    for roles in sorted(own, key=sorted):
        nearest = _nearest(roles, other)
        if nearest is not None:
            taken.add(nearest)
        rows.append((sorted(roles), own[roles], [] if nearest is None else other[nearest]))
    for roles in sorted(set(other) - taken, key=sorted):
        # Some host here may share roles with these, though it is more like others there.
        nearest = _nearest(roles, own)
        rows.append((sorted(roles), [] if nearest is None else own[nearest], other[roles]))
    return rows


def _by_roles(hosts: Mapping[str, Iterable[str]]) -> dict[Roles, list[str]]:
    found: dict[Roles, list[str]] = {}
    for host in sorted(hosts):
        found.setdefault(frozenset(hosts[host]), []).append(host)
    return found


def _nearest(roles: Roles, others: Iterable[Roles]) -> Roles | None:
    def likeness(other: Roles) -> float:
        return len(roles & other) / len(roles | other) if roles or other else 1.0

    best = max(sorted(others, key=sorted), key=likeness, default=None)
    return best if best is not None and likeness(best) > 0 else None
