# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask whether what will run is approved, and take signed statements into the ledger."""

from __future__ import annotations

import os
from contextlib import nullcontext
from datetime import datetime, timezone

from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval import book, gather, taking
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.ask import ask
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.errors import ApprovalError
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.specs import PLACES, SUBJECT
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.tell import tell
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.source import plain
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import actor, session, settings
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import exists

SPEC = {
    **PLACES,
    **SUBJECT,
    "state": {"type": "str", "choices": ["checked", "present", "withdrawn"], "default": "checked"},
    "digest": {"type": "str", "default": ""},
    "people": {"type": "list", "elements": "str", "default": []},
    "authors": {"type": "list", "elements": "dict", "default": []},
    "attestor_key": {"type": "path", "no_log": False},
    "valid_for": {"type": "str", "default": "2d"},
    "reason": {"type": "str", "default": ""},
    "enforce": {"type": "bool", "default": True},
}
REQUIRED_IF = [("state", "checked", ("environment", "release", "act")), ("state", "present", ("digest",)), ("state", "withdrawn", ("digest",))]
DECISIONS = {"present": "approve", "withdrawn": "withdraw"}


class ActionModule(ActionBase):
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _unused, args = self.validate_argument_spec(argument_spec=SPEC, required_if=REQUIRED_IF)
        found = gather.known(task_vars, self._templar.template)
        url, dry, now = args["ledger_url"] or settings.ledger_url(found.get), self._task.check_mode, datetime.now(timezone.utc)
        try:
            if args["state"] == "checked":
                with nullcontext() if dry and not exists(url) else session.open_for(url, found) as store:
                    return {**result, **_checked(args, found, store, now, dry=dry)}
            with nullcontext() if dry else session.open_for(url, found) as store:
                return {**result, **taking.take(args, found, store, decision=DECISIONS[args["state"]], now=now)}
        except (ApprovalError, LedgerError, OSError) as exc:
            return {**result, "failed": True, "msg": str(exc)}


def _checked(args, found, store, now, *, dry):
    """A question that gets no answer is on record too: somebody may have broken the trusted place on purpose."""
    try:
        return _check(args, found, store, now, dry=dry)
    except ApprovalError as exc:
        if not dry:
            names = {"environment": str(plain(args["environment"]).get("name", "")), "release": str(plain(args["release"]).get("version", ""))}
            book.refused(store, "", [{"file": "check", "reason": str(exc)}], **names)
        raise


def _check(args, found, store, now, *, dry):
    asked = gather.gather(args, found, now=now)
    answer = ask(
        asked.subject,
        trust=asked.trust,
        root=asked.root,
        store=store,
        environment=asked.environment,
        risk=args["risk"],
        authors=plain(args["authors"]),
        deployer=actor.detect(os.environ, found),
        now=now,
    )
    said = {**answer, "subject": asked.subject, "msg": tell(asked.subject, answer), "changed": False}
    said["failed"] = answer["verdict"] != "passed" and args["enforce"]
    if not dry and not taking.same_as_last(store, asked.subject, answer):
        # What can't be recorded is refused: the error of the ledger fails the task.
        said.update(changed=True, entry=book.checked(store, asked.subject, answer))
    return said
