# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a run that meets another one in an environment waits or is refused: what the environment's document says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import duration
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError

POLICIES = ("refuse", "queue")
KEYS = ("policy", "wait", "limit")
USUAL_WAIT = "30m"


def queue(declared: Mapping[str, Any], *, wait: str | None = None, limit: int | None = None) -> tuple[float, int | None]:
    """(seconds to wait, how many may wait; None is no limit). `declared` is `concurrency` of evenkeel_environment, {policy, wait, limit}; what is
    given beside it goes before it. Raises LedgerError with every fault."""
    policy = declared.get("policy", "refuse")
    unknown = sorted(set(map(str, declared)) - set(KEYS))
    known = declared.get("limit")
    faults = [f"the unknown key {key}, allowed: {', '.join(KEYS)}" for key in unknown]
    faults += [f"policy is {policy!r}, allowed: {', '.join(POLICIES)}"] if policy not in POLICIES else []
    faults += (
        [f"limit is {known!r}, allowed: a whole number, 1 or more"]
        if known is not None and (not isinstance(known, int) or isinstance(known, bool) or known < 1)
        else []
    )
    if faults:
        raise LedgerError(f"The concurrency of the environment can't be used: {'; '.join(faults)}. Next: correct its document.")
    usual = str(declared.get("wait", USUAL_WAIT)) if policy == "queue" else "0"
    return duration.seconds(usual if wait is None else wait, option="wait"), known if limit is None else limit
