# SPDX-License-Identifier: GPL-3.0-or-later
"""Write what people are to sign, each text once, and say how it is signed."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils import _files
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval import reading, rules, seats, statement, text
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval import subject as subjects
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.errors import ApprovalError
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.trust import Trust

KEY = "~/.ssh/id_ed25519"
Data = Mapping[str, Any]


def approval(subject: Data, by: str, *, start: datetime, valid: float, **more: str) -> bytes:
    """valid: seconds. more: mandate, risk, reason, and via, login and job of an attestation."""
    words = {name: subject[name] for name in ("ledger", "environment", "release", "act", "parts")}
    times = {"from": statement.stamp(start), "to": statement.stamp(start + timedelta(seconds=valid))}
    given = {"statement": statement.FORM, "decision": "approve", "by": by, "digest": subjects.digest(subject)}
    return statement.write({**given, **words, **subjects.shows(subject), **times, **{name: value for name, value in more.items() if value}})


def withdrawal(digest: str, by: str, *, ledger: str, reason: str, now: datetime, request: Data | None, **more: str) -> bytes:
    about = {name: request[name] for name in ("environment", "release")} if request else {}
    given = {"statement": statement.FORM, "decision": "withdraw", "by": by, "ledger": ledger, "digest": digest, "reason": reason}
    return statement.write({**given, **about, "from": statement.stamp(now), **{name: value for name, value in more.items() if value}})


def delegation(giver: str, delegate: str, *, ledger: str, start: datetime, valid: float, again: bool, reason: str, **scope: Sequence[str]) -> bytes:
    """scope: environments, acts, groups."""
    times = {"from": statement.stamp(start), "to": statement.stamp(start + timedelta(seconds=valid))}
    given = {"statement": statement.FORM, "decision": "delegate", "by": giver, "delegate": delegate, "ledger": ledger}
    wide = {name: list(value) for name, value in scope.items() if value}
    return statement.write({**given, **times, "again": "yes" if again else "no", "reason": reason, **wide})


def approvers(subject: Data, trust: Trust, *, environment: Data, risk: str | None, barred: Mapping[str, str]) -> list[str]:
    """Whoever could fill a seat of a rule that applies."""
    chosen, why = rules.applying(trust.approvals["rules"], environment=environment, act=str(subject["act"]), risk=risk)
    if why:
        raise ApprovalError(f"Nobody can be asked for approvals: {why}.")
    found = set()
    for rule in [rule for rule in chosen if not rule.get("automatic")]:
        wanted, open_to = set(seats.needed(rule.get("groups", {}), rule["people"])), set(rule.get("from", []))
        for person in trust.roster.people:
            groups = trust.roster.groups(person)
            if groups & wanted or (seats.ANY in wanted and (not open_to or groups & open_to)):
                found.add(person)
    return sorted(found - set(barred))


def lay(folder: Path, name: str, data: bytes, *, now: datetime, dry: bool) -> bool:
    """True when it was written. What is there and still good for the same stays, with its signature."""
    path = folder / name
    if path.is_symlink() or path.with_name(f"{name}.sig").is_symlink():
        raise ApprovalError(f"{path} is a link; nothing is written through it.")
    if path.is_file() and path.stat().st_size <= text.LONGEST and _same(path.read_bytes(), data, now):
        return False
    if not dry:
        folder.mkdir(parents=True, exist_ok=True)
        path.with_name(f"{name}.sig").unlink(missing_ok=True)
        _files.write(path, data.decode("utf-8"), mode=0o644)
    return True


def request(folder: Path, subject: Data, *, dry: bool) -> bool:
    path, content = folder / reading.REQUEST, json.dumps(dict(subject), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    if path.is_symlink():
        raise ApprovalError(f"{path} is a link; nothing is written through it.")
    if not _files.differs(path, content):
        return False
    if not dry:
        folder.mkdir(parents=True, exist_ok=True)
        _files.write(path, content, mode=0o644)
    return True


def command(path: Path, *, namespace: str = statement.PERSONAL) -> str:
    """For a person to run: the path in quotes where it needs them."""
    return f"ssh-keygen -Y sign -f {KEY} -n {namespace} {shlex.quote(str(path))}"


def _same(old: bytes, new: bytes, now: datetime) -> bool:
    try:
        before, after = statement.read(old), statement.read(new)
    except ValueError:
        return False
    timeless = [{key: value for key, value in one.items() if key not in ("from", "to")} for one in (before, after)]
    return timeless[0] == timeless[1] and ("to" not in before or statement.moment(before["to"]) > now)
