# SPDX-License-Identifier: GPL-3.0-or-later
"""One request about access, a grant or a review, with the ledger opened where it may be."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from datetime import datetime, timezone
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._access.known import Known
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.errors import ApprovalError
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import actor, session, settings
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import Store, exists

READS = ("checked", "info", "report")
Step = Callable[[Known, Store | None], dict[str, Any]]


def carry_out(args: Mapping[str, Any], found: Mapping[str, Any], steps: Mapping[str, Step], *, dry: bool) -> dict[str, Any]:
    """What the step of args["state"] says; found are the variables of the task, with those that matter here as values."""
    url = args["ledger_url"] or settings.ledger_url(found.get)
    try:
        known = Known(args, found, actor=actor.detect(os.environ, found), now=datetime.now(timezone.utc))
        # What only reads may read in check mode too.
        closed = dry and not (args["state"] in READS and exists(url))
        with nullcontext() if closed else session.open_for(url, found) as store:
            known.dry = dry
            return steps[args["state"]](known, store)
    except (ApprovalError, LedgerError, OSError) as exc:
        return {"failed": True, "msg": str(exc)}
