# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Collect how the hosts of a plan came out of a phase and record it."""

from __future__ import annotations

from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import phase
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.inventory import plain, said


class ActionModule(ActionBase):
    TRANSFERS_FILES = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _unused, args = self.validate_argument_spec(
            argument_spec={
                "phase": {"type": "str", "required": True},
                "plan": {"type": "dict", "required": True},
                "hosts": {"type": "list", "elements": "str"},
                "problems": {"type": "list", "elements": "dict", "default": []},
                "excluded": {"type": "dict", "default": {}},
                "also": {"type": "dict", "default": {}},
                "ended": {"type": "list", "elements": "str", "default": []},
            },
        )
        args = plain(args)
        hosts = phase.hosts_of(args["plan"]) if args["hosts"] is None else args["hosts"]
        facts = _facts(task_vars["hostvars"], {*hosts, *(host for expected in args["also"].values() for host in expected)})
        states, found = phase.judge(phase=args["phase"], hosts=hosts, facts=facts, excluded=args["excluded"], also=args["also"], ended=args["ended"])
        problems = args["problems"] + found
        result.update(changed=False, hosts=states, problems=problems, report=phase.report(problems))
        return result


def _facts(hostvars, hosts):
    return {host: said(hostvars[host]) for host in hosts}
