# SPDX-License-Identifier: GPL-3.0-or-later
"""Values out of a document, with one clear error where one is not of the type that the format has there."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.errors import shown
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.parse import Document

GREATEST = 2**53  # what JSON of the ledger (RFC 8785) still holds exactly
_WHOLE = re.compile(r"[0-9]{1,16}")
_LONG_FRACTION = re.compile(r"(\.\d{6})\d+")


def mapping(doc: Document, value: Any, place: str, *, optional: bool = False) -> dict[str, Any]:
    if value is None and optional:
        return {}
    if not isinstance(value, dict):
        doc.refuse(place, found=shown(value), allowed="a mapping")
    return value


def listing(doc: Document, value: Any, place: str, *, optional: bool = False) -> list[Any]:
    if value is None and optional:
        return []
    if not isinstance(value, list):
        doc.refuse(place, found=shown(value), allowed="a list")
    return value


def mappings(doc: Document, value: Any, place: str, *, optional: bool = False) -> Iterable[tuple[str, dict[str, Any]]]:
    """(place, entry) of a list of mappings."""
    for number, entry in enumerate(listing(doc, value, place, optional=optional)):
        here = f"{place}[{number}]"
        yield here, mapping(doc, entry, here)


def text(doc: Document, value: Any, place: str, *, optional: bool = False) -> str:
    if value is None and optional:
        return ""
    if not isinstance(value, str):
        doc.refuse(place, found=shown(value), allowed="text")
    return value


def flag(doc: Document, value: Any, place: str) -> bool:
    if not isinstance(value, bool):
        doc.refuse(place, found=shown(value), allowed="true or false")
    return value


def whole(doc: Document, value: Any, place: str) -> int:
    """A count: 0 or more, as a number or as its digits."""
    if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= GREATEST:
        doc.refuse(place, found=shown(value), allowed="a whole number, 0 or more")
    return value


def number(doc: Document, value: Any, place: str) -> float:
    """A finite number that is not negative."""
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            value = float(value) if len(value) < 40 else value
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1e300 or not math.isfinite(value):
        doc.refuse(place, found=shown(value), allowed="a number, 0 or more")
    return float(value)


def moment(doc: Document, value: Any, place: str) -> datetime:
    """ISO 8601, in the zone of the document where the file does not name one."""
    found = parse_time(value, doc.zone)
    if found is None:
        doc.refuse(place, found=shown(value), allowed="a time such as 2027-01-15T10:00:00Z")
    return found


def parse_time(value: Any, zone: tzinfo) -> datetime | None:
    if not isinstance(value, str) or len(value) > 60:
        return None
    try:  # fractions of nine digits, as Go writes them
        found = datetime.fromisoformat(_LONG_FRACTION.sub(r"\1", value.strip()))
        return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None


def epoch(doc: Document, value: Any, place: str) -> datetime:
    """Seconds or, from 1e11 on, milliseconds since 1970."""
    seconds = number(doc, value, place)
    seconds = seconds / 1000 if seconds >= 1e11 else seconds
    try:
        return datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=seconds)
    except OverflowError:
        doc.refuse(place, found=shown(value), allowed="seconds or milliseconds since 1970")
