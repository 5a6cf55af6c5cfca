# SPDX-License-Identifier: GPL-3.0-or-later
"""Times, durations, windows. `now` is that of the evidence; nothing reads a clock."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._gate import values
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.values import GateFunctionError, parse_duration, parse_time
from jmespath import functions

SKEW = 300.0  # seconds by which the clock of whoever wrote a time may be ahead
TEXT: Any = {"types": ["string"]}
LIST: Any = {"types": ["array"]}


class TimeFunctions:
    _now: str | None = None

    def _age(self, moment: str, asked: str) -> float:
        if self._now is None:
            raise GateFunctionError(f"{asked} needs now, which the evidence lacks")
        return (parse_time(self._now) - parse_time(moment)).total_seconds()

    def _past(self, moment: str, asked: str) -> float:
        """What lies ahead has no age: a wrong clock, or a time that somebody made up."""
        age = self._age(moment, asked)
        if age < -SKEW:
            raise GateFunctionError(f"{asked} was asked about {moment!r}, which lies {-age:g} seconds after now, allowed are {SKEW:g}")
        return age

    @functions.signature(TEXT)
    def _func_age_seconds(self, moment: str) -> float:
        return self._age(moment, "age_seconds")

    @functions.signature(TEXT, TEXT)
    def _func_younger_than(self, moment: str, duration: str) -> bool:
        return self._past(moment, "younger_than") < parse_duration(duration)

    @functions.signature(TEXT, TEXT)
    def _func_older_than(self, moment: str, duration: str) -> bool:
        return self._past(moment, "older_than") > parse_duration(duration)

    @functions.signature(TEXT)
    def _func_seconds(self, duration: str) -> float:
        return parse_duration(duration)

    @functions.signature(TEXT, TEXT)
    def _func_seconds_between(self, begin: str, end: str) -> float:
        return (parse_time(end) - parse_time(begin)).total_seconds()

    @functions.signature(TEXT, TEXT)
    def _func_add_time(self, moment: str, duration: str) -> str:
        return _moved(moment, parse_duration(duration))

    @functions.signature(TEXT, TEXT)
    def _func_subtract_time(self, moment: str, duration: str) -> str:
        return _moved(moment, -parse_duration(duration))

    @functions.signature(TEXT, TEXT)
    def _func_before(self, first: str, second: str) -> bool:
        return parse_time(first) < parse_time(second)

    @functions.signature(TEXT, TEXT)
    def _func_after(self, first: str, second: str) -> bool:
        return parse_time(first) > parse_time(second)

    @functions.signature(TEXT, TEXT, TEXT)
    def _func_between(self, moment: str, begin: str, end: str) -> bool:
        return parse_time(begin) <= parse_time(moment) < parse_time(end)

    @functions.signature(TEXT, TEXT)
    def _func_weekday(self, moment: str, zone: str) -> str:
        return values.DAYS[_local(moment, zone).weekday()]

    @functions.signature(TEXT, TEXT)
    def _func_day(self, moment: str, zone: str) -> str:
        return _local(moment, zone).date().isoformat()

    @functions.signature(TEXT, TEXT)
    def _func_clock(self, moment: str, zone: str) -> str:
        return _local(moment, zone).strftime("%H:%M")

    @functions.signature(TEXT, TEXT, TEXT, TEXT)
    def _func_clock_between(self, moment: str, begin: str, end: str, zone: str) -> bool:
        return values.within_clock(_local(moment, zone), values.clock(begin), values.clock(end))

    @functions.signature(LIST, TEXT)
    def _func_within_window(self, windows: list[Any], now: str) -> bool:
        return values.open_window(windows, parse_time(now)) is not None

    @functions.signature(LIST, TEXT)
    def _func_in_freeze(self, freezes: list[Any], now: str) -> bool:
        return values.active_freeze(freezes, parse_time(now)) is not None


def _local(moment: str, zone: str) -> datetime:
    return parse_time(moment).astimezone(values.zone(zone))


def _moved(moment: str, seconds: float) -> str:
    try:
        return (parse_time(moment) + timedelta(seconds=seconds)).isoformat()
    except OverflowError as exc:
        raise GateFunctionError(f"{moment!r} and {seconds:g} seconds give no date that there is") from exc
