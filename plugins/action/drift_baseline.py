# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes, promotes, folds, verifies, shows and prunes the baselines of an environment, from the controller."""

from __future__ import annotations

import contextlib
from pathlib import Path

from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.inventory import plain, said
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift import baseline_acts
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.baseline import BaselineError
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.baseline_book import Book, Keys
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.baseline_files import Files
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.signing import SigningError
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.store import Broken, Missing, StoreError, open_objects
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import session, settings
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import store as ledgers
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError

SPEC = {
    "state": {"type": "str", "default": "current", "choices": sorted(baseline_acts.ACTS)},
    "environment": {"type": "str", "required": True},
    "name": {"type": "str", "default": "main"},
    "version": {"type": "int"},
    "reason": {"type": "str", "default": ""},
    "required": {"type": "bool", "default": True},
    "promote": {"type": "bool", "default": False},
    "four_eyes": {"type": "bool", "default": False},
    "service": {"type": "str", "default": ""},
    "settled": {"type": "list", "elements": "dict", "default": []},
    "release": {"type": "dict", "default": {}},
    "keep": {"type": "int", "default": 10},
    "grace": {"type": "int", "default": 86400},
    "signing_key": {"type": "path", "no_log": False},
    "allowed_signers": {"type": "path"},
    "store": {"type": "str", "no_log": True},
    "ledger_url": {"type": "str", "no_log": True},
}
# What the tasks of role drift leave on each host, and what tells where a deployment wrote.
FACTS = ("drift_declared", "drift_seen", "runtime_supervisor_dir", "evenkeel_services")


class ActionModule(ActionBase):
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _unused, args = self.validate_argument_spec(argument_spec=SPEC)
        args = plain(args)
        variables = settings.templated(task_vars, self._templar.template)
        folder = settings.state_dir(variables.get)
        store = args["store"] or settings.object_store(variables.get)
        try:
            with _ledger(args["ledger_url"] or settings.ledger_url(variables.get), variables, reading=self._reads(args)) as ledger:
                request = baseline_acts.Request(
                    book=_book(args, folder, ledger, store),
                    store=store,
                    args=args,
                    hosts=[str(host) for host in task_vars["groups"].get(args["environment"], [])],
                    facts=_facts(task_vars["hostvars"], folder, args["environment"]),
                    dry=self._task.check_mode,
                )
                return {**result, "changed": False, **baseline_acts.ACTS[args["state"]](request)}
        except (BaselineError, SigningError, StoreError, Broken, Missing, LedgerError) as exc:
            return {**result, "failed": True, "msg": str(exc)}

    def _reads(self, args):
        return self._task.check_mode or args["state"] in baseline_acts.READING


@contextlib.contextmanager
def _ledger(url, variables, *, reading):
    """Reading creates no ledger; None when there is none yet."""
    if reading and not ledgers.exists(url):
        yield None
        return
    with session.open_for(url, variables) as store:
        yield store


def _book(args, folder, ledger, store):
    key = Path(args["signing_key"] or folder / "baseline.key")
    signers = Path(args["allowed_signers"] or folder / "allowed_signers")
    return Book(
        environment=args["environment"],
        name=args["name"],
        ledger=ledger,
        files=Files(folder / "baselines" / args["environment"]),
        objects=open_objects(store),
        keys=Keys(key, signers, default_key=not args["signing_key"], default_signers=not args["signing_key"] and not args["allowed_signers"]),
    )


def _facts(hostvars, folder, environment):
    def read(host):
        # One variable at a time: reading a whole host would evaluate every lookup of its group_vars.
        known = hostvars[host]
        found = {name: plain(known[name]) for name in FACTS if name in known}
        removed = said(known)["deploy_removed"]
        return {"runtime_supervisor_dir": f"{folder}/environments/{environment}/supervisor", "deploy_removed": removed, **found}

    return read
