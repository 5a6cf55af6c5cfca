# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signs the checkpoints of a handoff between teams, and says what is open."""

from __future__ import annotations

import os
from datetime import datetime, timezone

from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.source import plain
from ansible_collections.evenkeel.release.plugins.plugin_utils._handoff import acts, read
from ansible_collections.evenkeel.release.plugins.plugin_utils._handoff.errors import HandoffError
from ansible_collections.evenkeel.release.plugins.plugin_utils._handoff.state import state
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import actor as actors
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import session, settings
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import store as stores
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations import words

SPEC = {
    "state": {"type": "str", "choices": ["info", "signed", "withdrawn", "complete"], "default": "info"},
    "handoffs": {"type": "list", "elements": "path", "required": True},
    "name": {"type": "str", "default": ""},
    "checkpoint": {"type": "str", "default": ""},
    "evidence": {"type": "list", "elements": "str", "default": []},
    "note": {"type": "str", "default": ""},
    "teams": {"type": "dict"},
    "ledger_url": {"type": "str", "no_log": True},
}


class ActionModule(ActionBase):
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _unused, args = self.validate_argument_spec(argument_spec=SPEC)
        variables = settings.templated(task_vars, self._templar.template)
        teams = plain(args["teams"] if args["teams"] is not None else self._templar.template(task_vars.get("evenkeel_teams") or {}))
        try:
            documents = read.documents([str(place) for place in args["handoffs"]], teams=teams, today=datetime.now(timezone.utc).date())
            url = args["ledger_url"] or settings.ledger_url(variables.get)
            if args["state"] in ("signed", "withdrawn"):
                return {**result, **self._write(_chosen(documents, args), teams, args, url, variables)}
            entries = self._read(url, variables)
        except (HandoffError, LedgerError) as exc:
            return {**result, "failed": True, "msg": str(exc)}
        found = [state(document, entries, teams) for document in documents if args["name"] in ("", document["name"])]
        if args["name"] and not found:
            return {
                **result,
                "failed": True,
                "msg": f"There is no handoff {args['name']!r}; there are {', '.join(each['name'] for each in documents) or 'none'}.",
            }
        failed = args["state"] == "complete" and not all(each["complete"] for each in found)
        return {**result, "changed": False, "failed": failed, "handoffs": found, "msg": _table(found)}

    def _write(self, document, teams, args, url, variables):
        def decide(entries):
            options = {"actor": str(actor["name"]), "note": args["note"]}
            if args["state"] == "withdrawn":
                return acts.withdraw(document, entries, teams, args["checkpoint"], **options)
            return acts.sign(document, entries, teams, args["checkpoint"], evidence=plain(args["evidence"]), **options)

        if self._task.check_mode:
            actor = actors.detect(os.environ, variables)
            body = decide(self._read(url, variables))
            return {"changed": body is not None, "handoffs": [state(document, self._read(url, variables), teams)]}
        with session.open_for(url, variables) as store:
            actor = store.actor
            entry = read.decided(store, document, args["checkpoint"], decide)
            found = state(document, read.entries(store), teams)
        return {"changed": entry is not None, "handoffs": [found], "msg": _table([found]), **({"entry": entry.as_dict()} if entry else {})}

    @staticmethod
    def _read(url, variables):
        if not stores.exists(url):
            return []
        with session.open_for(url, variables) as store:
            return read.entries(store)


def _chosen(documents, args):
    found = [document for document in documents if document["name"] == args["name"]]
    if not found or not args["checkpoint"]:
        names = ", ".join(document["name"] for document in documents) or "none"
        raise HandoffError(f"state {args['state']} needs name, one of {names}, and checkpoint; found {args['name']!r} and {args['checkpoint']!r}.")
    return found[0]


def _table(found):
    head = ("handoff", "checkpoint", "for", "state", "who", "at", "why")
    rows = [(each["name"], row["name"], row["by"], row["state"], row["who"], row["at"][:19], row["why"]) for each in found for row in each["checkpoints"]]
    return words.table([head, *rows])
