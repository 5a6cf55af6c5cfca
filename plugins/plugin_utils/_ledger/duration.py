# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re

from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds(value: str | int | float, *, option: str) -> float:
    """30, "30s", "15m", "8h", "7d" as seconds."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smhd]?)\s*", str(value))
    if not found:
        raise LedgerError(f"{option} is {str(value)!r}, allowed: a number of seconds, or a number with s, m, h or d, as in 15m.")
    return float(found[1]) * _UNITS[found[2] or "s"]
