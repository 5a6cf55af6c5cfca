# SPDX-License-Identifier: GPL-3.0-or-later
"""The functions that conditions have beside those of JMESPath. None of them reads the clock."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from jmespath import functions

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SEMVER = re.compile(r"(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?")


class GateFunctionError(ValueError):
    """A value that a function can't use; the message names it."""


class GateFunctions(functions.Functions):
    """`now` is the evidence's: age_seconds is asked for an age, not for a time."""

    def __init__(self, now: str | None) -> None:
        self._now = now

    @functions.signature({"types": ["string"]})
    def _func_age_seconds(self, moment: str) -> float:
        if self._now is None:
            raise GateFunctionError("age_seconds needs now, which the evidence lacks")
        return (parse_time(self._now) - parse_time(moment)).total_seconds()

    @functions.signature({"types": ["string"]}, {"types": ["string"]})
    def _func_semver_compare(self, left: str, right: str) -> int:
        return semver_compare(left, right)

    @functions.signature({"types": ["array"]}, {"types": ["array"]})
    def _func_contains_all(self, every: list[Any], wanted: list[Any]) -> bool:
        return all(item in every for item in wanted)

    @functions.signature({"types": ["array"]}, {"types": ["string"]})
    def _func_within_window(self, windows: list[Any], now: str) -> bool:
        return open_window(windows, parse_time(now)) is not None

    @functions.signature({"types": ["array"]}, {"types": ["string"]})
    def _func_in_freeze(self, freezes: list[Any], now: str) -> bool:
        return active_freeze(freezes, parse_time(now)) is not None


def parse_time(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as exc:
        raise GateFunctionError(f"{text!r} is not a time, allowed: RFC 3339 with its zone") from exc
    if moment.tzinfo is None:
        raise GateFunctionError(f"{text!r} has no time zone, allowed: RFC 3339 with its zone")
    return moment


def semver_compare(left: str, right: str) -> int:
    """-1, 0 or 1 by the precedence of Semantic Versioning 2.0.0, section 11."""
    first, second = _precedence(left), _precedence(right)
    return (first > second) - (first < second)


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


def _is_open(window: Mapping[str, Any], now: datetime) -> bool:
    try:
        local = now.astimezone(ZoneInfo(window["timezone"])).replace(tzinfo=None)
        begin, end = time.fromisoformat(window["from"]), time.fromisoformat(window["to"])
        days = {DAYS.index(day) for day in window["days"]}
    except (KeyError, TypeError, ValueError, OSError) as exc:
        raise GateFunctionError(f"the window {window!r} can't be read ({type(exc).__name__}: {exc})") from exc
    # Yesterday's window may still be open when it ends after midnight.
    for started in (local.date(), local.date() - timedelta(days=1)):
        opened = datetime.combine(started, begin)
        closed = datetime.combine(started if end > begin else started + timedelta(days=1), end)
        if started.weekday() in days and opened <= local < closed:
            return True
    return False


def _precedence(version: str) -> tuple[int, int, int, bool, tuple[tuple[int, int, str], ...]]:
    found = _SEMVER.fullmatch(version)
    if not found:
        raise GateFunctionError(f"{version!r} is not a semantic version, allowed: as in 1.2.3")
    parts = found[4].split(".") if found[4] else []
    # Numbers come before words; a version without pre-release part after all of its pre-releases.
    ranks = tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts)
    return int(found[1]), int(found[2]), int(found[3]), not parts, ranks
