# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the documents of the inventory and those beside it, all at once."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval import trust
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.errors import ApprovalError
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.fault import Fault
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.inventory import (
    VARIABLES,
    definitions,
)
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.report import render
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.source import plain
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.validation import Question, validate

LISTS = {"type": "list", "elements": "path", "default": []}
SPEC = {
    "environments": {"type": "list", "elements": "str", "default": []},
    "releases": LISTS,
    "policies": LISTS,
    "masking": LISTS,
    "compatibility": LISTS,
    "bundles": LISTS,
    "changes": {"type": "path", "default": ""},
    "calendars": LISTS,
    "reservations": LISTS,
    "handoffs": LISTS,
    "target": {"type": "str", "default": ""},
    "version": {"type": "str", "default": ""},
    "trust": {"type": "path"},
}


def _trusted(folder, today):
    """(faults of people, approval rules, duties, access documents and allowed signers, how many files)."""
    if not folder:
        return [], 0
    try:
        _place, faults, files = trust.read(Path(folder), today=today)
        return faults, files
    except ApprovalError as exc:
        return [Fault(str(folder), 0, "(folder)", str(exc), "a place that only root or who runs this can write")], 0


class ActionModule(ActionBase):
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _validated, options = self.validate_argument_spec(SPEC)
        groups = {str(name): [str(host) for host in hosts] for name, hosts in task_vars["groups"].items()}
        hostvars, unreadable = self._hostvars(task_vars["hostvars"], groups["all"])
        trust_dir, today = options.pop("trust"), datetime.now(timezone.utc).date()
        answer = validate(
            Question(today=today, **self._plain_options(options)),
            hostvars=hostvars,
            groups=groups,
            found=definitions(
                map(str, task_vars.get("ansible_inventory_sources") or []),
                playbook_dir=str(task_vars.get("playbook_dir", "")),
            ),
        )
        trusted, files = _trusted(trust_dir, today)
        faults = sorted([*answer.faults, *unreadable, *trusted])
        checked = {**answer.checked, **({"trusted files": files} if trust_dir else {})}
        result.update(
            changed=False,
            failed=bool(faults),
            faults=[fault.as_dict() for fault in faults],
            checked=checked,
            msg=render(faults, checked),
        )
        return result

    @staticmethod
    def _plain_options(options):
        return {name: [str(item) for item in value if item] if isinstance(value, list) else str(value) for name, value in options.items()}

    @staticmethod
    def _hostvars(every, hosts):
        """({host: {variable: plain value}}, faults of values that can't be templated)."""
        readable, faults = {}, []
        for host in hosts:
            variables = readable[host] = {}
            for name in VARIABLES:
                try:
                    if name in every[host]:
                        variables[name] = plain(every[host][name])
                except AnsibleError as exc:
                    reason = str(exc).splitlines()[0]
                    faults.append(
                        Fault(
                            f"inventory (host {host})",
                            0,
                            name,
                            reason,
                            "a value that can be templated",
                            "define the variable it uses",
                        )
                    )
        return readable, faults
