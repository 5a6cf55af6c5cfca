# SPDX-License-Identifier: GPL-3.0-or-later
"""The functions that conditions have beside those of JMESPath. None of them reads the clock."""

from __future__ import annotations

from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.functions_data import (
    NumberFunctions,
    QuantifierFunctions,
    SetFunctions,
    TextFunctions,
    VersionFunctions,
)
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.functions_time import TimeFunctions
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.values import (
    DAYS,
    GateFunctionError,
    active_freeze,
    open_window,
    parse_time,
    semver_compare,
)
from jmespath import functions

__all__ = ["DAYS", "GateFunctionError", "GateFunctions", "active_freeze", "open_window", "own_names", "parse_time", "semver_compare"]


class GateFunctions(
    TimeFunctions,
    SetFunctions,
    QuantifierFunctions,
    NumberFunctions,
    TextFunctions,
    VersionFunctions,
    functions.Functions,
):
    """`now` is the evidence's: age_seconds is asked for an age, not for a time."""

    def __init__(self, now: str | None) -> None:
        self._now = now


def own_names() -> list[str]:
    """The functions that JMESPath itself does not have."""
    return sorted(set(GateFunctions.FUNCTION_TABLE) - set(functions.Functions.FUNCTION_TABLE))
