# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the results of drift scans for other tools, from the controller."""

from __future__ import annotations

from pathlib import Path

from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.release.plugins.plugin_utils import _files
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.inventory import plain
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.outputs import document, source
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.outputs.formats import FORMATS
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import settings
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError

SPEC = {
    "format": {"type": "str", "required": True, "choices": sorted(FORMATS)},
    "dest": {"type": "path", "required": True},
    "mode": {"type": "str", "default": "0600", "choices": ["0600", "0640", "0644"]},
    "environment": {"type": "str"},
    "service": {"type": "str", "default": ""},
    "results": {"type": "dict"},
    "ledger_url": {"type": "str", "no_log": True},
}
# A longer text tells nobody anything as a diff, and would be kept in every log.
LONGEST_DIFF = 100_000


class ActionModule(ActionBase):
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _unused, args = self.validate_argument_spec(argument_spec=SPEC)
        variables = settings.templated(task_vars, self._templar.template)
        dest, mode = Path(args["dest"]).expanduser().absolute(), int(args["mode"], 8)
        try:
            made = _document(args, variables)
            text = FORMATS[args["format"]](made)
            changed = _files.differs(dest, text, mode)
            before = _text(dest) if changed and self._task.diff else ""
            if changed and not self._task.check_mode:
                dest.parent.mkdir(parents=True, exist_ok=True)
                _files.write(dest, text, mode=mode)
        except (LedgerError, OSError) as exc:
            return {**result, "failed": True, "msg": f"Writing the drift as {args['format']} to {dest} failed: {exc}"}
        if changed and self._task.diff:
            result["diff"] = _diff(dest, before, text)
        return {**result, "changed": changed, "dest": str(dest), **_summary(made), "msg": _message(dest, made, changed, self._task.check_mode)}


def _document(args, variables):
    if args["results"] is None:
        url = args["ledger_url"] or settings.ledger_url(variables.get)
        return source.from_ledger(url, variables, environment=str(args["environment"] or ""), service=args["service"])
    environment = args["environment"] if args["environment"] is not None else variables.get("evenkeel_target") or ""
    # Values out of templates may be tagged: the round trip leaves plain ones.
    results = plain(args["results"])
    wanted = {subject: result for subject, result in results.items() if args["service"] in ("", document.split(subject)[1])}
    return document.from_results(wanted, environment=str(environment))


def _text(path):
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def _diff(dest, before, after):
    if len(before) + len(after) > LONGEST_DIFF:
        return {"prepared": f"{dest}: {len(before)} characters before, {len(after)} after\n"}
    return {"before": before, "after": after, "before_header": str(dest), "after_header": str(dest)}


def _summary(made):
    new = sum(document.is_new(finding) for subject in made["subjects"] for finding in subject["findings"])
    return {"verdict": made["verdict"], "subjects": len(made["subjects"]), "findings": made["findings"], "new": new, "by_severity": made["by_severity"]}


def _message(dest, made, changed, check):
    wrote = ("would write" if check else "wrote") if changed else "nothing new for"
    return f"{wrote} {dest}: {len(made['subjects'])} services on hosts, {made['findings']} findings, verdict {made['verdict']}"
