# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell how far a release is, from its manifest and the ledger. Only reads."""

from __future__ import annotations

from datetime import datetime, timezone

from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.report import render as render_faults
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.source import plain
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import settings
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError
from ansible_collections.evenkeel.release.plugins.plugin_utils._manifest import asked, bundle, bundle_files, manifest_files, status, table
from ansible_collections.evenkeel.release.plugins.plugin_utils._manifest.errors import ManifestError

SPEC = {
    "version": {"type": "str", "default": ""},
    "releases_dir": {"type": "path", "default": ""},
    "bundle": {"type": "path", "default": ""},
    "environment": {"type": "str", "default": ""},
    "evidence": {"type": "dict", "default": {}},
    "ledger_url": {"type": "str", "no_log": True},
}


class ActionModule(ActionBase):
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _unused, args = self.validate_argument_spec(argument_spec=SPEC, required_one_of=[("version", "bundle")])
        args = plain(args)
        variables = settings.templated(task_vars, self._templar.template)
        now = datetime.now(timezone.utc)
        try:
            known = asked.gather(task_vars, args["ledger_url"] or settings.ledger_url(variables.get), now)
            work = _bundle if args["bundle"] else _release
            return {**result, "changed": False, **work(args, known, now.date())}
        except (ManifestError, DeploymentError, LedgerError) as exc:
            return {**result, "failed": True, "msg": str(exc)}


def _release(args, known, today):
    manifest = manifest_files.find(args["releases_dir"], args["version"], today=today)
    document = asked.document(known, manifest, args["environment"], args["evidence"])
    found = status.status(manifest, entries=known.entries, stages=known.stages, document=document)
    return {"status": found, "table": table.render(found)}


def _bundle(args, known, today):
    if not args["environment"]:
        raise ManifestError("A bundle is looked at in one environment: give environment.")
    bundles, faults = bundle_files.read([args["bundle"]], today=today)
    if faults or len(bundles) != 1:
        raise ManifestError(render_faults(faults, {"bundles": len(bundles)}))
    found = bundle.view(bundles[0].document, manifests=bundles[0].manifests, entries=known.entries, environment=args["environment"])
    rows = [
        [
            name,
            one["version"],
            one["state"],
            "; ".join(f"{each['first']} {each['needs']} in {each['in']} (is {each['found']})" for each in one["waits_for"]) or "-",
        ]
        for name, one in ((name, found["releases"][name]) for name in found["order"])
    ]
    return {"bundle": found, "table": [f"{found['name']} in {args['environment']}", *table.grid(("release", "version", "state", "waits for"), rows)]}
