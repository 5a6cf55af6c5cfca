# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells a web server about new drift, from the controller."""

from __future__ import annotations

from urllib.parse import urlsplit

from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.outputs import document, source
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import settings
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import NewEntry
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError
from ansible_collections.evenkeel.release.plugins.plugin_utils._notify import drift, webhook

SPEC = {
    "url": {"type": "str", "required": True, "no_log": True},
    "secret": {"type": "str", "default": "", "no_log": True},
    "headers": {"type": "dict", "default": {}, "no_log": True},
    "name": {"type": "str"},
    "environment": {"type": "str", "default": ""},
    "severity": {"type": "str", "default": "high", "choices": list(document.SEVERITIES)},
    "timeout": {"type": "float", "default": 10.0},
    "retries": {"type": "int", "default": 3},
    "backoff": {"type": "float", "default": 1.0},
    "ca_path": {"type": "path", "default": ""},
    "required": {"type": "bool", "default": False},
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
            return {**result, **_tell(args, variables, check=self._task.check_mode)}
        except (LedgerError, webhook.WebhookError) as exc:
            return {**result, "failed": True, "msg": f"Telling {_name(args)} about drift failed, nothing was sent: {exc}"}


def _tell(args, variables, *, check):
    url = args["ledger_url"] or settings.ledger_url(variables.get)
    environment, name = str(args["environment"]), _name(args)
    webhook.check(_message(args, b"", ""))
    with source.open_existing(url, variables) as store:
        store.hide([text for text in (str(args["url"]), str(args["secret"])) if text])
        known = drift.told_until(store.entries(kind="report", environment=environment, subject=drift.subject(name)))
        entries = source.latest(store, environment=environment, since=known)
        made = document.from_entries(entries, environment=environment, since=known)
        findings = drift.new_findings(made, args["severity"])
        if not findings:
            return _result(findings, f"nothing new at or above {args['severity']} for {name}")
        if check:
            return _result(findings, f"would tell {name} of {len(findings)} new findings", changed=True)
        sent = webhook.send(_message(args, drift.payload(made, findings), drift.delivery(findings)), _patience(args))
        told = _told(sent, findings, name, required=args["required"])
        try:
            store.append([_entry(sent, name=name, environment=environment, findings=findings, up_to=drift.newest(entries))])
        except LedgerError as exc:
            return {**told, "failed": True, "msg": f"{told['msg']}; this could not be recorded, so it will be told again: {exc}"}
    return told


def _name(args):
    """Never the whole URL: those of chat services are passwords."""
    try:
        host = urlsplit(str(args["url"])).hostname
    except ValueError:
        host = None
    return str(args["name"] or host or "a URL without a host")


def _message(args, body, delivery):
    headers = {str(name): str(value) for name, value in args["headers"].items()}
    return webhook.Message(url=str(args["url"]), body=body, delivery=delivery, secret=str(args["secret"]), headers=headers)


def _patience(args):
    return webhook.Patience(timeout=args["timeout"], retries=max(0, args["retries"]), backoff=args["backoff"], ca_path=str(args["ca_path"]))


def _entry(sent, *, name, environment, findings, up_to):
    body = {
        "verdict": "passed" if sent.delivered else "failed",
        "message": f"{name} {sent.reason}, attempts: {sent.attempts}",
        "count": len(findings),
        "delivery": drift.delivery(findings),
        **({"up_to": up_to} if sent.delivered else {}),
    }
    return NewEntry(kind="report", phase="fact", environment=environment, subject=drift.subject(name), body=body)


def _told(sent, findings, name, *, required):
    word = "told" if sent.delivered else "could not tell"
    text = f"{word} {name} of {len(findings)} new findings: it {sent.reason}, attempts: {sent.attempts}"
    known = {"delivered": sent.delivered, "status": sent.status, "attempts": sent.attempts}
    return {**_result(findings, text, changed=sent.delivered), **known, **({"failed": True} if required and not sent.delivered else {})}


def _result(findings, text, *, changed=False):
    return {"changed": changed, "delivered": False, "count": len(findings), "delivery": drift.delivery(findings) if findings else "", "msg": text}
