# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person states and signs. A statement is small, says everything that it is about, and is good for nothing else."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._approval import text
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.errors import ApprovalError

FORM = "evenkeel/1"
PERSONAL = "evenkeel-approval"  # the namespace of what a person signs
ATTESTED = "evenkeel-attestation"  # and of what a system signs that knows the person
PERSON = r"[a-z][a-z0-9_]*(?:-[a-z0-9_]+)*"
_NAME = r"[A-Za-z0-9][A-Za-z0-9._+@:/ -]{0,199}"
_DIGEST = r"[0-9a-f]{64}"
_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
_FREE = r".{1,500}"
_WORDS = {
    "statement": re.escape(FORM),
    "decision": "approve|withdraw|delegate|grant|review",
    "by": PERSON,
    "mandate": PERSON,
    "delegate": PERSON,
    "holder": PERSON,
    "again": "yes|no",
    "via": "awx",
    "login": _NAME,
    "job": r"[0-9]{1,20}",
    "ledger": r"[^\s+]{1,200}",
    "environment": r"[a-z][a-z0-9_]*",
    "release": r"[0-9A-Za-z][0-9A-Za-z.+-]{0,99}",
    "act": r"[a-z][a-z0-9_]*",
    "digest": _DIGEST,
    "risk": r"[a-z]{1,20}",
    "from": _TIME,
    "to": _TIME,
    "reason": _FREE,
}
# Lists and mappings: the pattern of an item, or of a key and its value.
_MANY: dict[str, tuple[str, ...]] = {
    "parts": (r"[a-z]+", _DIGEST),
    "artifacts": (_NAME, r"[ -~]{1,300}"),
    "services": (_NAME, r"[ -~]{1,300}"),
    "unbound": (_NAME,),
    "hosts": (r"[ -~]{1,260}",),
    "environments": (r"[a-z][a-z0-9_]*",),
    "acts": (r"[a-z][a-z0-9_]*",),
    "groups": (r"[a-z][a-z0-9_-]*",),
}
_ALWAYS = ("statement", "decision", "by", "ledger")
_UNTIL = ("from", "to")
# decision: (fields that it has, fields that it may have); in this order they are written.
FIELDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "approve": (
        (*_ALWAYS, "environment", "release", "act", "digest", *_UNTIL, "parts"),
        ("mandate", "via", "login", "job", "risk", "artifacts", "services", "hosts", "unbound", "reason"),
    ),
    "withdraw": ((*_ALWAYS, "digest", "from", "reason"), ("environment", "release", "via", "login", "job")),
    "delegate": ((*_ALWAYS, "delegate", "environments", *_UNTIL, "again", "reason"), ("acts", "groups")),
    "grant": ((*_ALWAYS, "holder", "environment", "acts", "digest", *_UNTIL, "reason"), ()),
    "review": ((*_ALWAYS, "digest", "from", "reason"), ("environments",)),
}
_ORDER = tuple({**dict.fromkeys(_WORDS), **dict.fromkeys(_MANY)})


def write(data: Mapping[str, Any]) -> bytes:
    """The bytes to sign; ApprovalError with every fault when they would not be read again."""
    known = {name: data[name] for name in _ORDER if data.get(name)}
    known.update({name: value for name, value in data.items() if name not in known and value})
    faults = check(known)
    if faults:
        raise ApprovalError(f"The statement can't be written: {'; '.join(faults)}.")
    return text.render(known).encode("utf-8")


def read(data: bytes) -> dict[str, Any]:
    """The statement; ValueError with the reason."""
    found = text.parse(data)
    faults = check(found)
    if faults:
        raise ValueError("; ".join(faults))
    return found


def check(data: Mapping[str, Any]) -> list[str]:
    decision = data.get("decision")
    if not isinstance(decision, str) or decision not in FIELDS:
        return [f"decision is {shown(decision)}, allowed: {', '.join(FIELDS)}"]
    needed, possible = FIELDS[decision]
    faults = [f"{name} is missing" for name in needed if name not in data]
    for name, value in data.items():
        if name not in needed and name not in possible:
            faults.append(f"{name} does not belong to a statement that says {decision}")
        elif name in _WORDS:
            faults += [] if _is(_WORDS[name], value) else [f"{name} is {shown(value)}"]
        else:
            faults += _many(name, value)
    return faults or _times(data)


def digest(data: bytes) -> str:
    """What a withdrawal of this very statement names."""
    return hashlib.sha256(data).hexdigest()


def moment(value: str) -> datetime:
    return datetime.fromisoformat(value.replace("Z", "+00:00"))


def stamp(at: datetime) -> str:
    return at.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def shown(value: Any) -> str:
    """Of what somebody else wrote: short, and without what a terminal would obey."""
    found = repr(value)
    return found if len(found) <= 100 else found[:99] + "…"


def _many(name: str, value: Any) -> list[str]:
    patterns = _MANY[name]
    if len(patterns) == 2:
        if not isinstance(value, Mapping) or not value:
            return [f"{name} is {shown(value)}, allowed: names with values"]
        bad = [key for key, each in value.items() if not (_is(patterns[0], key) and _is(patterns[1], each))]
    else:
        if not isinstance(value, (list, tuple)) or not value:
            return [f"{name} is {shown(value)}, allowed: a list"]
        bad = [each for each in value if not _is(patterns[0], each)]
    return [f"{name} has {shown(each)}" for each in bad[:3]]


def _is(pattern: str, value: Any) -> bool:
    return isinstance(value, str) and bool(re.fullmatch(pattern, value)) and not text.unseen_in(value)


def _times(data: Mapping[str, Any]) -> list[str]:
    known = {}
    for name in _UNTIL:
        if name in data:
            try:
                known[name] = moment(data[name])
            except ValueError:
                return [f"{name} is {data[name]}, which is no moment"]
    if len(known) == 2 and known["to"] <= known["from"]:
        return [f"to is {data['to']}, allowed: after {data['from']}"]
    return []
