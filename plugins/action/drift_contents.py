# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts the contents that a host sends into the controller's store, or compares texts with it; what the store has does not travel."""

from __future__ import annotations

import json

from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift import texts
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.store import Broken, StoreError, open_objects
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import settings
from ansible_collections.evenkeel.release.plugins.plugin_utils._remediate import held

MODULE = "evenkeel.release.drift_contents"
ASKED = ("secret_files", "max_file_size", "max_total")
SPEC = {
    "files": {"type": "dict", "default": {}},
    "baseline": {"type": "str"},
    "match": {"type": "list", "elements": "str", "default": ["**"]},
    "findings": {"type": "list", "elements": "dict"},
    "secret_files": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "max_file_size": {"type": "int", "default": 4194304},
    "max_total": {"type": "int", "default": 16777216},
    "store": {"type": "str", "no_log": True},
}


class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _unused, args = self.validate_argument_spec(argument_spec=SPEC)
        args = json.loads(json.dumps(args))
        variables = settings.templated(task_vars, self._templar.template)
        try:
            store = open_objects(args["store"] or settings.object_store(variables.get))
            if args["findings"] is not None:
                return {**result, **self._shown(store, args, task_vars)}
            files = dict(args["files"])
            if args["baseline"]:
                files.update(held.files_of(store.record(args["baseline"]), args["match"]))
            return {**result, **self._gathered(store, files, args, task_vars)}
        except (StoreError, Broken, held.Lied) as exc:
            return {**result, "failed": True, "msg": str(exc)}

    def _shown(self, store, args, task_vars):
        """Secrets are hidden on the host, and of what is in the store once more: what counts as one may have become more since it was kept."""
        known = texts.known(store, texts.wanted(args["findings"]))
        if not known:
            return {"changed": False, "findings": args["findings"]}
        files = {path: digest for path, (_before, digest) in known.items()}
        largest = min(args["max_file_size"], texts.LARGEST)
        asked = {"files": files, "findings": [], "secret_files": args["secret_files"], "max_file_size": largest}
        answer = self._execute_module(module_name=MODULE, module_args=asked, task_vars=task_vars)
        if answer.get("failed"):
            return {key: value for key, value in answer.items() if key != "texts"}
        return {"changed": False, "findings": texts.with_diffs(args["findings"], known, answer["texts"])}

    def _gathered(self, store, files, args, task_vars):
        lacking = held.missing(store, files)
        if not self._task.check_mode:
            store.hold({*files.values()} - {*lacking.values()})
        todo = {digest: path for path, digest in sorted(lacking.items(), reverse=True)}
        todo, refused, had = {path: digest for digest, path in todo.items()}, {}, len(set(files.values())) - len(set(lacking.values()))
        while todo:
            asked = {"files": todo, **{name: args[name] for name in ASKED}}
            answer = self._execute_module(module_name=MODULE, module_args=asked, task_vars=task_vars)
            if answer.get("failed"):
                return {key: value for key, value in answer.items() if key != "contents"}
            if not self._task.check_mode:
                held.keep(store, answer["contents"])
            refused.update(answer["refused"])
            todo = {path: todo[path] for path in answer["later"] if path in todo}
        # Files with the same content are kept once, and refused for the same reason.
        by_digest = {lacking[path]: reason for path, reason in refused.items()}
        return {
            "changed": any(digest not in by_digest for digest in lacking.values()),
            "stored": {path: digest for path, digest in files.items() if digest not in by_digest},
            "refused": {path: by_digest[digest] for path, digest in lacking.items() if digest in by_digest},
            "known": had,
        }
