# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of handoffs that the schema can't say."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.cross import Document
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.fault import Fault, did_you_mean, listed, shown
from ansible_collections.evenkeel.release.plugins.plugin_utils._handoff.state import Teams


def document_faults(found: Sequence[Document], *, teams: Teams) -> list[Fault]:
    """Of documents whose schema has no fault. `teams` empty: their names are not checked."""
    faults = []
    for each in found:
        value = each.value
        names = [checkpoint["name"] for checkpoint in value["checkpoints"]]
        for number, checkpoint in enumerate(value["checkpoints"]):
            if checkpoint["name"] in names[:number]:
                faults.append(each.source.fault(("checkpoints", number, "name"), found=shown(checkpoint["name"]), allowed="each checkpoint once"))
            faults += _team_fault(each, ("checkpoints", number, "by"), checkpoint["by"], teams)
        faults += [fault for key in ("from", "to") for fault in _team_fault(each, (key,), value[key], teams)]
        if value["from"] == value["to"]:
            faults.append(each.source.fault(("to",), found=shown(value["to"]), allowed=f"another team than from, {value['from']}"))
    return faults


def _team_fault(each: Document, path: tuple[str | int, ...], team: str, teams: Teams) -> list[Fault]:
    if not teams or team in teams:
        return []
    return [each.source.fault(path, found=shown(team), allowed=f"a team: {listed(teams)}", hint=did_you_mean(team, teams))]
