# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ledger knows of artifacts: each name once, with the digest that it was seen with first, by whichever controller."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.cache import Name, clash
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.fetch import Fetched, Wanted
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import session
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import NewEntry
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import Store
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.views import Readable

KIND = "validation"


def subject(name: Name) -> str:
    return f"artifact/{name.component}/{name.version}/{name.label}"


def check(entries: Iterable[Readable], wanted: Wanted) -> bool:
    """Whether the ledger knows it; an error when it knows another digest."""
    found = False
    for entry in entries:
        known = str(entry["body"].get("sha256"))
        if known != wanted.sha256:
            raise clash(wanted.name, known=known, where=f"recorded in the ledger at {entry['time']}", wanted=wanted.sha256)
        found = True
    return found


def body(fetched: Fetched) -> Mapping[str, Any]:
    made = fetched.as_dict()
    names = ("component", "version", "platform", "sha256", "size", "source", "rule", "signatures")
    return {"verdict": "passed", **{name: made[name] for name in names}}


def note(store: Store, fetched: Fetched, *, environment: str) -> None:
    """Once. Two controllers may write at the same moment: whoever then reads two digests refuses the artifact."""
    about = subject(fetched.wanted.name)
    if check(store.entries(kind=KIND, subject=about), fetched.wanted):
        return
    session.record(store, NewEntry(kind=KIND, phase="fact", environment=environment, subject=about, body=body(fetched)))
    check(store.entries(kind=KIND, subject=about), fetched.wanted)
