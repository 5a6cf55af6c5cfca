# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Books environments, and says who has them."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from pathlib import Path

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.release.plugins.plugin_utils import _files
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.source import plain
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import actor as actors
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import session, settings
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import store as stores
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations import calendar, desk, places
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.acts import Refusal
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.errors import ReservationError
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.slots import interval

TEXT = {"type": "str", "default": ""}
SPEC = {
    "state": {"type": "str", "default": "info", "choices": ["info", *desk.STATES]},
    **dict.fromkeys(("id", "lane", "mode", "purpose", "team", "from", "to", "length", "timezone", "release", "reason", "setup", "teardown", "act"), TEXT),
    "environments": {"type": "list", "elements": "str", "default": []},
    "wait": {"type": "bool", "default": False},
    "reservations": {"type": "list", "elements": "path", "default": []},
    "teams": {"type": "dict"},
    "ahead": {"type": "str", "default": "90d"},
    "ics": {"type": "path"},
    "ledger_url": {"type": "str", "no_log": True},
}
_ID = ("id",)
REQUIRED_IF = [
    ("state", "approved", _ID),
    ("state", "refused", (*_ID, "reason")),
    ("state", "released", _ID),
    ("state", "used", _ID),
    ("state", "extended", _ID),
    ("state", "standing", ("act", "environments")),
]


class ActionModule(ActionBase):
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _unused, args = self.validate_argument_spec(argument_spec=SPEC)
        empty = [name for _option, state, names in REQUIRED_IF if state == args["state"] for name in names if not args[name]]
        if empty:
            return {**result, "failed": True, "msg": f"state {args['state']} needs {' and '.join(empty)}, found nothing there."}
        variables = settings.templated(task_vars, self._templar.template)
        try:
            documents = self._documents(args, task_vars)
            url = args["ledger_url"] or settings.ledger_url(variables.get)
            with _opened(url, variables, write=args["state"] in desk.WRITING and not self._task.check_mode) as store:
                answer = desk.answer(store, documents, plain(args), actor=_actor(store, variables), dry=self._task.check_mode)
            if args["ics"]:
                answer["changed"] = _written(args["ics"], answer["bookings"], dry=self._task.check_mode) or answer["changed"]
            return {**result, **answer}
        except Refusal as exc:
            clashes = [{**interval(each.other), "environments": list(each.environments)} for each in exc.clashes]
            free = {"from": exc.free[0].isoformat(), "to": exc.free[1].isoformat()} if exc.free else None
            return {**result, "failed": True, "msg": str(exc), "conflicts": clashes, "free": free}
        except (ReservationError, LedgerError) as exc:
            return {**result, "failed": True, "msg": str(exc)}

    def _documents(self, args, task_vars):
        def read(host):
            try:
                return plain(task_vars["hostvars"][host].get("evenkeel_environment"))
            except AnsibleError:
                return None

        teams = args["teams"] if args["teams"] is not None else self._templar.template(task_vars.get("evenkeel_teams") or {})
        groups = {str(name): [str(host) for host in hosts] for name, hosts in task_vars["groups"].items()}
        found = places.environments(groups, read)
        return places.documents([str(place) for place in args["reservations"]], environments=found, teams=plain(teams), today=datetime.now(timezone.utc).date())


class _Nothing:
    """Reading a ledger that is not there yet must not create it."""

    def __enter__(self):
        return None

    def __exit__(self, *exc):
        return None


def _opened(url, variables, *, write):
    return session.open_for(url, variables) if write or stores.exists(url) else _Nothing()


def _actor(store, variables):
    return str((store.actor if store else actors.detect(os.environ, variables))["name"])


def _written(path, bookings, *, dry):
    place = Path(str(path)).expanduser().absolute()
    text = calendar.ics(bookings, name=place.stem)
    if not _files.differs(place, text):
        return False
    if not dry:
        try:
            _files.write(place, text, mode=0o644)
        except OSError as exc:
            raise ReservationError(f"Writing the calendar {place} failed: {exc}. Next: make {place.parent} a folder that this user can write.") from exc
    return True
