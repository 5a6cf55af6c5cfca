# SPDX-License-Identifier: GPL-3.0-or-later
"""Public holidays, from the library holidays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from fnmatch import fnmatchcase
from functools import cache

from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar import wall
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar.model import Event, HolidayRule, Span
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.fault import did_you_mean, listed


@cache
def supported() -> dict[str, tuple[str, ...]]:
    """{country: its subdivisions}."""
    import holidays

    return {country: tuple(parts) for country, parts in holidays.list_supported_countries().items() if len(country) == 2}


def fault(country: str, subdivision: str, categories: Sequence[str]) -> tuple[str, str, str, str] | None:
    """(key, found, allowed, hint) of what the library does not know."""
    import holidays

    known = supported()
    if country not in known:
        return "country", country, "ISO 3166-1 code of a country that the library holidays knows", did_you_mean(country, known)
    if subdivision and subdivision not in known[country]:
        return "subdivision", subdivision, f"a part of {country}: {listed(known[country])}", did_you_mean(subdivision, known[country])
    offered = tuple(getattr(holidays.country_holidays(country), "supported_categories", ("public",)))
    unknown = [name for name in categories if name not in offered]
    return ("categories", unknown[0], f"of {country}: {listed(offered)}", did_you_mean(unknown[0], offered)) if unknown else None


@cache
def _days(country: str, subdivision: str, year: int, categories: tuple[str, ...]) -> tuple[tuple[date, str], ...]:
    import holidays

    found = holidays.country_holidays(country, subdiv=subdivision or None, years=[year], categories=categories, language=_language(country))
    return tuple(sorted(found.items()))


def _language(country: str) -> str | None:
    import holidays

    offered = getattr(holidays.country_holidays(country), "supported_languages", ())
    return next((one for one in ("en_US", "en_GB") if one in offered), next((one for one in offered if one.startswith("en")), None))


def spans(rules: Iterable[HolidayRule], begin: int, end: int) -> Iterator[Span]:
    """Whole days, each with an event of its own, that overlap [begin, end)."""
    years = range(wall.utc(begin).year - 1, wall.utc(end).year + 2)
    for rule in rules:
        for year in years:
            for day, name in _days(rule.country, rule.subdivision, year, rule.categories):
                if rule.names and not any(fnmatchcase(name, glob) for glob in rule.names):
                    continue
                span = _span(rule, day, name)
                if span.begin < end and span.end > begin:
                    yield span


def _span(rule: HolidayRule, day: date, name: str) -> Span:
    place = f"{rule.country}-{rule.subdivision}" if rule.subdivision else rule.country
    label = f"{name} ({place})"
    event = Event(
        uid=f"holiday-{place.lower().replace(' ', '-')}-{day:%Y%m%d}-{rule.effect}@evenkeel.release",
        kind="holiday",
        effect=rule.effect,
        name=label,
        reason=rule.reason or "public holiday",
        calendar=rule.calendar,
        zone=rule.zone,
        scope=rule.scope,
        components=(),
    )
    return Span(wall.midnight(day, rule.zone), wall.midnight(day + timedelta(days=1), rule.zone), event, label, event.reason)
