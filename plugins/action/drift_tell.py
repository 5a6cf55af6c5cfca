# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows what differs: a line for one host, one line for the same difference on many, a diff."""

from __future__ import annotations

from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.inventory import plain
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift import tell
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.severity import LEVELS

SPEC = {
    "subject": {"type": "str"},
    "result": {"type": "dict"},
    "against": {"type": "str", "default": "the baseline"},
    "fail_at": {"type": "str", "default": "low", "choices": list(LEVELS)},
    "environment": {"type": "str"},
}


class ActionModule(ActionBase):
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _unused, args = self.validate_argument_spec(
            argument_spec=SPEC,
            required_one_of=[("subject", "environment")],
            mutually_exclusive=[("subject", "environment")],
            required_together=[("subject", "result")],
        )
        # Shown like the text of a debug task: it is what this is run for.
        result.update(changed=False, _ansible_verbose_always=True)
        if args["environment"]:
            return {**result, "msg": _summary(task_vars, args["environment"], args["against"])}
        shown = plain(args["result"])
        line = tell.subject_line(args["subject"], shown, args["against"])
        text = tell.diff(args["subject"], shown["findings"]) if self._task.diff else ""
        if text:
            result["diff"] = {"prepared": text}
        return {
            **result,
            # A terminal shows the diff of a task only when it changed something, and looking never does.
            "msg": [line, *text.splitlines()] if text else line,
            "failing": tell.failing(shown["findings"], args["fail_at"]),
        }


def _summary(task_vars, environment, against):
    hostvars = task_vars["hostvars"]
    hosts = [str(host) for host in task_vars["groups"].get(environment, [])]
    # One variable at a time: reading a whole host would evaluate every lookup of its group_vars.
    found = {f"{host}/{service}": plain(each) for host in hosts for service, each in (hostvars[host].get("drift_results") or {}).items()}
    lines = tell.together(found)
    return [f"{environment}: {len(found)} of hosts and services compared with {against}, {len(lines)} differences.", *lines]
