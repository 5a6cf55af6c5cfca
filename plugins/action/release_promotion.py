# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""See that what is to be promoted is byte for byte what the environment before runs, and where the release stands. Only reads."""

from __future__ import annotations

from datetime import datetime, timezone

from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import inventory, same_bytes, standing
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.source import plain
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import settings, views
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError
from ansible_collections.evenkeel.release.plugins.plugin_utils._manifest import asked, identity, manifest_files
from ansible_collections.evenkeel.release.plugins.plugin_utils._manifest.errors import ManifestError

SPEC = {
    "environment": {"type": "str", "required": True},
    "version": {"type": "str", "default": ""},
    "releases_dir": {"type": "path", "required": True},
    "observed": {"type": "dict"},
    "require_standing": {"type": "bool", "default": False},
    "enforce": {"type": "bool", "default": True},
    "ledger_url": {"type": "str", "no_log": True},
}


class ActionModule(ActionBase):
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _unused, args = self.validate_argument_spec(argument_spec=SPEC)
        args = plain(args)
        variables = settings.templated(task_vars, self._templar.template)
        try:
            return {**result, "changed": False, **_work(args, args["ledger_url"] or settings.ledger_url(variables.get), task_vars)}
        except (ManifestError, DeploymentError, LedgerError) as exc:
            return {**result, "failed": True, "msg": str(exc)}


def _work(args, url, task_vars):
    now = datetime.now(timezone.utc)
    known = asked.gather(task_vars, url, now)
    name = args["environment"]
    document, services = inventory.environment_of(name=name, groups=known.groups, hostvars=known.hostvars)
    upstream = document.get("promotes_from")
    if not upstream:
        raise DeploymentError(f"The environment {name} has no promotes_from, so nothing is promoted to it.")
    manifest = manifest_files.find(args["releases_dir"], args["version"] or _running(known, upstream), today=now.date())
    identity.refuse_changed(known.entries, manifest)
    version = manifest["version"]
    components = {each: str(service.get("component", each)) for each, service in services.items() if service.get("engine") == "application"}
    same = same_bytes.promotion(upstream=upstream, entries=known.entries, manifest=manifest, components=components, observed=args["observed"])
    place = standing.standing(known.entries, version, known.stages, known.now)[name]
    why = [*same["why"], *(place["why"] if args["require_standing"] else [])]
    refused = same["verdict"] != "passed" or (args["require_standing"] and not place["promotable"])
    words = (
        f"{version} may go from {upstream} to {name}: the same bytes." if not refused else f"{version} must not go from {upstream} to {name}: {'; '.join(why)}."
    )
    return {"promotion": same, "standing": place, "msg": words, "failed": bool(refused and args["enforce"])}


def _running(known, upstream):
    releases = sorted(set(views.deployed(known.entries).get(upstream, {}).values()))
    if len(releases) != 1:
        raise DeploymentError(f"{upstream} runs {', '.join(releases) or 'no release'}. Name one with evenkeel_version.")
    return releases[0]
