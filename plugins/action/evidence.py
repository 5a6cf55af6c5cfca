# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Record what CI found out about an artifact, and show what is proved of a release, on the controller."""

from __future__ import annotations

import os
from datetime import datetime, timezone

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents import files as documents
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.check import check
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.report import render as render_faults
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.source import Source, plain
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import session, settings
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import store as ledger
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality import document, licences, record, request, table
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.model import KINDS
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.standing import standing

TOOL = {"name": {"type": "str"}, "version": {"type": "str"}}
REPORT = {
    "src": {"type": "list", "elements": "str", "required": True},
    "name": {"type": "str", "required": True},
    "kind": {"type": "str", "choices": list(KINDS)},
    "format": {"type": "str", "default": "auto", "choices": list(request.FORMATS)},
    "component": {"type": "str"},
    "artifact": {"type": "str"},
    "environment": {"type": "str"},
    "made_at": {"type": "str"},
    "timezone": {"type": "str", "default": "UTC"},
    "tool": {"type": "dict", "options": TOOL},
    "vex": {"type": "list", "elements": "str"},
    "signature": {"type": "str"},
    "allowed_signers": {"type": "str"},
}
SPEC = {
    "state": {"type": "str", "default": "recorded", "choices": ["recorded", "standing"]},
    "reports": {"type": "list", "elements": "dict", "options": REPORT},
    "release": {"type": "path"},
    "base": {"type": "path"},
    "settings": {"type": "dict", "default": {}},
    "ledger_url": {"type": "str", "no_log": True},
}
REQUIRED_IF = [("state", "recorded", ("reports",)), ("state", "standing", ("release",))]


class ActionModule(ActionBase):
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _unused, args = self.validate_argument_spec(argument_spec=SPEC, required_if=REQUIRED_IF)
        args, now = plain(args), datetime.now(timezone.utc)
        manifest = self._manifest(args["release"], now)
        how = self._settings(args["settings"], now)
        variables = settings.templated(task_vars, self._templar.template)
        url = args["ledger_url"] or settings.ledger_url(variables.get)
        try:
            if args["state"] == "recorded":
                base = args["base"] or self._loader.get_basedir() or os.getcwd()
                planned, faults = request.plan(args["reports"], request.Context(now, str(base), manifest))
                if faults:
                    lines = "\n".join(f"  {fault}" for fault in faults)
                    count = f"{len(faults)} of the {len(args['reports'])} reports can't be recorded. Nothing was recorded."
                    return {**result, "failed": True, "changed": False, "faults": [fault.as_dict() for fault in faults], "msg": f"{count}\n{lines}"}
                result.update(self._record(planned, manifest, url, variables))
            if manifest is not None:
                result.update(self._standing(manifest, how, url, variables, now, result))
        except LedgerError as exc:
            return {**result, "failed": True, "msg": str(exc)}
        return {"changed": False, **result}

    @staticmethod
    def _manifest(path, now):
        if not path:
            return None
        found, faults = documents.read("release", [path], today=now.date())
        if faults or len(found) != 1:
            text = render_faults(faults, {"releases": len(found)}) if faults else f"{path} holds {len(found)} manifests, needed is one."
            raise AnsibleActionFail(f"The release can't be read. {text}")
        return found[0].value

    @staticmethod
    def _settings(given, now):
        faults = check("quality", given, today=now.date(), source=Source("settings"))
        if faults:
            raise AnsibleActionFail("The settings (evenkeel_quality) can't be used. " + render_faults(faults, {"settings": 1}))
        wrong = licences.faults(given.get("licences") or {})
        if wrong:
            raise AnsibleActionFail(
                f"The settings (evenkeel_quality) name licences that SPDX does not list: {', '.join(wrong)}."
                " Allowed are ids of https://spdx.org/licenses such as MIT, or LicenseRef-<name>. Next: correct them."
            )
        return given

    def _record(self, planned, manifest, url, variables):
        release = str(manifest["version"]) if manifest else ""
        if self._task.check_mode:
            # Nothing is created to look something up.
            there = []
            if ledger.exists(url):
                with session.open_for(url, variables) as store:
                    planned, there = record.unknown(store, planned)
            entries = [session.preview(record.new_entry(one, release), variables) for one in planned]
        else:
            with session.open_for(url, variables) as store:
                planned, there = record.unknown(store, planned)
                entries = [entry.as_dict() for entry in store.append([record.new_entry(one, release) for one in planned])]
        shown = [self._line(one.artifact.label, one.body) for one in planned]
        known = [self._line(entry.body.get("component") or entry.subject[:12], entry.body) for entry in there]
        verb = "Would record" if self._task.check_mode else "Recorded"
        lines = [f"{verb} {len(shown)}, {len(known)} were there already.", *shown]
        return {"changed": bool(planned), "recorded": entries, "known": [entry.as_dict() for entry in there], "msg": "\n".join(lines)}

    @staticmethod
    def _line(label, body):
        why = f" ({body['reason']})" if body.get("reason") else ""
        return f"  {body['kind']} {body['name']} of {label}: {body['verdict']}{why}"

    def _standing(self, manifest, how, url, variables, now, result):
        entries = []
        if ledger.exists(url):
            with session.open_for(url, variables) as store:
                entries = record.entries(store, manifest)
        found = standing(entries, manifest, now, how)
        labels = [one.label for one in document.artifacts(manifest)]
        text = table.render(found, release=str(manifest["version"]), components=labels, expects=how.get("expects", ()))
        digest = document.digest_of(manifest)
        return {"quality": found, "release_sha256": digest, "table": text.splitlines(), "msg": "\n\n".join(part for part in (result.get("msg"), text) if part)}
