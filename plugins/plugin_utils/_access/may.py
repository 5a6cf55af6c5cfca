# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether somebody may do an act in an environment. What no document and no grant allows is denied."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.plugin_utils._access.members import Memberships, identity, is_of
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.roster import Roster
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.rules import in_scope

Data = Mapping[str, Any]


class Way(NamedTuple):
    """One way in which documents give an act to a subject."""

    document: str
    role: str
    team: str
    subject: str

    def __str__(self) -> str:
        return f"access/{self.document}: role {self.role}, team {self.team} ({self.subject})"


def may(
    actor: Data,
    act: str,
    environment: Data,
    documents: Sequence[Data],
    grants: Sequence[Data],
    now: datetime,
    *,
    roster: Roster,
    memberships: Memberships | None = None,
) -> dict[str, Any]:
    """The section `access` of the policies' evidence document: {verdict, actor, person, act, rules, grant, reason, remedy}.

    actor is the ledger's ({name, source}), environment its document, documents are access/*.yml, grants those of grants.standing(), memberships what
    exports of AWX, LDAP or OIDC tell ({subject: names}).
    """
    who, known = roster.known(identity(actor)), memberships or {}
    said: dict[str, Any] = {"actor": dict(actor), "person": who.person or who.machine, "act": act, "rules": [], "grant": "", "reason": "", "remedy": ""}
    if not any(who):
        name = f"{actor.get('source', '')}:{actor.get('name', '')}"
        return {**said, "verdict": "errored", "reason": f"Nobody in people.yml is {name!r}.", "remedy": "Add the name to the aliases of its person."}
    unsure = []
    for way in ways(environment, act, documents):
        belongs = is_of(way.subject, who, roster, known)
        if belongs:
            said["rules"].append(str(way))
        elif belongs is None:
            unsure.append(way.subject)
    if said["rules"]:
        return {**said, "verdict": "passed"}
    grant = next((one for one in grants if _covers(one, who.person, act, environment, now)), None)
    if grant:
        return {**said, "verdict": "passed", "grant": grant["digest"], "rules": [f"grant by {grant['by']} until {grant['to']}"]}
    place = environment.get("name")
    if unsure:
        reason = f"Whether {said['person']} is in {', '.join(sorted(set(unsure)))} is not known: there is no export of it."
        return {**said, "verdict": "errored", "reason": reason, "remedy": "Give an export of the groups, then ask again."}
    teams = sorted({f"{way.role} ({way.team})" for way in ways(environment, act, documents)})
    reason = f"{said['person']} has no role that may {act} in {place}; those that may: {', '.join(teams) or 'none'}."
    return {**said, "verdict": "failed", "reason": reason, "remedy": "Ask for a grant with evenkeel.release.access_grant, or for a role in the documents."}


def ways(environment: Data, act: str, documents: Sequence[Data]) -> Iterator[Way]:
    for role, teams in sorted((environment.get("access_roles") or {}).items()):
        for document in documents:
            found = (document.get("roles") or {}).get(role)
            if found and act in found["acts"] and in_scope({**found, "acts": []}, environment, act):
                for team in teams:
                    yield from (Way(document["name"], role, team, subject) for each in documents for subject in (each.get("teams") or {}).get(team, []))


def acts_of(documents: Sequence[Data]) -> list[str]:
    return sorted({act for document in documents for role in (document.get("roles") or {}).values() for act in role["acts"]})


def _covers(grant: Data, person: str, act: str, environment: Data, now: datetime) -> bool:
    return bool(
        person
        and grant["state"] == "active"
        and grant["holder"] == person
        and act in grant["acts"]
        and grant["environment"] == environment.get("name")
        and datetime.fromisoformat(grant["from"].replace("Z", "+00:00")) <= now < datetime.fromisoformat(grant["to"].replace("Z", "+00:00"))
    )
