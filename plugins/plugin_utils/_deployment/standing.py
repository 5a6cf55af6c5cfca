# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a release stands: where it runs, is verified and has soaked, and into which environments it may be promoted now. A pure function of the ledger.

The words are those of Kargo: verified in, soaked in, approved for, any or all of the stages before, holds. What Kargo has not: a verification expires, and
revoking one holds for every stage after it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import holds, occupancy, stages, verifications
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.stages import Stage
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.verifications import Verified

Entry = Mapping[str, Any]
# What standing() reads of a ledger.
READS = ("deployment", "rollback", "recovery", "teardown", "verification", "hold", "mark")


def standing(entries: Sequence[Entry], release: str, known: Mapping[str, Stage], now: str, *, approved_for: Collection[str] = ()) -> dict[str, dict[str, Any]]:
    """{environment: its answer} for each of the stages.

    now: RFC 3339 with a zone. approved_for: environments for which somebody who may approved the release in place of verification and soak.
    An answer: {runs, since, verified_at, expires_at, revoked, soaked_for, soak_needed, promotable, why: [text], approved, holds, marks,
    upstreams: {name: {verified_at, expires_at, soaked_for, soak_needed, ready, why}}}. Times are RFC 3339 or null, soaks are seconds. verified_at and
    soaked_for tell of the environment itself; expires_at is when the verification ends to count for the next stage that has the shortest limit.
    """
    facts = _Facts(entries, release, known, now)
    return {name: _answer(name, stage, facts, approved=name in approved_for) for name, stage in sorted(known.items())}


def runs_in(entries: Sequence[Entry], release: str) -> list[str]:
    """Environments in which any service runs it."""
    from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import views

    return sorted(place for place, services in views.deployed(entries).items() if release in services.values())


def refuse(answer: Mapping[str, Any], *, environment: str, release: str) -> None:
    """Raises when the release may not be promoted to the environment: the gate's answer without a policy."""
    if not answer["promotable"]:
        raise DeploymentError(f"Release {release} may not be promoted to {environment}: {'; '.join(answer['why'])}.")


class _Facts:
    def __init__(self, entries: Sequence[Entry], release: str, known: Mapping[str, Stage], now: str) -> None:
        self.now = moment(now)
        self.stages = known
        self.release = release
        self.spans = occupancy.spans(entries, release)
        self.running = set(runs_in(entries, release))
        self.verified = verifications.of(entries, release)
        self.holds = {name: holds.held(entries, name).get(release) for name in known}
        self.mark = holds.bad(entries).get(release)

    def soaked(self, name: str) -> float:
        """The longest time without a break in which it ran there and was verified, in seconds."""
        known = self.verified.get(name, Verified())
        if not known.since:
            return 0.0
        since = moment(known.since)
        lengths = [(min(self._end(until), self.now) - max(moment(begin), since)).total_seconds() for begin, until in self.spans.get(name, [])]
        return max([0.0, *lengths])

    def _end(self, until: str | None) -> datetime:
        return moment(until) if until else self.now


def _answer(name: str, stage: Stage, facts: _Facts, *, approved: bool) -> dict[str, Any]:
    upstreams = {place: _upstream(place, stage, facts) for place in stage.upstreams}
    held, verified = facts.holds[name], facts.verified.get(name, Verified())
    why = [*_marked(facts.mark), *_held(held, name), *_revoked(name, facts)]
    if not approved:
        why += _not_available(stage, upstreams)
    running = [begin for begin, until in facts.spans.get(name, []) if until is None]
    limits = [each.expires for each in facts.stages.values() if name in each.upstreams and each.expires is not None]
    return {
        "runs": name in facts.running,
        "since": running[0] if running else None,
        "verified_at": verified.at or None,
        "expires_at": _expiry(verified, min(limits, default=None)),
        "revoked": _told(verified.revoked),
        "soaked_for": facts.soaked(name),
        "soak_needed": stage.soak,
        "approved": approved,
        "promotable": not why,
        "why": why,
        "holds": [_told(held)] if held else [],
        "marks": [_told(facts.mark)] if facts.mark else [],
        "upstreams": upstreams,
    }


def _upstream(place: str, stage: Stage, facts: _Facts) -> dict[str, Any]:
    verified, soaked = facts.verified.get(place, Verified()), facts.soaked(place)
    expires = _expiry(verified, stage.expires)
    why = ""
    if not verified.at:
        why = f"it is not verified in {place}"
    elif expires and moment(expires) <= facts.now:
        why = f"its verification in {place} expired at {expires}"
    elif soaked < stage.soak:
        why = f"it has soaked in {place} for {_length(soaked)} of {_length(stage.soak)}"
    return {
        "verified_at": verified.at or None,
        "expires_at": expires,
        "soaked_for": soaked,
        "soak_needed": stage.soak,
        "ready": not why,
        "why": why,
    }


def _not_available(stage: Stage, upstreams: Mapping[str, Mapping[str, Any]]) -> list[str]:
    missing = [each["why"] for each in upstreams.values() if not each["ready"]]
    if not upstreams or not missing or (stage.needs == "any" and len(missing) < len(upstreams)):
        return []
    return missing


def _revoked(name: str, facts: _Facts) -> list[str]:
    """A verification that was taken back anywhere before it, or in it: what came through there proves nothing."""
    found = []
    for place in (name, *stages.before(facts.stages, name)):
        entry = facts.verified.get(place, Verified()).revoked
        if entry is not None:
            found.append(
                f"its verification in {place} was revoked by {entry['actor']['name']} at {entry['time']}: {entry['body'].get('reason') or 'no reason given'}"
            )
    return found


def _marked(entry: Entry | None) -> list[str]:
    return [f"it is marked bad by {entry['actor']['name']} since {entry['time']}: {entry['body'].get('reason') or 'no reason given'}"] if entry else []


def _held(entry: Entry | None, name: str) -> list[str]:
    if entry is None:
        return []
    how = "after a rollback" if entry["body"].get("deployment") else f"by {entry['actor']['name']}"
    return [f"it is held back in {name} {how} since {entry['time']}: {entry['body'].get('reason') or 'no reason given'}"]


def _told(entry: Entry | None) -> dict[str, Any] | None:
    if entry is None:
        return None
    automatic = bool(entry["kind"] == "hold" and entry["body"].get("deployment"))
    return {"at": entry["time"], "by": entry["actor"]["name"], "reason": entry["body"].get("reason", ""), "automatic": automatic}


def _expiry(verified: Verified, limit: float | None) -> str | None:
    if not verified.at or limit is None:
        return None
    return (moment(verified.at) + timedelta(seconds=limit)).astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise DeploymentError(f"{text!r} is not a time; allowed is RFC 3339 with its zone.") from None
    if found.tzinfo is None:
        raise DeploymentError(f"{text!r} has no time zone; allowed is RFC 3339 with its zone.")
    return found


def _length(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f}".rstrip("0").rstrip(".") + f" {unit}"
    return f"{seconds:.0f} s"
