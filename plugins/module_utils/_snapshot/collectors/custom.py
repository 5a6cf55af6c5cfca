# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`custom`: commands that print a JSON object; its keys are facts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.command import output
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.facts_of import items_of
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.formats import json
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.formats.shape import Broken
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.host import Host
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import Items, Unknown, printable

NAME = "custom"
KINDS = ("custom",)
LARGEST = 1 << 20
TIMEOUT = 30.0


def collect(options: Mapping[str, Any], host: Host) -> Items:
    items: Items = {}
    for entry in options.get("custom") or ():
        prefix = f"custom:{printable(str(entry['name']))}"
        try:
            items.update(items_of(prefix, _facts(entry, host), options.get("secret_keys") or (), host))
        except (Unknown, Broken) as exc:
            items[prefix] = {"unknown": str(exc)}
    return items


def _facts(entry: Mapping[str, Any], host: Host) -> dict[str, str]:
    if host.root:
        raise Unknown("commands are not run for another root")
    command = [str(word) for word in entry.get("command") or ()]
    if not command:
        raise Unknown("it has no command")
    data = output(command, timeout=float(entry.get("timeout") or TIMEOUT), limit=LARGEST)
    try:
        text = data.decode("utf-8").strip()
    except UnicodeDecodeError as exc:
        raise Unknown("its output is not UTF-8") from exc
    if not text.startswith("{"):
        raise Unknown("its output is not a JSON object")
    try:
        return json.parse(text)
    except Broken as exc:
        raise Unknown(f"its output cannot be used: {exc}") from exc
