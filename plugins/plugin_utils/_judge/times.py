# SPDX-License-Identifier: GPL-3.0-or-later
"""Moments as seconds since 1970."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.formats import timestamp
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.model import JudgeError


def seconds(value: Any, what: str) -> float:
    """A number, a number as text, or RFC 3339 with its zone."""
    if isinstance(value, datetime) and value.tzinfo:
        return value.timestamp()
    try:
        return float(value)
    except (TypeError, ValueError):
        moment = timestamp(str(value))
    if moment is None:
        raise JudgeError(f"{what} is {str(value)[:40]!r}, needed are seconds since 1970 or a time such as 2027-12-20T00:00:00Z.")
    return moment.timestamp()
