# SPDX-License-Identifier: GPL-3.0-or-later
"""Which subjects of access documents somebody is, and who is behind a subject."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.roster import Identity, Roster, Who

# Groups that another system keeps; who is in them only an export of it tells. kind: where its names come from.
OUTSIDE = {"awx_team": "awx", "ldap_group": "ldap", "oidc_group": "oidc"}
Memberships = Mapping[str, Sequence[str]]


class Behind(NamedTuple):
    """`unknown` are accounts that nobody in people.yml has; `told` is False where an export is missing."""

    people: frozenset[str]
    unknown: tuple[str, ...]
    told: bool


def behind(subject: str, roster: Roster, memberships: Memberships) -> Behind:
    """memberships: {subject: names}, as exports.py reads them."""
    kind, _colon, name = subject.partition(":")
    if kind == "person":
        return Behind(frozenset([name] if name in roster.people else []), () if name in roster.people else (name,), True)
    if kind == "group":
        return Behind(frozenset(person for person in roster.people if name in roster.groups(person)), (), True)
    if kind == "signer":
        return Behind(frozenset(roster.of_principals([name])), (), True)
    if kind == "machine":
        return Behind(frozenset(), (), True)
    if subject not in memberships:
        return Behind(frozenset(), (), False)
    found = {account: roster.known(Identity(account, OUTSIDE[kind])) for account in memberships[subject]}
    unknown = tuple(sorted(account for account, who in found.items() if not any(who)))
    return Behind(frozenset(who.person for who in found.values() if who.person), unknown, True)


def is_of(subject: str, who: Who, roster: Roster, memberships: Memberships) -> bool | None:
    """None where it can't be told."""
    if subject.startswith("machine:"):
        return bool(who.machine) and subject.removeprefix("machine:") == who.machine
    found = behind(subject, roster, memberships)
    return (bool(who.person) and who.person in found.people) if found.told else None


def identity(actor: Mapping[str, Any]) -> Identity:
    return Identity(str(actor.get("name", "")), str(actor.get("source", "")))
