# SPDX-License-Identifier: GPL-3.0-or-later
"""What every act on the baselines of an environment is asked with, and how it speaks of a version."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._drift import baseline
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.baseline import BaselineError, Version
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.baseline_book import Book

Answer = dict[str, Any]
Roots = dict[str, dict[str, dict[str, Any]]]


@dataclass(frozen=True)
class Request:
    """hosts: those of the environment; facts: of a host, what the tasks left on it; dry: change nothing."""

    book: Book
    store: str
    args: Mapping[str, Any]
    hosts: Sequence[str]
    facts: Callable[[str], Mapping[str, Any]]
    dry: bool


def new_version(request: Request, hosts: Roots, *, reason: str, promote: bool, by: str = "", release: Mapping[str, str] | None = None) -> Version:
    ledger = request.book.ledger
    person = by or (str(ledger.actor["name"]) if ledger else "")
    created = datetime.now(timezone.utc).isoformat(timespec="seconds")
    return request.book.take(hosts, reason=reason, by=person, created=created, release=release, promote=promote)


def wanted(book: Book, number: int) -> Version:
    return baseline.find(book.known, number, book.environment)


def none(book: Book) -> BaselineError:
    waiting = baseline.candidate(book.known, book.name)
    return BaselineError(
        f"{book.environment} has no baseline {book.name} in force{f'; v{waiting.version} waits for its promotion' if waiting else ''}."
        f" Next: run evenkeel.release.baseline -e evenkeel_target={book.environment} with baseline_state={'promote' if waiting else 'take, then promote'}."
    )


def described(version: Version, document: Mapping[str, Any]) -> Answer:
    known = {"name": version.name, "version": version.version, "sha256": version.sha256, "taken": version.taken["time"]}
    return {**known, "release": document["release"], "hosts": document["hosts"]}


def row(version: Version, book: Book) -> Answer:
    promoted = version.promoted
    state = (
        "current" if version == book.current else "past" if promoted else "candidate" if version == baseline.candidate(book.known, book.name) else "passed over"
    )
    return {
        "name": version.name,
        "version": version.version,
        "state": state,
        "sha256": version.sha256,
        "signer": version.signer,
        "release": version.taken["release"],
        "taken": {"by": version.taken["actor"]["name"], "at": version.taken["time"], "reason": version.taken["body"]["reason"]},
        "promoted": {"by": promoted["actor"]["name"], "at": promoted["time"], "reason": promoted["body"]["reason"]} if promoted else {},
    }
