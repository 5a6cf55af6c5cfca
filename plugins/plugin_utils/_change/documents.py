# SPDX-License-Identifier: GPL-3.0-or-later
"""The documents of changes: rules.yml, cab.yml and standard/*.yml of one folder. The only file here that reads files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._change import rules
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents import files
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.cross import Document
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.fault import Fault, did_you_mean, listed, shown

MOST_TEMPLATES = 500


@dataclass
class Documents:
    """What is declared; `rules` is None without rules.yml, `roster` without cab.yml."""

    rules: dict[str, Any] | None = None
    roster: dict[str, Any] | None = None
    templates: list[dict[str, Any]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def read(folder: str, *, today: date) -> Documents:
    """Without a folder nothing is declared; a folder that is not there is a fault."""
    found = Documents()
    if not folder:
        return found
    place = Path(folder)
    if not place.is_dir():
        found.faults.append(Fault(str(place), 0, "(folder)", "nothing", "a folder with rules.yml, cab.yml and standard/", "correct the path"))
        return found
    found.rules = _one("change_rules", place / "rules.yml", found, today, _rules_faults)
    found.roster = _one("cab", place / "cab.yml", found, today, _cab_faults)
    if (place / "standard").is_dir():
        found.templates = _templates(place / "standard", found, today)
    return found


def _one(kind: str, path: Path, found: Documents, today: date, more: Any) -> dict[str, Any] | None:
    if not path.exists():
        return None
    documents, faults = files.read(kind, [str(path)], today=today)
    found.faults += faults
    if faults or not documents:
        return None
    found.faults += list(more(documents[0]))
    value: dict[str, Any] = documents[0].value
    return value


def _templates(folder: Path, found: Documents, today: date) -> list[dict[str, Any]]:
    documents, faults = files.read("standard_change", [str(folder)], today=today)
    found.faults += faults
    if len(documents) > MOST_TEMPLATES:
        found.faults.append(Fault(str(folder), 0, "(folder)", f"{len(documents)} templates", f"at most {MOST_TEMPLATES}", "retire what is not used"))
    for document in [] if faults else documents:
        found.faults += list(_template_faults(document))
    return [document.value for document in documents]


def _template_faults(document: Document) -> Iterator[Fault]:
    try:
        date.fromisoformat(document.value["expires"])
    except ValueError:
        yield document.source.fault(("expires",), found=shown(document.value["expires"]), allowed="a day of the calendar, such as 2027-06-30")


def _rules_faults(document: Document) -> Iterator[Fault]:
    for path, found, allowed in rules.faults(rules.complete(document.value)):
        yield document.source.fault(path, found=found, allowed=allowed)


def _cab_faults(document: Document) -> Iterator[Fault]:
    """A board that can never be complete is found when it is written, not when it meets."""
    roles: Mapping[str, Any] = document.value["roles"]
    for name, board in document.value["boards"].items():
        for key in ("must", "may"):
            for number, role in enumerate(board.get(key, [])):
                if role not in roles:
                    allowed = f"a role of the roster: {listed(sorted(roles))}"
                    yield document.source.fault(("boards", name, key, number), found=shown(role), allowed=allowed, hint=did_you_mean(role, roles))
        listed_people = [roles.get(role, {}) for role in {*board["must"], *board.get("may", [])}]
        people = {person for one in listed_people for person in (*one.get("members", []), *one.get("deputies", []))}
        if board["quorum"] > len(people):
            yield document.source.fault(("boards", name, "quorum"), found=str(board["quorum"]), allowed=f"at most {len(people)}, the people of its roles")
