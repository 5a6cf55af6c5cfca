# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take one look at the first hour of what serves an environment, record the verdict, and say whether it may be taken back."""

from __future__ import annotations

import math
import time
from datetime import datetime, timezone

from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import acts, inventory, watch, watch_look
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.check import check
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.report import render as render_faults
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.source import Source
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge import gather, request
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import session, settings, views
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import NewEntry
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import exists

READS = (*acts.READS, "verification", "mark", "recovery", "teardown", watch.KIND)
# The worst verdict of all services is that of the look.
RANK = ("failed", "errored", "inconclusive", "passed")
KEPT = ("name", "verdict", "classification", "reason", "much", "before", "usual", "began", "told", "p", "effect", "unit", "canary", "baseline")
SPEC = {
    "environment": {"type": "str", "required": True},
    "service": {"type": "str", "default": ""},
    "version": {"type": "str", "default": ""},
    "deployments": {"type": "dict", "default": {}},
    "ledger_url": {"type": "str", "no_log": True},
}


class ActionModule(ActionBase):
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        # Shown like the text of a debug task: it is what this is run for.
        result.update(changed=False, _ansible_verbose_always=True)
        _unused, args = self.validate_argument_spec(argument_spec=SPEC)
        args = inventory.plain(args)
        variables = settings.templated(task_vars, self._templar.template)
        try:
            services = self._services(args, task_vars)
            url = args["ledger_url"] or settings.ledger_url(variables.get)
            if not exists(url):
                raise LedgerError("There is no ledger at the configured URL yet. Next: set evenkeel_ledger_url, or evenkeel_state_dir of whoever deploys.")
            with session.open_for(url, variables) as store:
                found = self._look(store, services, args)
        except (DeploymentError, LedgerError) as exc:
            return {**result, "failed": True, "msg": str(exc)}
        return {**result, **found}

    def _services(self, args, task_vars):
        """The guarded services of the environment; every fault of a guard before anything is asked."""
        name = args["environment"]
        _document, services = inventory.environment_of(name=name, groups=inventory.plain(task_vars["groups"]), hostvars=task_vars["hostvars"])
        guarded = {service: document for service, document in services.items() if document.get("guard") and args["service"] in ("", service)}
        if not guarded:
            known = ", ".join(sorted(service for service, document in services.items() if document.get("guard"))) or "none"
            raise DeploymentError(f"Nothing of {name} can be watched: services with a guard are {known}. See the how-to about the first hour.")
        today = datetime.now(timezone.utc).date()
        faults = [fault for fault in check("services", guarded, today=today, source=Source("evenkeel_services")) if ".guard" in fault.path]
        if faults:
            raise DeploymentError("Nothing was watched. " + render_faults(faults, {"guards": len(guarded)}))
        watch.check(guarded, today=today)
        return guarded

    def _look(self, store, services, args):
        name, now = args["environment"], time.time()
        entries = [entry.as_dict() for entry in store.entries(kind=READS)]
        looked = [self._service(service, document["guard"], entries, args, now) for service, document in services.items()]
        entries_of = [self._entries(each, name) for each in looked if each["record"] and not self._task.check_mode]
        new = [entry for some in entries_of for entry in some]
        if new:
            store.append(new)
        return {"changed": bool(new), **_together(looked)}

    def _service(self, service, guard, entries, args, now):
        known = acts.acts(entries, args["environment"])
        deployed = views.deployed(entries).get(args["environment"], {}).get(service, "")
        wanted = args["deployments"].get(service, "")
        chosen = watch.choose(known, service=service, deployed=deployed, guard=guard, now=now, version=args["version"], deployment=wanted)
        if chosen.act is None:
            return _unwatched(service, chosen)
        span = watch.span(known, chosen.act, service, guard)
        every = float(guard.get("every", watch.EVERY))
        common = {
            "service": service,
            "release": span.release,
            "deployment": chosen.act.id,
            "since": acts.stamp(span.at),
            "until": acts.stamp(span.until),
            "every": every,
        }
        said = watch.recorded(entries, chosen.act.id, service)
        if said:
            # A run that ended between the verdict and the way back has left that to the next one.
            back = said["body"]["rollback"] and not watch.no_way_back(known, chosen.act, service=service, guard=guard, blamed=True, now=now)
            return {**common, **_recorded(said, span), "rollback": bool(back)}
        before = watch.earlier(entries, known, chosen.act, service, guard)
        found = watch_look.look(guard, span, before, now=now, ask=self._ask)
        over = found["final"] or found["verdict"] == "failed"
        why = watch.no_way_back(known, chosen.act, service=service, guard=guard, blamed=found["blamed"], now=now) if found["verdict"] == "failed" else ""
        return {
            **common,
            **found,
            "earlier": [each.release for each in before],
            "over": over,
            "left": 0.0 if over else max(0.0, span.until - now),
            "looks": 0 if over else _looks(span.until - now, every),
            "rollback": found["verdict"] == "failed" and not why,
            "why_not": why,
            "record": over and found["verdict"] != "errored",
            "text": _text(service, span, found, why),
        }

    def _ask(self, document):
        document = request.numbers(document)
        place = document["prometheus"]
        if "ca_path" in place:
            place["ca_path"] = self._loader.path_dwim(place["ca_path"])
        return gather.pairs(document)

    def _entries(self, looked, environment):
        """The verdict; a release that is to blame fails its verification too, so that nothing promotes it on the word of before."""
        body = {key: looked[key] for key in ("service", "verdict", "deployment", "since", "until", "earlier", "rollback", "why_not")}
        body["findings"] = [{key: each[key] for key in KEPT} for each in looked["findings"]]
        place = {"environment": environment, "release": looked["release"]}
        found = [NewEntry(kind=watch.KIND, phase="fact", subject=f"{watch.SUBJECT}/{looked['service']}", body=body, **place)]
        if looked["verdict"] == "failed" and looked["blamed"]:
            why = {"intent": looked["deployment"], "verdict": "failed", "services": [looked["service"]], "by": watch.SUBJECT}
            found.append(NewEntry(kind="verification", phase="fact", body=why, **place))
        return found


