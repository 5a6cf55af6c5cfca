# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decide what is done about a batch that did not come through, and wait for an operator's answer where the policy says so."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from pathlib import Path

import yaml
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import guidance, operator, progress
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.inventory import plain
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import session, settings
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import NewEntry
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError

SPEC = {
    "environment": {"type": "str", "required": True},
    "deployment": {"type": "str", "required": True},
    "release": {"type": "str", "default": ""},
    "hosts": {"type": "list", "elements": "str", "required": True},
    "services": {"type": "list", "elements": "dict", "required": True},
    "problems": {"type": "list", "elements": "dict", "required": True},
    "attempt": {"type": "int", "default": 1},
    "excluded": {"type": "list", "elements": "str", "default": []},
    "answers": {"type": "path", "default": ""},
    "ledger_url": {"type": "str", "no_log": True},
}


class ActionModule(ActionBase):
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _unused, args = self.validate_argument_spec(argument_spec=SPEC)
        args = plain(args)
        variables = settings.templated(task_vars, self._templar.template)
        try:
            with session.open_for(args["ledger_url"] or settings.ledger_url(variables.get), variables) as store:
                return {**result, **_decide(store, args)}
        except LedgerError as exc:
            # A batch that fails here would leave its hosts out of the traffic.
            return {**result, "changed": False, **guidance.Decision("rollback", [], [], [str(exc)])._asdict()}


def _decide(store, args):
    policy = guidance.policy_of(args["services"])
    hosts = {host for service in args["services"] for host in service["hosts"]}
    needed = max((int(service.get("min_healthy", 0)) for service in args["services"]), default=0)
    state = guidance.State(args["hosts"], args["attempt"], args["excluded"], len(hosts), needed)
    said = operator.word(store, args["environment"], args["deployment"])
    try:
        answers = [] if said.word == "stop" else _answers(store, args, policy["ask"])
    except DeploymentError as exc:
        # A host must not fail of it, and what nobody understands allows nothing.
        found = guidance.Decision("rollback", [], [], [str(exc)])
    else:
        if said.word == "stop":
            # An abort means all of it, whatever the policy would do about one batch.
            policy = {**policy, "act": "rollback"}
        found = _in_time(store, args, guidance.decide(args["problems"], policy=policy, answers=answers, state=state))
    if found.act != "go":
        body = {"deployment": args["deployment"], "verb": "decided", "act": found.act, "retry": found.retry, "exclude": found.exclude, "why": found.why}
        session.record(store, NewEntry("directive", "fact", args["environment"], args["release"], subject="decided", body=body))
        Display().display("\n".join(found.why))
    return {"changed": found.act != "go", **found._asdict()}


def _answers(store, args, seconds):
    """From the file and from the ledger; waited for while there is a problem without one."""
    deadline, said = time.monotonic() + float(seconds), False
    while True:
        known = _read(args["answers"]) + guidance.told(_later(store, args), args["deployment"])
        asked = guidance.asks(args["problems"], answers=known)
        if not asked or time.monotonic() >= deadline:
            return known
        if not said:
            where = f" or in {args['answers']}" if args["answers"] else ""
            Display().display(f"{', '.join(asked)}: waiting {seconds:g} s for an answer, with evenkeel.release.answer{where}")
            said = True
        time.sleep(min(1.0, max(0.0, deadline - time.monotonic())))


def _read(path):
    if not path or not Path(path).exists():
        return []
    try:
        return guidance.checked(yaml.safe_load(Path(path).read_text(encoding="utf-8")) or [])
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as exc:
        raise DeploymentError(f"The answers in {path} cannot be read: {exc}") from exc
    except DeploymentError as exc:
        raise DeploymentError(f"{path}: {exc}") from exc


def _in_time(store, args, found):
    """A retry is not taken when nothing has come through for longer than the services allow."""
    late = progress.late(_later(store, args), args["deployment"], args["services"], now=datetime.now(timezone.utc))
    return guidance.Decision("rollback", [], [], [*found.why, late]) if found.act == "retry" and late else found


def _later(store, args):
    kinds = ("deployment", "rollback", "step", "directive")
    return [entry.as_dict() for entry in store.entries(environment=args["environment"], kind=kinds)]
