# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask whether a deployment may take its next step, record that it begins, and how it ended."""

from __future__ import annotations

import time

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import host as of_host
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import operator, outcome, progress, rollout
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.inventory import environment_of, plain
from ansible_collections.evenkeel.release.plugins.plugin_utils._governance import live
from ansible_collections.evenkeel.release.plugins.plugin_utils._governance import settings as governance
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import recent, session, settings
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import NewEntry
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError

# Of what the judge returned: enough to see later why it decided as it did.
JUDGED = ("verdict", "score", "mode", "metrics", "power", "reasons", "level")
SPEC = {
    "state": {"type": "str", "choices": ["begun", "seen", "ended", "way_back", "brought"], "required": True},
    "step": {"type": "str", "choices": list(progress.STATES), "required": True},
    "deployment": {"type": "str", "required": True},
    "environment": {"type": "str", "required": True},
    "release": {"type": "str", "default": ""},
    "service": {"type": "str", "default": ""},
    "place": {"type": "str", "default": ""},
    "hosts": {"type": "list", "elements": "str", "default": []},
    "services": {"type": "list", "elements": "dict"},
    "places": {"type": "list", "elements": "dict", "default": []},
    "touched": {"type": "list", "elements": "str", "default": []},
    "intent": {"type": "str", "default": ""},
    "results": {"type": "list", "elements": "str", "default": []},
    "checks": {"type": "dict", "default": {}},
    "judgement": {"type": "dict", "default": {}},
    "pause_seconds": {"type": "float", "default": 0},
    "obey": {"type": "bool", "default": True},
    "ledger_url": {"type": "str", "no_log": True},
}


class ActionModule(ActionBase):
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _unused, args = self.validate_argument_spec(argument_spec=SPEC, required_if=[("state", "ended", ("intent",))])
        args = plain(args)
        if args["services"] is None:
            args["services"] = _published(args, task_vars["hostvars"]) if args["hosts"] and args["state"] in ("begun", "brought") else []
        if args["state"] == "brought":
            return {**result, "changed": False, "hosts": _brought(args, task_vars["hostvars"]), "problems": []}
        seen = _seen(args, task_vars["hostvars"]) if args["state"] in ("seen", "ended") else {}
        if args["state"] == "seen":
            return {**result, **seen}
        variables = settings.templated(task_vars, self._templar.template)
        try:
            with session.open_for(args["ledger_url"] or settings.ledger_url(variables.get), variables) as store:
                if args["state"] == "begun":
                    return {**result, **self._begin(store, args, task_vars)}
                if args["state"] == "way_back":
                    return {**result, **_way_back(store, args)}
                return {**result, **self._end(store, args, seen)}
        except (DeploymentError, LedgerError) as exc:
            return {**result, **_without_ledger(args, seen, str(exc))}

    def _begin(self, store, args, task_vars):
        if session.own_lease(store, f"environment/{args['environment']}") is None:
            # Whoever holds it now must not meet this run, on its way back neither.
            return _refused(args, "wait", "the lease of the environment is not this run's any more")
        said = self._wait(store, args, task_vars) if args["obey"] else progress.Word("go", "")
        if said.word in ("stop", "wait"):
            verb = "aborted" if said.word == "stop" else "paused"
            return _refused(args, said.word, f"{verb} by {said.why}")
        body = {"deployment": args["deployment"], "state": args["step"], "service": args["service"], "place": args["place"], "hosts": args["hosts"]}
        entry = session.record(store, self._entry(args, phase="intent", body=body))
        places = rollout.places(args["services"], args["hosts"], back=args["step"] == "rolling_back")
        watched = bool(places) or any("surge" in service for service in args["services"])
        begun = {"changed": True, "go": True, "word": said.word, "entry": entry, "hosts": args["hosts"]}
        return {**begun, "places": places, "balanced": watched, "problems": []}

    def _wait(self, store, args, task_vars):
        """The operator's last word, then what calendars, bookings and approvals say; a pause is waited for, so long as the caller wants to."""
        deadline, told = time.monotonic() + args["pause_seconds"], False
        intent = next((entry for entry in recent.open_intents(store, args["environment"]) if entry.id == args["deployment"]), None)
        place = self._place(args, task_vars) if intent else None
        while True:
            said = operator.word(store, args["environment"], args["deployment"])
            if said.word in ("go", "hurry") and intent:
                governed = live.word(store, intent, place, step=args["step"])
                said = governed if governed.word != "go" else said
            if said.word != "wait" or time.monotonic() >= deadline:
                return said
            if not told:
                Display().display(f"paused by {said.why}; go on with evenkeel.release.resume, go back with evenkeel.release.abort")
                told = True
            time.sleep(min(1.0, max(0.0, deadline - time.monotonic())))

    def _place(self, args, task_vars):
        groups, hostvars = plain(task_vars["groups"]), task_vars["hostvars"]
        environment, _services = environment_of(name=args["environment"], groups=groups, hostvars=hostvars)
        return live.Place(
            environment=environment,
            groups=groups,
            hostvars=hostvars,
            settings=governance.of(task_vars, self._templar.template),
            variables=task_vars,
            template=self._templar.template,
        )

    def _end(self, store, args, seen):
        body = {
            "intent": args["intent"],
            "verdict": "failed" if seen["problems"] else "passed",
            "deployment": args["deployment"],
            "hosts": {host: "done" if host in seen["good"] else "failed" for host in args["hosts"]},
            "problems": seen["problems"],
        }
        body.update({"judgement": {key: args["judgement"][key] for key in JUDGED if key in args["judgement"]}} if args["judgement"] else {})
        return {**seen, "changed": True, "entry": session.record(store, self._entry(args, phase="outcome", body=body))}

    def _entry(self, args, *, phase, body):
        subject = "/".join(part for part in (args["service"], args["step"], args["place"]) if part)
        return NewEntry(kind="step", phase=phase, environment=args["environment"], release=args["release"], subject=subject, body=body)


