# SPDX-License-Identifier: GPL-3.0-or-later
"""What every step of a grant or a review needs of its options and variables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._access import exports, grant_book
from ansible_collections.evenkeel.release.plugins.plugin_utils._access.members import identity
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval import gather
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.errors import ApprovalError
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.trust import Trust
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.source import plain
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import Store

Data = Mapping[str, Any]


class Known:
    def __init__(self, args: Data, found: Data, *, actor: Data, now: datetime) -> None:
        self.args, self.now, self.actor = args, now, actor
        self.dry = False
        self.trust: Trust = gather.trusted(args, found, now=now)
        self.root, self.ledger = gather.root(args, found), gather.ledger_name(args, found)
        if not self.ledger:
            raise ApprovalError("The ledger has no name: set evenkeel_ledger_name, so that no other installation takes what is signed.")
        self.environments = {str(one["name"]): one for one in plain(args["environments"])}
        self.memberships = memberships(args.get("exports") or [])

    @property
    def person(self) -> str:
        who = self.trust.roster.known(identity(self.actor))
        if not who.person:
            raise ApprovalError(f"Nobody in people.yml is {self.actor['source']}:{self.actor['name']}. Next: have the name added to the aliases of its person.")
        return who.person


def memberships(paths: Sequence[Any]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for path in map(Path, paths):
        try:
            with path.open("rb") as stream:
                found.update(exports.read(stream.read(exports.LARGEST + 1)))
        except (OSError, ValueError) as exc:
            raise ApprovalError(f"The export {path} can't be used: {exc}. Next: write it again, see docs/how-to/access.md.") from exc
    return found


def every(known: Known, store: Store | None) -> list[dict[str, Any]]:
    """Every grant that the ledger knows."""
    return grant_book.standing(store, trust=known.trust, ledger=known.ledger, environments=known.environments, now=known.now)
