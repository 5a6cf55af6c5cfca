# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures from the ledger what whoever booked an environment got for it."""

from __future__ import annotations

from datetime import datetime, timezone

from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.source import plain
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import session, settings
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import store as stores
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations import declared, moments, places, sla
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.errors import ReservationError
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.world import world

KINDS = ("reservation", "provision", "teardown", "deployment", "rollback", "recovery", "hold")
SPEC = {
    "environments": {"type": "list", "elements": "str", "default": []},
    "begin": {"type": "str", "default": ""},
    "end": {"type": "str", "default": ""},
    "days": {"type": "int", "default": 30},
    "reservations": {"type": "list", "elements": "path", "default": []},
    "enforce": {"type": "bool", "default": False},
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
        now = datetime.now(timezone.utc)
        try:
            period = _period(args, now)
            documents = places.documents([str(place) for place in args["reservations"]], environments=self._environments(task_vars), teams={}, today=now.date())
            targets = _targets(documents["environments"], args["environments"])
            booked = declared.bookings(world(documents), *period)
            rows = sla.sla(_entries(args["ledger_url"] or settings.ledger_url(variables.get), variables, targets, period), targets, period, declared=booked)
        except (ReservationError, LedgerError) as exc:
            return {**result, "failed": True, "msg": str(exc)}
        broken = [row["environment"] for row in rows if row["breaches"]]
        shown = {"begin": moments.text(period[0]), "end": moments.text(period[1])}
        return {**result, "changed": False, "failed": bool(broken and args["enforce"]), "period": shown, "environments": rows, "msg": sla.report(rows)}

    @staticmethod
    def _environments(task_vars):
        groups = {str(name): [str(host) for host in hosts] for name, hosts in task_vars["groups"].items()}
        return places.environments(groups, lambda host: plain(task_vars["hostvars"][host].get("evenkeel_environment")))


def _period(args, now):
    end = min(moments.utc(args["end"]) if args["end"] else now, now)
    begin = moments.utc(args["begin"]) if args["begin"] else moments.later(end, -86400 * args["days"])
    if begin >= end:
        raise ReservationError(f"The period from {moments.text(begin)} to {moments.text(end)} is empty. Next: correct begin, end or days.")
    return begin, end


def _targets(environments, wanted):
    unknown = [name for name in wanted if name not in environments]
    if unknown:
        raise ReservationError(f"{', '.join(unknown)} is no environment of the inventory; known: {', '.join(sorted(environments)) or 'none'}.")
    return {name: document.get("sla") or {} for name, document in environments.items() if not wanted or name in wanted}


def _entries(url, variables, targets, period):
    """From the first one on: what an environment was before the period is how it begins."""
    if not stores.exists(url):
        return []
    with session.open_for(url, variables) as store:
        found = [entry for name in sorted(targets) for entry in store.entries(kind=KINDS, environment=name)]
    return sorted((entry for entry in found if moments.utc(entry.time) <= period[1]), key=lambda entry: entry.id)