def _looks(left, every):
    """How many more until that many seconds are over."""
    return math.ceil(max(0.0, left) / every) + 1


def _text(service, span, found, why):
    lines = [*watch_look.texts(found), *([f"It is not rolled back: {why}."] if why else [])]
    return "\n".join([watch_look.headline(service, span, found), *(f"- {line}" for line in lines)])


def _unwatched(service, chosen):
    nothing = {"service": service, "release": "", "deployment": "", "findings": [], "over": True, "looks": 0, "every": 0, "rollback": False, "record": False}
    verdict = "inconclusive" if chosen.refused else ""
    return {**nothing, "verdict": verdict, "refused": chosen.refused, "text": f"{service}: nothing is watched, since {chosen.why}."}


def _recorded(said, span):
    """Asked again, it says the same without asking anybody."""
    body = said["body"]
    text = f"{body['service']} {span.release}: the verdict on its first hour is {body['verdict']}, recorded at {said['time'][:19]}Z."
    reasons = [f"- {each['reason']}" for each in body["findings"] if each["verdict"] == "failed"]
    kept = {key: body[key] for key in ("verdict", "findings", "earlier", "why_not")}
    return {**kept, "over": True, "looks": 0, "record": False, "text": "\n".join([text, *reasons])}


def _together(looked):
    verdicts = [each["verdict"] for each in looked if each["verdict"]]
    verdict = next((each for each in RANK if each in verdicts), "")
    back = [each["deployment"] for each in looked if each["rollback"]]
    left = [each["left"] for each in looked if not each["over"]]
    # All of them are asked at each look, so the shortest pause is that of all, for as long as the last one needs.
    every = min((each["every"] for each in looked if not each["over"]), default=0)
    services = [{key: value for key, value in each.items() if key not in ("text", "record", "left")} for each in looked]
    return {
        "verdict": verdict,
        "refused": any(each.get("refused") for each in looked),
        "over": not left or bool(back),
        "looks": _looks(max(left), every) if left else 0,
        "every": every,
        "rollback": back[0] if back else "",
        "deployments": {each["service"]: each["deployment"] for each in looked if each["deployment"]},
        "services": services,
        "reasons": [each["text"] for each in looked if each["verdict"] in ("failed", "errored", "inconclusive")],
        "msg": "\n".join(each["text"] for each in looked),
    }
