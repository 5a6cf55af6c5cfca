# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes one entry into the ledger, from the controller."""

from __future__ import annotations

from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import session, settings
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import DECIDED, KINDS, PHASES, VERDICTS, NewEntry
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError

SPEC = {
    "kind": {"type": "str", "required": True, "choices": [kind for kind in KINDS if kind not in DECIDED]},
    "phase": {"type": "str", "default": "fact", "choices": list(PHASES)},
    "environment": {"type": "str"},
    "release": {"type": "str"},
    "subject": {"type": "str", "default": ""},
    "stream": {"type": "str", "default": "main"},
    "intent": {"type": "str"},
    "verdict": {"type": "str", "choices": list(VERDICTS)},
    "body": {"type": "dict", "default": {}},
    "ledger_url": {"type": "str", "no_log": True},
}
REQUIRED_IF = [("phase", "outcome", ("intent", "verdict"))]


class ActionModule(ActionBase):
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _unused, args = self.validate_argument_spec(argument_spec=SPEC, required_if=REQUIRED_IF)
        variables = settings.templated(task_vars, self._templar.template)
        try:
            entry = _entry(args, variables)
            if self._task.check_mode:
                return {**result, "changed": True, "entry": session.preview(entry, variables)}
            with session.open_for(args["ledger_url"] or settings.ledger_url(variables.get), variables) as store:
                return {**result, "changed": True, "entry": session.record(store, entry)}
        except LedgerError as exc:
            return {**result, "failed": True, "msg": str(exc)}


def _entry(args, variables):
    extra = {name: str(args[name]) for name in ("intent", "verdict") if args[name]}
    return NewEntry(
        kind=args["kind"],
        phase=args["phase"],
        environment=str(args["environment"] if args["environment"] is not None else variables.get("evenkeel_target") or ""),
        release=str(args["release"] if args["release"] is not None else variables.get("evenkeel_version") or ""),
        subject=args["subject"],
        stream=args["stream"],
        body={**args["body"], **extra},
    )
