# SPDX-License-Identifier: GPL-3.0-or-later
"""Which flags have done their work and should go. Pure: flags and a time in, reasons out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, NamedTuple, Optional

DAY = 86400.0


class Flag(NamedTuple):
    key: str
    share: Optional[float]  # percent; None when rules decide it
    killed: bool = False
    created_at: str = ""
    changed_at: str = ""
    expires: str = ""
    owner: str = ""
    marked: bool = False  # the server itself calls it stale
    permanent: bool = False  # a kill switch or an operational flag: it stays on purpose


def report(flags: Sequence[Flag], *, now: float, settled_days: float, known: Optional[Sequence[str]]) -> list[dict[str, Any]]:
    """One row per flag with `reasons`; `known` are the flags that the release names, None when it isn't asked."""
    return [_row(flag, now, settled_days, known) for flag in sorted(flags, key=lambda flag: flag.key)]


def missing(flags: Sequence[Flag], known: Optional[Sequence[str]]) -> list[str]:
    """Flags that the release names and nobody has."""
    there = {flag.key for flag in flags}
    return sorted(key for key in known or () if key not in there)


def _row(flag: Flag, now: float, settled_days: float, known: Optional[Sequence[str]]) -> dict[str, Any]:
    since = seconds(flag.changed_at) or seconds(flag.created_at)
    days = None if since is None else round(max(0.0, now - since) / DAY, 2)
    reasons = []
    expires = seconds(flag.expires)
    if expires is not None and expires <= now:
        reasons.append(f"expired on {flag.expires}")
    if flag.marked:
        reasons.append("the server calls it stale")
    if known is not None and flag.key not in known:
        reasons.append("the release doesn't know it")
    if flag.share in (0.0, 100.0) and not flag.permanent:
        state = "killed" if flag.killed else f"{flag.share:g} %"
        if days is None:
            reasons.append(f"{state}, nobody knows since when")
        elif days > settled_days:
            reasons.append(f"{state} for {days:.0f} days")
    return {**flag._asdict(), "days": days, "stale": bool(reasons), "reasons": reasons}


def seconds(text: str) -> Optional[float]:
    """Seconds since the epoch of an RFC 3339 time or date; None when it is none. Without a zone it is UTC."""
    if not text:
        return None
    plain = text.strip()
    plain = plain[:-1] + "+00:00" if plain.endswith(("Z", "z")) else plain
    try:
        found = datetime.fromisoformat(plain)
    except ValueError:
        return _with_fraction(plain)
    return (found if found.tzinfo else found.replace(tzinfo=timezone.utc)).timestamp()


def _with_fraction(text: str) -> Optional[float]:
    """Python 3.9 reads three or six digits of a second only."""
    head, point, tail = text.partition(".")
    digits = tail[: len(tail) - len(tail.lstrip("0123456789"))]
    return seconds(head + tail[len(digits) :]) if point and digits else None


def of_file(key: str, flag: Mapping[str, Any], share: Optional[float], *, killed: bool) -> Flag:
    found = flag.get("metadata")
    metadata = found if isinstance(found, dict) else {}
    created, changed, expires, owner = (str(metadata.get(name) or "") for name in ("created_at", "changed_at", "expires", "owner"))
    return Flag(key, share, killed, created, changed, expires, owner, permanent=metadata.get("lifecycle") == "permanent")


def of_server(feature: Mapping[str, Any], share: Optional[float], changed_at: str) -> Flag:
    """A flag as Unleash lists it; its types `operational`, `kill-switch` and `permission` live on purpose."""
    return Flag(
        str(feature["name"]),
        share,
        created_at=str(feature.get("createdAt") or ""),
        changed_at=changed_at,
        marked=bool(feature.get("stale")),
        permanent=feature.get("type") in ("operational", "kill-switch", "permission"),
    )
