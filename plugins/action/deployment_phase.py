# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Collect how the hosts of a plan came out of a phase and record it."""

from __future__ import annotations

from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import phase
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.inventory import plain


class ActionModule(ActionBase):
    TRANSFERS_FILES = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _unused, args = self.validate_argument_spec(
            argument_spec={
                "phase": {"type": "str", "required": True},
                "plan": {"type": "dict", "required": True},
                "problems": {"type": "list", "elements": "dict", "default": []},
            },
        )
        args = plain(args)
        hosts = phase.hosts_of(args["plan"])
        states, found = phase.judge(phase=args["phase"], hosts=hosts, facts=_facts(task_vars["hostvars"], hosts))
        problems = args["problems"] + found
        result.update(changed=False, hosts=states, problems=problems, report=phase.report(problems))
        return result


def _facts(hostvars, hosts):
    # One variable at a time: reading a whole host would evaluate every lookup of its group_vars.
    return {host: {name: plain(hostvars[host].get(name)) for name in ("deploy_done", "deploy_failed") if hostvars[host].get(name)} for host in hosts}
