# SPDX-License-Identifier: GPL-3.0-or-later
"""The change advisory board: the agenda of its next meeting, its minutes, and whether a meeting counts."""

from __future__ import annotations

from datetime import datetime, timezone

from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.release.plugins.plugin_utils._change import authorize, cab, documents, records, rules
from ansible_collections.evenkeel.release.plugins.plugin_utils._change.errors import ChangeError
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import inventory
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.report import render
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import session, settings, store
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import NewEntry
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError

SPEC = {
    "state": {"type": "str", "default": "agenda", "choices": ["agenda", "held"]},
    "environments": {"type": "list", "elements": "str", "required": True},
    "changes_dir": {"type": "path", "required": True},
    "meeting": {"type": "str", "required": True},
    "present": {"type": "list", "elements": "dict", "default": []},
    "decisions": {"type": "list", "elements": "dict", "default": []},
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
        try:
            declared = _declared(args["changes_dir"])
            places = _places(inventory.plain(args["environments"]), task_vars)
            url = args["ledger_url"] or settings.ledger_url(variables.get)
            if not store.exists(url) and (self._task.check_mode or args["state"] == "agenda"):
                return {**result, **_agenda(inventory.plain(args), declared, places, [])}
            with session.open_for(url, variables) as opened:
                entries = [entry.as_dict() for name in places for entry in opened.entries(kind="change", environment=name)]
                if args["state"] == "agenda":
                    return {**result, **_agenda(inventory.plain(args), declared, places, entries)}
                return {**result, **_held(opened, inventory.plain(args), declared, places, entries, dry=self._task.check_mode)}
        except (ChangeError, DeploymentError, LedgerError) as exc:
            return {**result, "failed": True, "msg": str(exc)}


def _declared(folder):
    found = documents.read(folder, today=datetime.now(timezone.utc).date())
    if found.faults:
        raise ChangeError("The documents of changes can't be used. " + render(sorted(set(found.faults)), {"standard changes": len(found.templates)}))
    if found.roster is None:
        raise ChangeError(f"{folder} has no cab.yml, so there is no board. Declare who must be there.")
    return found


def _places(names, task_vars):
    """{environment: (its document, its services)}."""
    groups, hostvars = inventory.plain(task_vars["groups"]), inventory.HostsOnce(task_vars["hostvars"])
    return {name: inventory.environment_of(name=name, groups=groups, hostvars=hostvars) for name in names}


def _agenda(args, declared, places, entries):
    ruled = rules.complete(declared.rules)
    known = [one for one in records.changes(entries).values() if one.environment in places]
    wants = [one.id for one in known if one.state in cab.WAITING and authorize.wants_board(one, places[one.environment][0].get("tier"), ruled)]
    sections = [
        cab.agenda([one for one in known if one.environment == name], declared.roster, services, meeting=f"{args['meeting']}, {name}", wants=wants)
        for name, (_document, services) in places.items()
    ]
    return {"changed": False, "agenda": "\n".join(sections), "to_decide": wants}


def _held(opened, args, declared, places, entries, *, dry):
    known = {one.id: one for one in records.changes(entries).values() if one.environment in places}
    body = cab.minutes(declared.roster, meeting=args["meeting"], present=args["present"], decisions=args["decisions"], known=known)
    judged = []
    for one in body["decisions"]:
        change = known[one["change"]]
        why = cab.validity(declared.roster, cab.worst(places[change.environment][1], change.services), body["present"])
        judged.append({**one, "valid": not why, "why": why})
    subject = cab.SUBJECT + body["meeting"]
    before = [entry.as_dict() for entry in opened.entries(kind="change", environment="", subject=subject)]
    if any(entry["body"] == body for entry in before):
        return {"changed": False, "decisions": judged}
    if before:
        raise ChangeError(f"The minutes of {body['meeting']} are recorded already and say something else. Record a correction under a name of its own.")
    if not dry:
        opened.append([NewEntry(records.KIND, "fact", "", "", subject, body)])
    return {"changed": True, "decisions": judged}
