# SPDX-License-Identifier: GPL-3.0-or-later
"""Separation of duties: which people hold which duty of a release, and which two duties one person must not hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.roster import Identity, Roster
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.rules import in_scope

Data = Mapping[str, Any]
Chain = Mapping[str, Sequence[Identity]]
# Nobody approves what they wrote or carry out in production, whatever duties.yml says.
SELF = ("author", "deployer")
BUILT_IN: tuple[Data, ...] = tuple(
    {
        "name": f"no-self-approval-{duty}",
        "applies_to": {"tiers": ["production"]},
        "differ": [duty, "approver"],
        "machines": [duty],
        "may_be_empty": ["approver"],
        "reason": "In production nobody approves their own work.",
    }
    for duty in SELF
)


class Held(NamedTuple):
    people: frozenset[str]
    machines: frozenset[str]
    unknown: tuple[str, ...]


def chain(*, authors: Iterable[Data], entries: Iterable[Data], release: str, deployer: Data | None, digest: str = "") -> dict[str, list[Identity]]:
    """{duty: identities}. authors: [{name, mail, login}] of the commits of the release, as git tells them; entries: those of the ledger.

    The verifier is whoever recorded that a verification of the release passed, the requester whoever asked for approvals of this digest.
    """
    seen = list(entries)
    verified = [one for one in seen if one["kind"] == "verification" and one["release"] == release and one["body"].get("verdict") == "passed"]
    asked = [one for one in seen if one["kind"] == "approval" and one["body"].get("state") == "requested" and one["body"].get("digest") == digest]
    return {
        "author": [each for one in authors for each in _authors(one)],
        "requester": [_actor(one["actor"]) for one in asked],
        "deployer": [_actor(deployer)] if deployer else [],
        "verifier": [_actor(one["actor"]) for one in verified],
    }


def held(identities: Iterable[Identity], roster: Roster) -> Held:
    people, machines, unknown = set(), set(), []
    for identity in identities:
        who = roster.who(identity)
        people |= {who.person} if who.person else set()
        machines |= {who.machine} if who.machine else set()
        unknown += [] if any(who) else [_shown(identity)]
    return Held(frozenset(people), frozenset(machines), tuple(dict.fromkeys(unknown)))


def applying(document: Data, *, environment: Data, act: str) -> list[Data]:
    return [rule for rule in (*BUILT_IN, *document.get("rules", [])) if in_scope(rule.get("applies_to") or {}, environment, act)]


def barred(rules: Sequence[Data], duties: Mapping[str, Held]) -> dict[str, str]:
    """{person: why} of those who must not approve: they hold a duty that an approver must not have."""
    found: dict[str, str] = {}
    for rule in rules:
        for duty in rule["differ"] if "approver" in rule["differ"] else ():
            if duty != "approver" and duty in duties:
                found.update({person: f"is {duty} of it ({rule['name']}: {rule['reason']})" for person in duties[duty].people if person not in found})
    return found


def judge(rules: Sequence[Data], duties: Mapping[str, Held], *, document: Data, deployer: Data | None) -> dict[str, Any]:
    """{verdict, rules: [{name, verdict, duties, people, reason, remedy}], duties: {duty: people}}. Who is not known can't be told apart: errored."""
    answers = [_answer(rule, duties) for rule in rules]
    allowed = document.get("deployers_known_by")
    if allowed and (deployer is None or deployer.get("source") not in allowed):
        source = deployer.get("source") if deployer else None
        reason = f"Who deploys is known by {source!r}; duties.yml takes it from {', '.join(allowed)} only."
        answers.append(_said("deployer-is-known", "errored", ["deployer"], [], reason, "Start the act where the deployer is known."))
    verdicts = {answer["verdict"] for answer in answers}
    worst = next((verdict for verdict in ("failed", "errored") if verdict in verdicts), "passed")
    return {"verdict": worst, "rules": answers, "duties": {name: sorted({*found.people, *found.machines}) for name, found in sorted(duties.items())}}


def _answer(rule: Data, duties: Mapping[str, Held]) -> dict[str, Any]:
    nobody = Held(frozenset(), frozenset(), ())
    names, found = list(rule["differ"]), {duty: duties.get(duty, nobody) for duty in rule["differ"]}
    both = {person for number, one in enumerate(names) for other in names[number + 1 :] for person in found[one].people & found[other].people}
    if both:
        return _said(rule["name"], "failed", names, sorted(both), rule["reason"], f"Another person than {', '.join(sorted(both))} has to do one of it.")
    unknown = [who for duty in names for who in found[duty].unknown]
    if unknown:
        reason = f"Nobody in people.yml is {', '.join(unknown[:5])}, so {' and '.join(names)} can't be told apart."
        return _said(rule["name"], "errored", names, [], reason, "Add the name to the aliases of its person in people.yml, or to machines.")
    machines = [who for duty in names if duty not in rule.get("machines", []) for who in sorted(found[duty].machines)]
    if machines:
        reason = f"{', '.join(machines)} is no person, and the rule asks for one."
        return _said(rule["name"], "failed", names, [], reason, "Let a person do it, or list the duty under machines of the rule.")
    empty = [duty for duty in names if duty not in rule.get("may_be_empty", []) and not (found[duty].people or found[duty].machines)]
    if empty:
        reason = f"Nobody is known as {' or as '.join(empty)}."
        return _said(rule["name"], "errored", names, [], reason, "Give it (authors come from git), or list the duty under may_be_empty of the rule.")
    return _said(rule["name"], "passed", names, [], rule["reason"], "")


def _said(name: str, verdict: str, names: Sequence[str], people: Sequence[str], reason: str, remedy: str) -> dict[str, Any]:
    return {"name": name, "verdict": verdict, "duties": list(names), "people": list(people), "reason": reason, "remedy": remedy}


def _authors(one: Data) -> list[Identity]:
    """A login is one identity and name with mail another: git takes both from whoever commits, so each must be somebody."""
    found = [Identity(str(one["login"]), str(one.get("source", "git")))] if one.get("login") else []
    by_mail = Identity(str(one.get("mail") or one.get("name") or ""), "git")
    return found + ([by_mail] if by_mail.name else [])


def _actor(actor: Data) -> Identity:
    return Identity(str(actor.get("name", "")), str(actor.get("source", "")))


def _shown(identity: Identity) -> str:
    whole = f"{identity.source}:{identity.name}" if identity.source else identity.name
    return repr(whole if len(whole) <= 80 else whole[:79] + "…")
