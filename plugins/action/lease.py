# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes and frees a lock with an end, held by the running ansible-playbook."""

from __future__ import annotations

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import concurrency, duration, heartbeat, process, session, settings, waiting
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import store as stores
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LeaseError, LedgerError

display = Display()
SPEC = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "default": "acquired", "choices": ["acquired", "held", "released"]},
    "environment": {"type": "str"},
    "release": {"type": "str"},
    "message": {"type": "str", "default": ""},
    "ttl": {"type": "str", "default": "15m"},
    "wait": {"type": "str"},
    "priority": {"type": "str", "choices": list(waiting.PRIORITIES), "default": "normal"},
    "limit": {"type": "int"},
    "concurrency": {"type": "dict", "default": {}},
    # The number is public: the name alone makes Ansible suspect it.
    "token": {"type": "int", "no_log": False},
    "heartbeat": {"type": "bool", "default": True},
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
            url = args["ledger_url"] or settings.ledger_url(variables.get)
            if self._task.check_mode and not stores.exists(url):
                return {**result, "changed": args["state"] == "acquired", "lease": None}
            with session.open_for(url, variables) as store:
                return {**result, **_STATES[args["state"]](store, args, {**variables, "url": url}, dry=self._task.check_mode)}
        except LeaseError as exc:
            return {**result, "failed": True, "msg": str(exc), "lease": exc.lease}
        except LedgerError as exc:
            return {**result, "failed": True, "msg": str(exc)}


def _acquired(store, args, variables, *, dry):
    ttl = duration.seconds(args["ttl"], option="ttl")
    wait, limit = concurrency.queue(args["concurrency"], wait=args["wait"], limit=args["limit"])
    mine = session.own_lease(store, args["name"])
    if dry:
        lease = store.lease(args["name"])
        if lease and not mine and not lease["stale"]:
            raise LeaseError(stores.leases.refusal(lease, waited=0, queue=lease["waiting"]), lease=lease)
        return {"changed": not mine, "lease": mine or lease}
    pid = process.main_pid()
    lease = store.acquire(
        args["name"],
        ttl=ttl,
        wait=wait,
        release=_default(args, variables, "release", "evenkeel_version"),
        environment=_default(args, variables, "environment", "evenkeel_target"),
        message=args["message"],
        priority=args["priority"],
        limit=limit,
        pid=pid,
        told=display.display,
    )
    if args["heartbeat"] and not mine:
        heartbeat.start(url=variables["url"], name=args["name"], token=lease["token"], ttl=ttl, pid=pid, started=process.started(pid))
    return {"changed": not mine, "lease": lease}


def _held(store, args, _variables, *, dry):
    """The fence before an act that can't be undone: renewing fails when another run has taken the lease over."""
    mine = session.own_lease(store, args["name"])
    token = args["token"] or (mine["token"] if mine else 0)
    if dry:
        return {"changed": False, "lease": mine}
    return {"changed": False, "lease": store.renew(args["name"], token, ttl=duration.seconds(args["ttl"], option="ttl"))}


def _released(store, args, variables, *, dry):
    """Without a token only what this run holds is freed, and freeing nothing is no fault: a release that stands in
    `always` must not hide why the acquisition failed."""
    mine = session.own_lease(store, args["name"])
    if not args["token"] and not mine:
        return {"changed": False, "lease": store.lease(args["name"])}
    if dry:
        return {"changed": bool(mine), "lease": mine}
    environment = _default(args, variables, "environment", "evenkeel_target")
    return {"changed": True, "lease": store.release(args["name"], args["token"] or mine["token"], environment=environment)}


def _default(args, variables, option, variable):
    return str(args[option] if args[option] is not None else variables.get(variable) or "")


_STATES = {"acquired": _acquired, "held": _held, "released": _released}