def _refused(args, word, why):
    begun = {"changed": False, "go": False, "word": word, "hosts": args["hosts"]}
    return {**begun, "places": [], "balanced": False, "problems": [_problem(args, why)]}


def _problem(args, why):
    return {"host": args["environment"], "phase": args["step"], "reason": why}


def _without_ledger(args, seen, why):
    """A step of hosts that fails would leave them out of the traffic: what can't be recorded is a problem like any other."""
    if not args["hosts"]:
        return {"failed": True, "msg": why}
    if args["state"] == "begun":
        return _refused(args, "", why)
    if args["state"] == "ended":
        return {**seen, "problems": [*seen["problems"], _problem(args, why)]}
    return {"failed": True, "msg": why}


def _seen(args, hostvars):
    bad = {}
    for name in args["results"]:
        results = {host: plain(hostvars[host].get(name)) for host in args["hosts"]}
        bad = {**outcome.of_hosts(args["hosts"], results), **bad}
    found = outcome.problems(phase=args["step"], hosts=bad, checks=outcome.of_checks(args["checks"]))
    good = [host for host in args["hosts"] if host not in bad]
    return {"changed": False, "problems": found, "good": good, "places": rollout.limited(args["places"], good)}


def _published(args, hostvars):
    """As it is: templating the plan of five hundred hosts for each batch would take longer than what is asked here."""
    settle = (hostvars.raw_get("localhost").get("deploy_settle") or {}).get("back" if args["step"] == "rolling_back" else "forward", [])
    return plain([service for service in settle if args["state"] == "brought" or "batches" in service])


def _brought(args, hostvars):
    back = args["step"] == "rolling_back"
    touched = args["touched"] if back else None
    return [host for host in args["hosts"] if _has_ended(args, host, hostvars, touched=touched)]


def _has_ended(args, host, hostvars, *, touched):
    items = of_host.here(args["services"], host)
    if all(of_host.ended(item, host, {}, touched=touched) for item in items):
        return True
    direction = "forward" if touched is None else "back"
    brought = of_host.settled_by(plain(hostvars[host].get("deploy_replaced")), deployment=args["deployment"], direction=direction)
    return all(of_host.ended(item, host, brought, touched=touched) for item in items)


def _way_back(store, args):
    entries = [entry.as_dict() for entry in store.entries(environment=args["environment"], kind=("step",))]
    touched = progress.touched(progress.steps(entries, args["deployment"]))
    return {"changed": False, "batches": rollout.back({"services": args["services"]}, touched), "problems": []}
