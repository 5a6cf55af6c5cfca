# SPDX-License-Identifier: GPL-3.0-or-later
"""Where what a system says of its groups differs from what the documents declare for the same team."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._access.members import OUTSIDE, Memberships, behind
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.roster import Roster

Data = Mapping[str, Any]


def findings(documents: Sequence[Data], roster: Roster, memberships: Memberships) -> list[dict[str, str]]:
    """[{team, subject, who, kind}]; kind is missing (declared, and the system does not have it), extra, unknown (nobody in people.yml has the account),
    untold (there is no export of the group) or undeclared (an exported group that no document names)."""
    found: list[dict[str, str]] = []
    teams: dict[str, set[str]] = {}
    for document in documents:
        for team, subjects in (document.get("teams") or {}).items():
            teams.setdefault(team, set()).update(subjects)
    for team, subjects in sorted(teams.items()):
        outside = {subject for subject in subjects if subject.partition(":")[0] in OUTSIDE}
        inside = subjects - outside
        declared = {person for subject in inside for person in behind(subject, roster, memberships).people}
        for subject in sorted(outside):
            seen = behind(subject, roster, memberships)
            if not seen.told:
                found.append(_found(team, subject, "", "untold"))
                continue
            found += [_found(team, subject, account, "unknown") for account in seen.unknown]
            if inside:
                found += [_found(team, subject, person, "extra") for person in sorted(seen.people - declared)]
                found += [_found(team, subject, person, "missing") for person in sorted(declared - seen.people)]
    named = {subject for subjects in teams.values() for subject in subjects}
    return found + [_found("", subject, "", "undeclared") for subject in sorted(set(memberships) - named)]


def _found(team: str, subject: str, who: str, kind: str) -> dict[str, str]:
    return {"team": team, "subject": subject, "who": who, "kind": kind}
