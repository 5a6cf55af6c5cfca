# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell what stands between a release and an environment. Reads only: nothing is recorded, nothing is changed."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from pathlib import Path

from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.release.plugins.plugin_utils import _files
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval import gather
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import inventory, reads
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate import files, opa_client, why
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.engine import applies, decide
from ansible_collections.evenkeel.release.plugins.plugin_utils._governance import asked
from ansible_collections.evenkeel.release.plugins.plugin_utils._governance import settings as governance
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import actor, settings
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import exists, open_store
from ansible_collections.evenkeel.release.plugins.plugin_utils._report import why_page

SPEC = {
    "environment": {"type": "str", "required": True},
    "act": {"type": "str", "choices": ["deploy", "promote"], "default": "promote"},
    "version": {"type": "str", "default": ""},
    "releases_dir": {"type": "path", "required": True},
    "policies_dir": {"type": "path", "required": True},
    "waivers_dir": {"type": "path"},
    "width": {"type": "int", "default": 110},
    "dest": {"type": "path"},
    "ledger_url": {"type": "str", "no_log": True},
}


class ActionModule(ActionBase):
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _validated, options = self.validate_argument_spec(SPEC)
        now = datetime.now(timezone.utc)
        try:
            folders = [str(options["policies_dir"])]
            documents = files.read([], [], policies_dirs=folders, waivers_dir=str(options["waivers_dir"] or ""), today=now.date())
            evidence, standing = self._gather(options, task_vars, now)
        except (DeploymentError, LedgerError, files.PolicyFilesError) as exc:
            return {**result, "failed": True, "msg": str(exc)}
        decision = self._decide(documents, evidence, task_vars)
        table = why.answer(decision, evidence, width=options["width"], standing=standing)
        changed = self._write(options["dest"], why_page.page(table, at=evidence["now"]))
        return {**result, **table, "changed": changed, "evidence": evidence, "msg": table["text"]}

    def _gather(self, options, task_vars, now):
        groups, hostvars = inventory.plain(task_vars["groups"]), inventory.HostsOnce(task_vars["hostvars"])
        environment, services = inventory.environment_of(name=options["environment"], groups=groups, hostvars=hostvars)
        upstream = environment.get("promotes_from")
        above = inventory.environment_of(name=upstream, groups=groups, hostvars=hostvars) if upstream else (None, {})
        variables = gather.known(task_vars, self._templar.template)
        url = str(options["ledger_url"] or settings.ledger_url(variables.get))
        store = open_store(url) if exists(url) else None  # asking must not create a ledger
        try:
            return asked.gather(
                now=now,
                act=options["act"],
                wanted=options["version"],
                environment=environment,
                services=services,
                above=above,
                releases_dir=str(options["releases_dir"]),
                policies_dir=str(options["policies_dir"]),
                ledger=reads.Ledger(store, asked.KINDS),
                groups=groups,
                hostvars=hostvars,
                settings=governance.of(task_vars, self._templar.template),
                actor=actor.detect(os.environ, variables),
                variables=variables,
            )
        finally:
            if store:
                store.close()

    def _decide(self, documents, evidence, task_vars):
        act, environment = evidence["act"], evidence["environment"]
        mine = [policy for policy in documents.policies if applies(policy, act, environment)]
        replies = opa_client.replies(mine, evidence, lambda name: self._templar.template(task_vars[name]) if name in task_vars else None)
        deployer = actor.detect(os.environ, settings.templated(task_vars, self._templar.template)).get("name")
        return decide(
            documents.policies,
            evidence,
            act=act,
            environment=environment,
            exceptions=documents.waivers,
            deployer=str(deployer or ""),
            replies=replies,
        )

    def _write(self, place, text):
        path = Path(str(place)).expanduser().absolute() if place else None
        if path is None or not _files.differs(path, text):
            return False
        if not self._task.check_mode:
            path.parent.mkdir(parents=True, exist_ok=True)
            _files.write(path, text, mode=why_page.MODE)
        return True
