# SPDX-License-Identifier: GPL-3.0-or-later
"""What the functions of conditions understand: times, durations, versions, windows and freezes. Nothing here reads a clock."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar import wall

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SEMVER = re.compile(r"(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?")
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")
_ISO = re.compile(r"P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
Precedence = tuple[int, int, int, bool, tuple[tuple[int, int, str], ...]]


class GateFunctionError(ValueError):
    """A value that a function can't use; the message names it."""


def parse_time(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as exc:
        raise GateFunctionError(f"{text!r} is not a time, allowed: RFC 3339 with its zone") from exc
    if moment.tzinfo is None:
        raise GateFunctionError(f"{text!r} has no time zone, allowed: RFC 3339 with its zone")
    return moment


def parse_duration(text: str) -> float:
    """Seconds of 90s, 15m, 1h30m, 7d, 2w, or of the ISO 8601 forms without years and months, whose length nobody can tell."""
    parts = _PART.findall(text)
    if parts and "".join(number + unit for number, unit in parts) == text:
        return sum(float(number) * _UNITS[unit] for number, unit in parts)
    iso = _ISO.fullmatch(text)
    if iso and any(iso.groups()) and not text.endswith("T"):
        return sum(float(number or 0) * _UNITS[unit] for number, unit in zip(iso.groups(), ("w", "d", "h", "m", "s")))
    raise GateFunctionError(f"{text!r} is not a duration, allowed: as in 90s, 15m, 1h30m, 7d, 2w or PT1H30M")


def zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as exc:
        raise GateFunctionError(f"{name!r} is not a time zone, allowed: a name of the IANA database such as Europe/Berlin or UTC") from exc


def clock(text: str) -> time:
    try:
        if re.fullmatch(r"\d\d:\d\d", text):
            return time.fromisoformat(text)
    except ValueError:
        pass
    raise GateFunctionError(f"{text!r} is not a time of day, allowed: as in 09:00")


def semver_compare(left: str, right: str) -> int:
    """-1, 0 or 1 by the precedence of Semantic Versioning 2.0.0, section 11."""
    first, second = precedence(left), precedence(right)
    return (first > second) - (first < second)


def precedence(version: str) -> Precedence:
    found = _SEMVER.fullmatch(version)
    if not found:
        raise GateFunctionError(f"{version!r} is not a semantic version, allowed: as in 1.2.3")
    parts = found[4].split(".") if found[4] else []
    # Numbers come before words; a version without pre-release part after all of its pre-releases.
    ranks = tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts)
    return int(found[1]), int(found[2]), int(found[3]), not parts, ranks


def same(value: Any) -> str:
    """Equal texts for values that are equal in JMESPath: 1 is 1.0, and is not true."""
    return json.dumps(_numbers(value), sort_keys=True, ensure_ascii=False)


def open_window(windows: Sequence[Mapping[str, Any]], now: datetime) -> str | None:
    """Name of the window that is open now."""
    return next((str(window["name"]) for window in windows if _is_open(window, now)), None)


def active_freeze(freezes: Sequence[Mapping[str, Any]], now: datetime) -> Mapping[str, Any] | None:
    for freeze in freezes:
        try:
            begin, end = parse_time(freeze["from"]), parse_time(freeze["to"])
        except (KeyError, TypeError) as exc:
            raise GateFunctionError("a freeze without from and to") from exc
        if begin <= now < end:
            return freeze
    return None


def within_clock(local: datetime, begin: time, end: time) -> bool:
    """Whether the time of day is in [begin, end), which goes on past midnight when end is not after begin."""
    moment = local.time().replace(tzinfo=None)
    return begin <= moment < end if begin < end else moment >= begin or moment < end


def _numbers(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {str(key): _numbers(item) for key, item in value.items()}
    return [_numbers(item) for item in value] if isinstance(value, list) else value


def _is_open(window: Mapping[str, Any], now: datetime) -> bool:
    try:
        zone = str(window["timezone"])
        today = now.astimezone(ZoneInfo(zone)).date()
        begin, end = time.fromisoformat(window["from"]), time.fromisoformat(window["to"])
        days = {DAYS.index(day) for day in window["days"]}
    except (KeyError, TypeError, ValueError, OSError) as exc:
        raise GateFunctionError(f"the window {window!r} can't be read ({type(exc).__name__}: {exc})") from exc
    # Yesterday's window may still be open when it ends after midnight.
    at = wall.seconds(now, zone)
    for started in (today, today - timedelta(days=1)):
        opened, closed = wall.clock_span(started, begin, end, zone)
        if started.weekday() in days and opened <= at < closed:
            return True
    return False
