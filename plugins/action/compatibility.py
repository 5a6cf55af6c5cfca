# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a release works together with what runs in an environment, and in which order it goes there. Only reads, but for the matrix that it writes."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.release.plugins.plugin_utils import _files
from ansible_collections.evenkeel.release.plugins.plugin_utils._compatibility import files, matrix, matrix_render, request
from ansible_collections.evenkeel.release.plugins.plugin_utils._compatibility.errors import CompatibilityError
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.report import render as render_faults
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.source import plain
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import settings
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError
from ansible_collections.evenkeel.release.plugins.plugin_utils._manifest import asked, manifest_files
from ansible_collections.evenkeel.release.plugins.plugin_utils._manifest.errors import ManifestError

SPEC = {
    "documents": {"type": "list", "elements": "path", "required": True},
    "environment": {"type": "str", "default": ""},
    "version": {"type": "str", "default": ""},
    "releases_dir": {"type": "path", "default": ""},
    "running": {"type": "dict", "default": {}},
    "wanted": {"type": "dict", "default": {}},
    "order": {"type": "list", "elements": "str", "default": []},
    "before": {"type": "dict", "default": {}},
    "rollback": {"type": "bool", "default": True},
    "matrix_dest": {"type": "path"},
    "enforce": {"type": "bool", "default": True},
    "ledger_url": {"type": "str", "no_log": True},
}
WRITERS = {".html": matrix_render.html, ".md": matrix_render.markdown, ".csv": matrix_render.as_csv}


class ActionModule(ActionBase):
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _unused, args = self.validate_argument_spec(argument_spec=SPEC, required_one_of=[("environment", "running")])
        args = plain(args)
        variables = settings.templated(task_vars, self._templar.template)
        try:
            return {**result, **self._work(args, args["ledger_url"] or settings.ledger_url(variables.get), task_vars)}
        except (CompatibilityError, ManifestError, DeploymentError, LedgerError, OSError) as exc:
            return {**result, "failed": True, "msg": str(exc)}

    def _work(self, args, url, task_vars):
        now = datetime.now(timezone.utc)
        declared, faults = files.read(args["documents"], today=now.date())
        if faults:
            raise CompatibilityError(render_faults(faults, {"compatibility": len(declared)}))
        known = asked.gather(task_vars, url, now)
        manifests = _manifests(args["releases_dir"], now.date())
        question = request.make(args, known, declared, manifests)
        found = request.answer(question, today=now.date().isoformat())
        changed = self._write(args["matrix_dest"], question) if args["matrix_dest"] else False
        lines = found["lines"] or ["Everything that is declared holds."]
        return {
            "changed": changed,
            "compatibility": found,
            "verdict": found["verdict"],
            "lines": lines,
            "msg": "\n".join([f"Compatibility: {found['verdict']}.", *lines]),
            "failed": bool(args["enforce"] and found["verdict"] != "passed"),
        }

    def _write(self, dest, question):
        path = Path(dest).expanduser().absolute()
        if path.suffix not in WRITERS:
            raise CompatibilityError(f"matrix_dest is {dest}; allowed are names that end with {', '.join(WRITERS)}.")
        made = matrix.make(question.items, question.declared, tested=question.tested, hosts=question.hosts)
        text = WRITERS[path.suffix](made)
        changed = _files.differs(path, text)
        if changed and not self._task.check_mode:
            _files.write(path, text, mode=0o644)
        return changed


def _manifests(folder, today):
    return [manifest_files.read(path, today=today) for path in sorted(Path(folder).glob("*.yml"))] if folder else []
