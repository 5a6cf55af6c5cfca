# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is who: one person has many names (keys, mail, logins), and counts once whatever name is used."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple


class Identity(NamedTuple):
    """What a system or git says of somebody. `source` is how it is known: awx, os, git, ssh, ...; empty where nobody says."""

    name: str
    source: str = ""
    mail: str = ""


class Who(NamedTuple):
    """`person` is the id of a person, `machine` the name of an account that no person is; both empty: nobody knows."""

    person: str = ""
    machine: str = ""


class Roster:
    """The document people.yml."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.people: Mapping[str, Any] = document["people"]
        self.attestors: Mapping[str, Any] = document.get("attestors", {})
        self.machines = {fold(name) for name in document.get("machines", [])}
        self._names = {name: person for name, person, _place in _claims(self.people)}

        self._exact = {str(name): person for person, known in self.people.items() for name in (person, *known.get("aliases", []))}
        self._exact_machines = {str(name) for name in document.get("machines", [])}

    def groups(self, person: str) -> frozenset[str]:
        return frozenset(self.people.get(person, {}).get("groups", []))

    def of_principals(self, principals: Iterable[str]) -> set[str]:
        """The persons whom a key may sign for."""
        return {person for person, known in self.people.items() if set(known.get("principals", [])) & set(principals)}

    def attested(self, source: str, login: str) -> str:
        """The person of exactly this login of exactly this system; empty when nobody has it. AWX takes bob and Bob for two users, and so do we here."""
        name = f"{source}:{login}"
        return self._exact.get(name, "") if name not in self.people else ""

    def known(self, identity: Identity) -> Who:
        """Whom an actor may act as: names count as they are written, so that no similar one is taken for another."""
        names = [f"{identity.source}:{identity.name}", identity.name]
        found = {self._exact[name] for name in names if name in self._exact}
        machine = next((name for name in names if name in self._exact_machines), "")
        return Who(person=found.pop()) if len(found) == 1 else Who(machine=machine if not found else "")

    def who(self, identity: Identity) -> Who:
        """Whom duties are counted for: similar names are one, so that nobody gets around a rule by writing theirs in another way.

        A name that belongs to a person counts, with its source (`awx:ann`) or without. Two persons by one identity are nobody."""
        names = [f"{identity.source}:{identity.name}", identity.name, identity.mail]
        found = {self._names[fold(name)] for name in names if name and fold(name) in self._names}
        if len(found) == 1:
            return Who(person=found.pop())
        machine = next((name for name in names if name and fold(name) in self.machines), "")
        return Who(machine=machine if not found else "")


def fold(name: str) -> str:
    """Ann@Example.com and ann@example.com are one name; so are two ways to write an accent."""
    return unicodedata.normalize("NFKC", name).casefold().strip()


def doubles(document: Mapping[str, Any]) -> list[tuple[tuple[str | int, ...], str, str]]:
    """(key path, name, who has it too) of each name that two persons, or a person and a machine, claim."""
    first: dict[str, str] = {}
    found = []
    for name, person, place in _claims(document.get("people", {})):
        other = first.setdefault(name, person)
        if other != person:
            found.append((place, name, other))
    for number, machine in enumerate(document.get("machines", [])):
        if fold(str(machine)) in first:
            found.append((("machines", number), str(machine), first[fold(str(machine))]))
    principals = {fold(str(each)) for one in document.get("attestors", {}).values() for each in one.get("principals", [])}
    found += [((*place,), name, "an attestor") for name, _person, place in _claims(document.get("people", {})) if name in principals]
    return found


def _claims(people: Mapping[str, Any]) -> Iterable[tuple[str, str, tuple[str | int, ...]]]:
    """(folded name, person, key path)."""
    for person, known in people.items():
        yield fold(str(person)), str(person), ("people", person)
        for kind in ("principals", "aliases"):
            for number, name in enumerate(known.get(kind, [])):
                yield fold(str(name)), str(person), ("people", person, kind, number)
