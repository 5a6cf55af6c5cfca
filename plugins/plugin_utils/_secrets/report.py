# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.access import access_from
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.client import ask
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.faults import SecretsError
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.run import Run
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.terms import Want


def report(run: Run, options: Mapping[str, Any], wants: Sequence[Want]) -> dict[str, Any]:
    """What is known of each secret, never a value."""
    try:
        reply = ask(run, access_from(options), wants)
    except SecretsError as exc:
        return {"faults": [fault.text for fault in exc.faults], "secrets": [], "ttl": None}
    faults = [outcome["fault"]["text"] for outcome in reply["outcomes"] if "fault" in outcome]
    secrets = [_line(want, outcome) for want, outcome in zip(wants, reply["outcomes"])]
    return {"faults": list(dict.fromkeys(faults)), "secrets": secrets, "ttl": reply["ttl"]}


def _line(want: Want, outcome: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": want.name,
        "secret": f"{want.ref.mount}/{want.ref.path}",
        "key": want.key,
        "ok": "fault" not in outcome,
        "version": outcome.get("version"),
    }
