# SPDX-License-Identifier: GPL-3.0-or-later
"""Releases that must not go out: held back in one environment after a rollback, or marked bad everywhere. Derived from the ledger.

Facts of kind `hold` have the body {state: held | lifted, reason} and the environment and release of the entry;
facts of kind `mark` have {state: bad | cleared, reason} and the entry's release.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError

Entry = Mapping[str, Any]


def held(entries: Iterable[Entry], environment: str) -> dict[str, Entry]:
    """{release: the entry that holds it back in the environment}."""
    return _standing((entry for entry in entries if entry["kind"] == "hold" and entry["environment"] == environment), sets="held")


def bad(entries: Iterable[Entry]) -> dict[str, Entry]:
    """{release: the entry that marks it bad}."""
    return _standing((entry for entry in entries if entry["kind"] == "mark"), sets="bad")


def refuse(entries: Iterable[Entry], *, environment: str, release: str) -> None:
    """Raises when the release may not be deployed to the environment, with who said so, when, why, and the way out."""
    known = list(entries)
    for word, found in (("marked bad", bad(known)), (f"held back in {environment}", held(known, environment))):
        if release in found:
            entry = found[release]
            raise DeploymentError(
                f"Release {release} is {word} by {entry['actor']['name']} since {entry['time']}: {entry['body'].get('reason') or 'no reason given'}."
                " Deploy another release, or lift it with evenkeel.release.mark (evenkeel_mark=lifted or cleared)."
            )


def _standing(entries: Iterable[Entry], *, sets: str) -> dict[str, Entry]:
    standing: dict[str, Entry] = {}
    for entry in entries:
        if entry["body"].get("state") == sets:
            standing[entry["release"]] = entry
        else:
            standing.pop(entry["release"], None)
    return standing
