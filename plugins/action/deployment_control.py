# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say something to a deployment that is under way, or about a release, through the ledger that all runs share."""

from __future__ import annotations

from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import flags, guidance, holds, progress, standing, verifications
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import session, settings, views
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import NewEntry
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError

DEPLOYING = ("deployment", "rollback")
SPEC = {
    "state": {"type": "str", "choices": [*progress.VERBS, "answer", "held", "lifted", "bad", "cleared", "revoked", "info"], "default": "info"},
    "environment": {"type": "str", "default": ""},
    "release": {"type": "str", "default": ""},
    "reason": {"type": "str", "default": ""},
    "host": {"type": "str", "default": ""},
    "act": {"type": "str", "choices": list(guidance.ACTS)},
    "ledger_url": {"type": "str", "no_log": True},
}
RELEASE = ("held", "lifted", "bad", "cleared", "revoked")
# Whoever reads it later has to know why.
REASONED = ("pause", "abort", "answer", "held", "bad", "revoked")


class ActionModule(ActionBase):
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        required = [("state", state, ("release",)) for state in RELEASE] + [("state", state, ("reason",)) for state in REASONED]
        required += [("state", state, ("environment",)) for state in (*progress.VERBS, "answer", "held", "lifted", "revoked", "info")]
        required.append(("state", "answer", ("host", "act")))
        _unused, args = self.validate_argument_spec(argument_spec=SPEC, required_if=required)
        empty = [name for _option, state, names in required if state == args["state"] for name in names if not args[name]]
        if empty:
            return {**result, "failed": True, "msg": f"state {args['state']} needs {' and '.join(empty)}, found nothing there."}
        variables = settings.templated(task_vars, self._templar.template)
        try:
            with session.open_for(args["ledger_url"] or settings.ledger_url(variables.get), variables) as store:
                work = {"info": _info, "revoked": _revoke}.get(args["state"]) or (_mark if args["state"] in RELEASE else _direct)
                return {**result, **work(store, args, dry=self._task.check_mode)}
        except LedgerError as exc:
            return {**result, "failed": True, "msg": str(exc)}


def _under_way(store, environment):
    """(the open deployment or None, the entries after it)."""
    entries = [entry.as_dict() for entry in store.entries(environment=environment, kind=(*DEPLOYING, "step", "directive"))]
    found = [entry for entry in views.open_intents(entries) if entry["kind"] in DEPLOYING]
    return (found[-1], entries[entries.index(found[-1]) + 1 :]) if found else (None, [])


def _info(store, args, *, dry):  # noqa: ARG001  reading is the same in check mode
    intent, later = _under_way(store, args["environment"])
    entries = [entry.as_dict() for entry in store.entries(environment=args["environment"], kind=("flag",))]
    raised = [
        {"service": service, "flag": flag, **{key: value for key, value in known.items() if key != "place"}}
        for (service, flag), known in flags.raised(entries, args["environment"]).items()
    ]
    if intent is None:
        return {"changed": False, "deployment": {}, "flags": raised}
    said = progress.may_go_on(later, intent["id"])
    found = progress.steps(later, intent["id"])
    return {
        "changed": False,
        "flags": raised,
        "deployment": {
            "id": intent["id"],
            "kind": intent["kind"],
            "release": intent["release"],
            "by": intent["actor"]["name"],
            "since": intent["time"],
            "state": progress.state_of(intent, later),
            "word": said.word,
            "why": said.why,
            "touched": progress.touched(found),
            "steps": [{"state": step.state, "place": step.place, "hosts": list(step.hosts), "verdict": step.verdict or "open"} for step in found],
        },
    }


def _direct(store, args, *, dry):
    verb, environment = args["state"], args["environment"]
    intent, later = _under_way(store, environment)
    if intent is None:
        return {"failed": True, "msg": f"Nothing is being deployed to {environment}, so there is nothing to {verb}."}
    body = {"deployment": intent["id"], "verb": verb, "reason": args["reason"]}
    if verb == "answer":
        body.update(host=args["host"], act=args["act"])
    said = progress.may_go_on(later, intent["id"])
    if said.word == "stop":
        return {"failed": verb != "abort", "changed": False, "msg": f"The deployment of {intent['release']} to {environment} was aborted by {said.why}."}
    if dry:
        return {"changed": True}
    return {"changed": True, "entry": session.record(store, NewEntry("directive", "fact", environment, intent["release"], subject=verb, body=body))}


def _mark(store, args, *, dry):
    kind = "hold" if args["state"] in ("held", "lifted") else "mark"
    environment = args["environment"] if kind == "hold" else ""
    entries = [entry.as_dict() for entry in store.entries(kind=(kind,), release=args["release"])]
    standing = holds.held(entries, environment) if kind == "hold" else holds.bad(entries)
    if (args["release"] in standing) == (args["state"] in ("held", "bad")):
        return {"changed": False}
    if dry:
        return {"changed": True}
    body = {"state": args["state"], "reason": args["reason"]}
    return {"changed": True, "entry": session.record(store, NewEntry(kind, "fact", environment, args["release"], subject=args["state"], body=body))}


def _revoke(store, args, *, dry):
    """Somebody's word that a verification no longer counts, there and in every environment after it; only a new verification ends that."""
    release, environment = args["release"], args["environment"]
    entries = [entry.as_dict() for entry in store.entries(kind=standing.READS)]
    known = verifications.of(entries, release).get(environment, verifications.Verified())
    there = {"runs_in": standing.runs_in(entries, release)}
    if known.revoked is not None:
        return {"changed": False, **there}
    if not known.at:
        return {"failed": True, "msg": f"Release {release} is not verified in {environment}, so there is nothing to revoke. To keep it away, mark it bad."}
    if dry:
        return {"changed": True, **there}
    body = {**verifications.body(args["reason"]), **there}
    return {"changed": True, **there, "entry": session.record(store, NewEntry(verifications.KIND, "fact", environment, release, subject="revoked", body=body))}
