# SPDX-License-Identifier: GPL-3.0-or-later
"""The functions that conditions have beside those of JMESPath. None of them reads the clock."""

from __future__ import annotations

from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.functions_data import (
    NumberFunctions,
    QuantifierFunctions,
    SetFunctions,
    TextFunctions,
    VersionFunctions,
)
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.functions_time import TimeFunctions
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.values import (
    DAYS,
    GateFunctionError,
    active_freeze,
    open_window,
    parse_time,
    semver_compare,
)
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar import wall
from jmespath import functions

__all__ = ["DAYS", "GateFunctionError", "GateFunctions", "active_freeze", "open_window", "own_names", "parse_time", "semver_compare"]


class GateFunctions(
    TimeFunctions,
    SetFunctions,
    QuantifierFunctions,
    NumberFunctions,
    TextFunctions,
    VersionFunctions,
    functions.Functions,
):
    """`now` is the evidence's: age_seconds is asked for an age, not for a time."""

    def __init__(self, now: str | None) -> None:
        self._now = now


def own_names() -> list[str]:
    """The functions that JMESPath itself does not have."""
    return sorted(set(GateFunctions.FUNCTION_TABLE) - set(functions.Functions.FUNCTION_TABLE))
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


def _precedence(version: str) -> tuple[int, int, int, bool, tuple[tuple[int, int, str], ...]]:
    found = _SEMVER.fullmatch(version)
    if not found:
        raise GateFunctionError(f"{version!r} is not a semantic version, allowed: as in 1.2.3")
    parts = found[4].split(".") if found[4] else []
    # Numbers come before words; a version without pre-release part after all of its pre-releases.
    ranks = tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts)
    return int(found[1]), int(found[2]), int(found[3]), not parts, ranks
