# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is it the deployment? Reads the ledger and tells, ranks and explains what changed before the symptoms."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path

from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.release.plugins.plugin_utils import _files
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.inventory import plain
from ansible_collections.evenkeel.release.plugins.plugin_utils._diagnose import onset, tell
from ansible_collections.evenkeel.release.plugins.plugin_utils._diagnose.answer import answer
from ansible_collections.evenkeel.release.plugins.plugin_utils._diagnose.changes import READ
from ansible_collections.evenkeel.release.plugins.plugin_utils._diagnose.model import DiagnoseError, Question, stamp
from ansible_collections.evenkeel.release.plugins.plugin_utils._diagnose.needs import all_needs
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.report import render as render_faults
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge import request
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.model import JudgeError
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.times import seconds
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import ids, session, settings
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import exists

# Few and needed from the beginning: they tell what runs where. The others are many, and old ones say nothing.
ALWAYS = ("deployment", "rollback", "recovery", "teardown", "baseline", "verification", "hold")
MODE = 0o640
SPEC = {
    "environment": {"type": "str", "required": True},
    "symptoms_since": {"type": "raw"},
    "series": {"type": "list", "elements": "dict", "default": []},
    "usual_until": {"type": "raw"},
    "prometheus": {"type": "dict", "no_log": True},
    "start": {"type": "raw"},
    "end": {"type": "raw"},
    "step": {"type": "float"},
    "services": {"type": "list", "elements": "str", "default": []},
    "hosts": {"type": "list", "elements": "str", "default": []},
    "depends_on": {"type": "dict", "default": {}},
    "looks_back": {"type": "float", "default": 7 * 86400},
    "tolerance": {"type": "float", "default": 5},
    "json_dest": {"type": "path"},
    "html_dest": {"type": "path"},
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
        _unused, args = self.validate_argument_spec(argument_spec=SPEC, required_one_of=[("symptoms_since", "series")])
        variables = settings.templated(task_vars, self._templar.template)
        try:
            found = self._found(plain({key: value for key, value in args.items() if value is not None}), variables)
            changed = self._write(args, found)
        except (DiagnoseError, JudgeError, LedgerError, OSError) as exc:
            return {**result, "failed": True, "msg": str(exc)}
        return {**result, **found, "changed": changed, "msg": tell.table(found)}

    def _found(self, args, variables):
        began = self._onset(args)
        question = Question(
            environment=args["environment"],
            onset=began.at,
            services=frozenset(args["services"]),
            hosts=frozenset(args["hosts"]),
            needs=all_needs(args["depends_on"]),
            tolerance=max(0.0, args["tolerance"]) + began.precision,
        )
        url = str(args.get("ledger_url") or settings.ledger_url(variables.get))
        if not exists(url):
            raise LedgerError("There is no ledger at the configured URL yet. Next: set evenkeel_ledger_url, or evenkeel_state_dir of whoever deploys.")
        with session.open_for(url, variables) as store:
            now = ids.now_us() / 1e6
            entries = _entries(store, since=began.at - args["looks_back"])
        said = answer(entries, question, now=now, looks_back=args["looks_back"])
        return {**said, "environment": question.environment, "onset": {"time": stamp(began.at), "at": began.at, "text": began.text}}

    def _onset(self, args):
        if args.get("symptoms_since") not in (None, ""):
            return onset.told(args["symptoms_since"])
        more = {key: args[key] for key in ("prometheus", "start", "end", "step") if key in args}
        document = onset.document(args["series"], more)
        faults = request.faults(document, datetime.now(timezone.utc).date())
        if faults:
            raise DiagnoseError("The series were not read. " + render_faults(faults, {"series": len(args["series"])}))
        for metric in document["metrics"]:
            if "file" in metric["canary"]:
                metric["canary"]["file"] = self._loader.path_dwim(metric["canary"]["file"])
        until = seconds(args["usual_until"], "usual_until") if args.get("usual_until") else None
        return onset.found(document, until=until)

    def _write(self, args, found):
        texts = {"json_dest": lambda: json.dumps(found, indent=2, sort_keys=True) + "\n", "html_dest": lambda: tell.page(found)}
        changed = False
        for name, make in texts.items():
            if not args[name]:
                continue
            path, text = Path(str(args[name])).expanduser().absolute(), make()
            if _files.differs(path, text):
                changed = True
                if not self._task.check_mode:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    _files.write(path, text, mode=MODE)
        return changed


def _entries(store, *, since):
    recent = [kind for kind in READ if kind not in ALWAYS]
    every = [*store.entries(kind=ALWAYS), *store.entries(kind=recent, after=ids.new_id(max(0, int(since * 1_000_000)), random=0))]
    return [entry.as_dict() for entry in sorted(every, key=lambda entry: entry.id)]
