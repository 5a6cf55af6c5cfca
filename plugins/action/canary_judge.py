# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judge a canary by its metrics. Decides only; what follows from it is the playbook's."""

from __future__ import annotations

from datetime import datetime, timezone

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.report import render as render_faults
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.source import plain
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge import gather, request
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.judge import judge
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.model import ERRORED, FAILED, INCONCLUSIVE
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.times import seconds

NOT_PASSED = [FAILED, ERRORED, INCONCLUSIVE]
SPEC = {
    "metrics": {"type": "list", "elements": "dict", "required": True},
    "mode": {"type": "str", "choices": ["default", "kayenta", "watch"], "default": "default"},
    "weights": {"type": "dict", "default": {}},
    "alpha": {"type": "float", "default": 0.01},
    "power": {"type": "float", "default": 0.8},
    "look": {"type": "int", "default": 1},
    "looks": {"type": "int", "default": 1},
    "fractions": {"type": "list", "elements": "float"},
    "pass_score": {"type": "float", "default": 95},
    "marginal_score": {"type": "float", "default": 75},
    "prometheus": {"type": "dict", "no_log": True},
    "start": {"type": "raw"},
    "end": {"type": "raw"},
    "step": {"type": "float"},
    "fail_on": {"type": "list", "elements": "str", "choices": NOT_PASSED, "default": NOT_PASSED},
}


class ActionModule(ActionBase):
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _validated, options = self.validate_argument_spec(SPEC)
        fail_on = options.pop("fail_on")
        document = request.numbers(plain({key: value for key, value in options.items() if value is not None}))
        faults = request.faults(document, datetime.now(timezone.utc).date())
        if faults:
            raise AnsibleActionFail("The canary was not judged. " + render_faults(faults, {"metrics": len(document["metrics"])}))
        self._place(document)
        now = seconds(document["end"], "end") if "end" in document else None
        found = judge(gather.pairs(document), request.settings(document), now=now)
        return {**result, **found, "changed": False, "failed": found["verdict"] in fail_on, "msg": told(found)}

    def _place(self, document):
        """Relative paths are beside the playbook, as everywhere in Ansible."""
        sources = [metric[side] for metric in document["metrics"] for side in ("canary", "baseline") if side in metric]
        sources += [source for metric in document["metrics"] for source in metric.get("earlier", [])]
        for holder, key in [*((source, "file") for source in sources), (document.get("prometheus", {}), "ca_path")]:
            if key in holder:
                holder[key] = self._loader.path_dwim(holder[key])


def told(found):
    """The verdict, why, and what the run could have seen, in one text."""
    look = "" if found["final"] else f" at {found['fractions'][-1] * 100:.0f} % of the run"
    head = (
        f"The canary {found['verdict']}{look}, score {found['score']:g}."
        if found["verdict"] != INCONCLUSIVE
        else f"The canary's judgement{look} is inconclusive."
    )
    return "\n".join([head, *(f"- {reason}" for reason in found["reasons"]), *([found["power"]] if found["power"] else [])])
