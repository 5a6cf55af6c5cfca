# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks the calendars whether a release may go, shows the coming weeks, and writes them as an .ics file."""

from __future__ import annotations

import os
import time
from datetime import datetime, timezone
from pathlib import Path

from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.release.plugins.plugin_utils import _files
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar import conflicts, evidence, export, limits, session, table, wall
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar.errors import CalendarError
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import inventory
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import actor, settings
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import session as ledger
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import store as stores
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError

SPEC = {
    "state": {"type": "str", "default": "checked", "choices": ["checked", "shown", "exported"]},
    "calendars": {"type": "list", "elements": "path", "default": []},
    "environment": {"type": "str", "default": ""},
    "services": {"type": "list", "elements": "str", "default": []},
    "project": {"type": "str", "default": ""},
    "release": {"type": "str", "default": ""},
    "at": {"type": "str", "default": ""},
    "lasting": {"type": "str", "default": ""},
    "cut_at": {"type": "str", "default": ""},
    "feature": {"type": "bool", "default": True},
    "busy": {"type": "list", "elements": "dict", "default": []},
    "soak_ends": {"type": "str", "default": ""},
    "approvals_expire": {"type": "str", "default": ""},
    "deployer": {"type": "str", "default": ""},
    "enforce": {"type": "bool", "default": True},
    "days": {"type": "int", "default": 28},
    "closed_days": {"type": "int", "default": conflicts.MOST_CLOSED_DAYS},
    "dest": {"type": "path"},
    "mode": {"type": "str", "default": "0644", "choices": ["0600", "0640", "0644"]},
    "max_skew": {"type": "float", "default": 30.0},
    "ledger_url": {"type": "str", "no_log": True},
}
REQUIRED_IF = [("state", "checked", ("environment",)), ("state", "exported", ("dest",))]
DAY = 86400


class ActionModule(ActionBase):
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _unused, args = self.validate_argument_spec(argument_spec=SPEC, required_if=REQUIRED_IF)
        args = inventory.plain(args)
        try:
            if args["state"] == "checked":
                return {**result, **self._checked(args, task_vars)}
            known, environments, begin = _known(args, task_vars)
            if args["state"] == "shown":
                return {**result, **_shown(args, known, environments, begin)}
            return {**result, **self._exported(args, known, begin)}
        except (CalendarError, DeploymentError, LedgerError, OSError) as exc:
            return {**result, "failed": True, "verdict": "errored", "msg": str(exc)}

    def _checked(self, args, task_vars):
        variables = settings.templated(task_vars, self._templar.template)
        document, declared = _environment(args["environment"], task_vars)
        known = session.calendars(args["calendars"], [document], today=datetime.now(timezone.utc).date())
        url = args["ledger_url"] or settings.ledger_url(variables.get)
        if not stores.exists(url):
            return self._asked(args, known, document, declared, [], session.now(None), _actor(variables))
        with ledger.open_for(url, variables) as store:
            now = session.now(store, limit=args["max_skew"])
            return self._asked(args, known, document, declared, session.entries(store, args["environment"]), now, store.actor["name"])

    @staticmethod
    def _asked(args, known, document, declared, entries, now, person):
        at = session.moment(args["at"], "at")
        found = evidence.evidence(
            known,
            environment=document,
            services=args["services"] or sorted(declared),
            release=args["release"],
            at=now if at is None else at,
            entries=entries,
            deployer=args["deployer"] or person,
            project=args["project"],
            lasting=session.length(args["lasting"], "lasting"),
            cut_at=session.moment(args["cut_at"], "cut_at"),
            feature=args["feature"],
            busy=session.busy(args["busy"]),
            soak_ends=session.moment(args["soak_ends"], "soak_ends"),
            approvals_expire=session.moment(args["approvals_expire"], "approvals_expire"),
            budget=limits.Budget(time.monotonic),
        )
        subject = f"{args['release'] or 'a deployment'} in {args['environment']}"
        refused = not found["allowed"]
        return {
            "changed": False,
            "failed": bool(refused and args["enforce"]),
            "verdict": "failed" if refused else "passed",
            "calendar": found,
            "msg": table.why(found, subject=subject),
        }

    def _exported(self, args, known, begin):
        dest, mode = Path(args["dest"]).expanduser().absolute(), int(args["mode"], 8)
        # From the first of January on: the same file on every day of a year.
        year = wall.utc(begin).replace(month=1, day=1)
        start = wall.seconds(year.replace(hour=0, minute=0, second=0), "UTC")
        text = export.ics(known, name="evenkeel", begin=start, end=start + max(args["days"], 730) * DAY)
        changed = _files.differs(dest, text, mode)
        before = dest.read_text(encoding="utf-8", errors="replace") if changed and self._task.diff and dest.is_file() else ""
        if changed and not self._task.check_mode:
            dest.parent.mkdir(parents=True, exist_ok=True)
            _files.write(dest, text, mode=mode)
        result = {"changed": changed, "dest": str(dest), "events": text.count("BEGIN:VEVENT"), "msg": f"{dest}: {text.count('BEGIN:VEVENT')} events"}
        if changed and self._task.diff:
            result["diff"] = {"before": before, "after": text, "before_header": str(dest), "after_header": str(dest)}
        return result


def _actor(variables):
    return actor.detect(os.environ, variables)["name"]


def _shown(args, known, environments, begin):
    spans = table.rows(known, begin, begin + args["days"] * DAY)
    found = conflicts.find(known, environments, begin=begin, days=max(args["days"], 1), closed_days=args["closed_days"])
    text = f"{table.weeks(spans)}\n\n{table.conflicts(found)}"
    return {"changed": False, "events": [table.plain(span) for span in spans], "conflicts": found, "msg": text}


def _known(args, task_vars):
    """(calendars, environment documents, now): of one environment, or of all that the inventory has."""
    names = [args["environment"]] if args["environment"] else _environments(task_vars)
    documents = [_environment(name, task_vars)[0] for name in names]
    now = datetime.now(timezone.utc)
    at = session.moment(args["at"], "at")
    begin = wall.seconds(now, "UTC") if at is None else at
    return session.calendars(args["calendars"], documents, today=now.date()), documents, begin


def _environments(task_vars):
    """Groups whose hosts have the document of that name."""
    found = []
    for name, hosts in sorted(task_vars["groups"].items()):
        document = task_vars["hostvars"][hosts[0]].get("evenkeel_environment") if hosts and name not in ("all", "ungrouped") else None
        if document and document.get("name") == name:
            found.append(str(name))
    return found


def _environment(name, task_vars):
    return inventory.environment_of(name=name, groups=inventory.plain(task_vars["groups"]), hostvars=task_vars["hostvars"])
