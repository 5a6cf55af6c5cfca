# SPDX-License-Identifier: GPL-3.0-or-later
"""Baselines as documents, and what the ledger says of them. Pure: no clock, no disk.

One document tells how a whole environment is expected to be: the root of the record of each host and service. It is taken first and
compared with only when somebody promoted it; both are entries of the ledger, in this order.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

FORMAT = 1
KEYS = ("format", "name", "environment", "release", "version", "created", "by", "reason", "hosts", "previous")
Document = dict[str, Any]
# {host: {service: {root, items}}}
Hosts = Mapping[str, Mapping[str, Mapping[str, Any]]]


class BaselineError(Exception):
    """Says which baseline of which environment, what was found, and what to do next."""


@dataclass(frozen=True)
class Version:
    """What the ledger knows of one version; `promoted` is the newest entry that made it the one to compare with."""

    name: str
    version: int
    sha256: str
    signer: str
    taken: Mapping[str, Any]
    promoted: Mapping[str, Any] | None = None

    @property
    def title(self) -> str:
        return f"{self.name} v{self.version}"


def compose(
    *,
    name: str,
    environment: str,
    release: Mapping[str, str],
    version: int,
    created: str,
    by: str,
    reason: str,
    hosts: Hosts,
    previous: str,
) -> Document:
    """release: {service: release} that the ledger says is deployed; previous: SHA-256 of the version before, empty for the first."""
    return {
        "format": FORMAT,
        "name": name,
        "environment": environment,
        "release": dict(release),
        "version": version,
        "created": created,
        "by": by,
        "reason": reason,
        "hosts": {host: {service: dict(services[service]) for service in sorted(services)} for host, services in sorted(hosts.items())},
        "previous": previous,
    }


def text(document: Document) -> bytes:
    return (json.dumps(document, sort_keys=True, indent=1) + "\n").encode()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def versions(entries: Iterable[Mapping[str, Any]], environment: str) -> list[Version]:
    """What the entries of the kinds baseline and teardown say, oldest first; after a teardown nothing is promoted any more."""
    found: dict[int, Version] = {}
    for entry in entries:
        body = entry["body"]
        if entry["environment"] != environment:
            continue
        if entry["kind"] == "teardown" and body.get("verdict") == "passed":
            found = {number: replace(version, promoted=None) for number, version in found.items()}
        elif entry["kind"] == "baseline" and body.get("event") == "taken":
            # The first entry counts: a later one cannot give a version another content.
            found.setdefault(body["version"], Version(body["name"], body["version"], body["sha256"], body["signer"], entry))
        elif entry["kind"] == "baseline" and body.get("event") == "promoted":
            version = found.get(body["version"])
            if version and version.sha256 == body["sha256"]:
                found[version.version] = replace(version, promoted=entry)
    return [found[number] for number in sorted(found)]


def current(known: Sequence[Version], name: str) -> Version | None:
    """The version of this name that was promoted last."""
    promoted = [(version.promoted["id"], version) for version in known if version.name == name and version.promoted]
    return max(promoted, key=lambda pair: pair[0])[1] if promoted else None


def candidate(known: Sequence[Version], name: str) -> Version | None:
    """The newest version of this name that waits for its promotion."""
    mine = [version for version in known if version.name == name]
    return mine[-1] if mine and mine[-1].promoted is None else None


def find(known: Sequence[Version], number: int, environment: str) -> Version:
    for version in known:
        if version.version == number:
            return version
    there = ", ".join(f"v{version.version}" for version in known) or "none"
    raise BaselineError(f"The baseline v{number} of {environment} is unknown to the ledger; it knows {there}. Next: take one with baseline_state=take.")


def check(data: bytes, *, version: Version, known: Sequence[Version], environment: str, signer: str) -> Document:
    """The document, when it is what the ledger says was taken: the same bytes, signed with the same key."""
    what = f"The baseline {version.title} of {environment}"
    digest = sha256(data)
    if digest != version.sha256:
        older = next((other for other in known if other.sha256 == digest), None)
        found = f"is a copy of v{older.version}, put in its place" if older else f"has SHA-256 {digest}"
        raise BaselineError(f"{what} {found}; the ledger says {version.sha256}. Next: find out who changed it, then restore it or take a new one.")
    if signer != version.signer:
        raise BaselineError(
            f"{what} is signed by {signer}; the ledger says {version.signer}. Next: find out who signed it, then restore the signature or take a new one."
        )
    document = parse(data, what)
    said = (document["environment"], document["name"], document["version"])
    if said != (environment, version.name, version.version):
        raise BaselineError(f"{what} says of itself that it is {said[1]} v{said[2]} of {said[0]}. Next: find out who put it there, then take a new one.")
    return document


def parse(data: bytes, what: str) -> Document:
    try:
        document = json.loads(data)
        if document["format"] != FORMAT or sorted(document) != sorted(KEYS):
            raise ValueError
    except (ValueError, KeyError, TypeError):
        raise BaselineError(f"{what} is no baseline of format {FORMAT}. Next: take a new one with baseline_state=take.") from None
    return dict(document)


def refuse_same_person(version: Version, person: str, environment: str) -> None:
    taker = version.taken["actor"]["name"]
    if taker == person:
        raise BaselineError(
            f"The baseline {version.title} of {environment} was taken by {taker}, who may not promote it as well: drift_baseline_four_eyes is set."
            " Next: let somebody else look at it and promote it."
        )


def releases(release: Mapping[str, str]) -> str:
    """For the ledger's column, which holds one text."""
    return ", ".join(sorted(set(release.values())))
