# SPDX-License-Identifier: GPL-3.0-or-later
"""Calendars from files: the one place of this package that reads a disk or a clock."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar import documents, ics
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar.limits import MAX_BYTES, Budget
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar.model import Calendar
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.check import check
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.cross import Document, name_fault
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.fault import Fault
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.source import Source, parse

SUFFIXES = (".yml", ".ics")


def read(places: Iterable[str], *, today: date, budget: Budget | None = None) -> tuple[list[Calendar], list[Fault]]:
    """(calendars, faults) of files and of the *.yml and *.ics of folders. A file that a document imports is read as what it is imported as."""
    paths, faults = _expand(places)
    spent = budget or Budget(time.monotonic)
    found: list[Calendar] = []
    imported: dict[Path, Path] = {}
    for path in (path for path in paths if path.suffix != ".ics"):
        text, own = _text(path)
        calendar, own = _document(path, text, today=today) if text is not None else (None, own)
        faults += own
        if calendar is not None:
            found.append(calendar[0])
            more, own = _imports(path, calendar[1], calendar[2], imported, spent)
            found += more
            faults += own
    for path in (path for path in paths if path.suffix == ".ics" and path.resolve() not in imported):
        text, own = _text(path)
        events, own = ics.read(text, calendar=path.stem, file=str(path), budget=spent) if text is not None else ([], own)
        faults += own
        found.append(Calendar(path.stem, tuple(events), source=str(path)))
    faults += _names(found)
    return found, sorted(set(faults))


def _document(path: Path, text: str, *, today: date) -> tuple[tuple[Calendar, Mapping[str, Any], Source] | None, list[Fault]]:
    value, source, faults = parse(text, str(path))
    if value is None or faults:
        return None, faults or [source.fault((), found="nothing", allowed="a calendar")]
    faults = check("calendar", value, today=today, source=source)
    faults += name_fault(Document(path.stem, value, source), "name")
    if faults:
        return None, faults
    calendar, faults = documents.calendar(value, source)
    return (calendar, value, source), faults


def _imports(path: Path, document: Mapping[str, Any], source: Source, imported: dict[Path, Path], budget: Budget) -> tuple[list[Calendar], list[Fault]]:
    found: list[Calendar] = []
    faults: list[Fault] = []
    for number, entry in enumerate(document.get("imports") or []):
        key: tuple[str | int, ...] = ("imports", number, "file")
        other = path.parent / entry["file"]
        inside = other.resolve().is_relative_to(path.parent.resolve())
        if not inside or other.suffix != ".ics" or not other.is_file():
            what = "a path out of the folder" if not inside else entry["file"]
            faults.append(source.fault(key, found=what, allowed="an .ics file in the folder of this document, or below it"))
            continue
        imported[other.resolve()] = path
        text, own = _text(other)
        events, own = (
            ics.read(
                text,
                calendar=f"{document['name']}/{other.stem}",
                file=str(other),
                budget=budget,
                kind=entry["as"],
                zone=str(entry.get("timezone", document["timezone"])),
                scope=documents.scope_of(entry, documents.scope_of(document)),
                reason=str(entry.get("reason", "")),
            )
            if text is not None
            else ([], own)
        )
        faults += own
        found.append(Calendar(f"{document['name']}/{other.stem}", tuple(events), source=str(other)))
    return found, faults


def _names(found: Iterable[Calendar]) -> list[Fault]:
    first: dict[str, str] = {}
    return [
        Fault(one.source, 0, "name", f"{one.name}, as in {first[one.name]}", "a name that no other calendar has", "rename one of the files")
        for one in found
        if first.setdefault(one.name, one.source) != one.source
    ]


def _expand(places: Iterable[str]) -> tuple[list[Path], list[Fault]]:
    paths: list[Path] = []
    faults: list[Fault] = []
    for place in map(Path, places):
        if place.is_dir():
            paths += sorted(path for path in place.iterdir() if path.suffix in SUFFIXES and path.is_file())
        elif place.is_file() and place.suffix in SUFFIXES:
            paths.append(place)
        else:
            faults.append(Fault(str(place), 0, "(file)", "nothing", "a folder, or a file *.yml or *.ics", "correct the path"))
    return list(dict.fromkeys(paths)), faults


def _text(path: Path) -> tuple[str | None, list[Fault]]:
    try:
        if path.stat().st_size > MAX_BYTES:
            return None, [Fault(str(path), 0, "(file)", f"{path.stat().st_size} bytes", f"at most {MAX_BYTES}", "split the calendar")]
        return path.read_bytes().decode("utf-8-sig"), []
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "bytes that are not UTF-8"
        return None, [Fault(str(path), 0, "(file)", str(reason), "a readable text file", "correct the file")]
