# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Artifacts on the controller: fetched once, checked, kept as long as a rollback may need them."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from pathlib import Path

from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact import clean, download, fetch, platforms, policy, publish, record
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.cache import Cache, Name
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.errors import ArtifactError
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.http import Client
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.names import digest
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.sources import credentials, layout
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.sources.locate import Access
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.source import plain
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import session, settings
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import exists

SIGNATURES = {
    "type": "list",
    "elements": "dict",
    "default": [],
    "options": {
        "kind": {"type": "str", "required": True, "choices": ["ssh", "minisign", "ed25519", "cosign", "gpg"]},
        "source": {"type": "str", "required": True},
    },
}
ONE = {
    "source": {"type": "str", "aliases": ["artifact"]},
    "sha256": {"type": "str"},
    "size": {"type": "int"},
    "signatures": SIGNATURES,
}
REPOSITORY = {
    "layout": {"type": "str", "choices": list(layout.LAYOUTS), "required": True},
    "url": {"type": "str", "required": True},
    "name": {"type": "str", "default": ""},
    "path": {"type": "str"},
    "maven": {"type": "str"},
}
CREDENTIALS = {
    "username": {"type": "str", "default": ""},
    "password": {"type": "str", "default": "", "no_log": True},
    "token": {"type": "str", "default": "", "no_log": True},
    "access_key": {"type": "str", "default": "", "no_log": True},
    "secret_key": {"type": "str", "default": "", "no_log": True},
    "session_token": {"type": "str", "default": "", "no_log": True},
    "headers": {"type": "dict", "default": {}, "no_log": True},
    "realms": {"type": "list", "elements": "str", "default": []},
}
SPEC = {
    "state": {"type": "str", "choices": ["present", "published", "cleaned"], "default": "present"},
    "component": {"type": "str"},
    "version": {"type": "str"},
    **ONE,
    "repository": {"type": "dict", "options": REPOSITORY, "required_one_of": [("path", "maven")], "mutually_exclusive": [("path", "maven")]},
    "variants": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {**{name: {"type": "str", "default": ""} for name in ("os", "arch", "variant")}, **ONE},
    },
    "platform": {"type": "dict", "options": {name: {"type": "str", "default": ""} for name in ("os", "arch", "variant")}},
    "policy": {"type": "dict"},
    "dest": {"type": "str"},
    "credentials": {"type": "dict", "default": {}, "no_log": True, "options": CREDENTIALS},
    "endpoint": {"type": "str", "default": ""},
    "region": {"type": "str", "default": "us-east-1"},
    "checksum_file": {"type": "bool", "default": False},
    "max_size": {"type": "int", "default": 2 << 30},
    "timeout": {"type": "float", "default": 30.0},
    "deadline": {"type": "float", "default": 1800.0},
    "retries": {"type": "int", "default": 3},
    "ca_path": {"type": "path", "default": ""},
    "keep": {"type": "int", "default": 5},
    "min_age": {"type": "float", "default": 86400.0},
    "releases_dir": {"type": "path"},
    "record": {"type": "bool", "default": True},
    "ledger_url": {"type": "str", "no_log": True},
}
NEEDED = [
    ("state", "present", ("component", "version", "policy")),
    ("state", "published", ("component", "version", "policy", "source", "dest")),
    ("state", "cleaned", ("releases_dir",)),
]


class ActionModule(ActionBase):
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _unused, options = self.validate_argument_spec(argument_spec=SPEC, required_if=NEEDED, mutually_exclusive=[("repository", "source", "variants")])
        options = plain(options)
        variables = settings.templated(task_vars, self._templar.template)
        try:
            made = Work(options, variables, self._facts(task_vars), path=self._loader.path_dwim, check=self._task.check_mode)
            return {**result, **getattr(made, options["state"])()}
        except (ArtifactError, LedgerError) as exc:
            return {**result, "failed": True, "msg": str(exc)}

    def _facts(self, task_vars):
        facts = task_vars.get("ansible_facts") or {}
        return {name: facts.get(name) or task_vars.get(f"ansible_{name}") for name in ("system", "architecture")}


class Work:
    def __init__(self, options, variables, facts, *, path, check):
        self.options, self.variables, self.facts, self.path, self.check = options, variables, facts, path, check
        self.now = datetime.now(timezone.utc)
        self.cache = Cache(settings.state_dir(variables.get) / "artifacts")
        self.ledger_url = options["ledger_url"] or settings.ledger_url(variables.get)

    def present(self):
        wanted = self._wanted()
        fetcher = fetch.Fetcher(self.cache, self._policy(), self._access(wanted.source), self._limits(), self.now)
        recorded = self._check_ledger(wanted)
        fetched = fetcher.run(wanted, check=self.check)
        # What the cache knows the ledger may not: an earlier run ended in between, or had another ledger.
        if not recorded and not self.check and self.options["record"]:
            self._record(fetched)
        made = fetched.as_dict()
        return {"changed": not fetched.cached, "artifact": made, "diff": _diff(made, there=fetched.cached)}

    def published(self):
        wanted = self._wanted()
        dest = self._absolute(self.options["dest"])
        publisher = publish.Publisher(self._policy(), self._access(dest), self._limits(), dest)
        changed = publisher.run(wanted, check=self.check)
        made = {"dest": publisher.shown, "sha256": wanted.sha256, "component": wanted.name.component, "version": wanted.name.version}
        return {"changed": changed, "published": made, "diff": _diff(made, there=not changed)}

    def cleaned(self):
        if not exists(self.ledger_url):
            raise ArtifactError(
                "Nothing was removed: there is no ledger at the configured URL, so nobody knows what a rollback needs. Set evenkeel_ledger_url."
            )
        with session.open_for(self.ledger_url, self.variables) as store:
            entries = [entry.as_dict() for entry in store.entries(kind=clean.KINDS)]
        done = clean.run(
            self.cache,
            entries,
            self.options["releases_dir"],
            keep=self.options["keep"],
            before=self.now.timestamp() - self.options["min_age"],
            today=self.now.date(),
            check=self.check,
        )
        return {"changed": bool(done["removed"]), **done}

    def _wanted(self):
        options = self.options
        platform = self._platform()
        chosen, name = options, platforms.Platform()
        if options["variants"]:
            chosen = platforms.choose(options["variants"], platform)
            name = platforms.of_mapping(chosen)
        source = layout.url_of(options["repository"]) if options["repository"] else chosen.get("source") or ""
        if not source or not chosen.get("sha256"):
            raise ArtifactError(
                f"{options['component']} {options['version']} has {'no sha256' if source else 'no source'}. Give source or repository with sha256, or variants."
            )
        return fetch.Wanted(
            name=Name(str(options["component"]), str(options["version"]), name),
            source=self._absolute(source),
            sha256=digest(str(chosen["sha256"])),
            size=chosen.get("size"),
            signatures=tuple(fetch.Signature(each["kind"], self._absolute(each["source"])) for each in chosen.get("signatures") or ()),
            platform=platform,
        )

    def _absolute(self, source):
        """A path is relative to the playbook, as everywhere in Ansible."""
        return source if "://" in source else os.path.abspath(self.path(source))

    def _platform(self):
        """Facts are needed only where there is something to choose."""
        if self.options["platform"]:
            return platforms.of_mapping(self.options["platform"])
        if all(self.facts.values()):
            return platforms.of_facts(system=str(self.facts["system"]), machine=str(self.facts["architecture"]))
        if self.options["variants"]:
            raise ArtifactError("Which variant the host needs is not known: there are no facts. Gather them (gather_subset: min is enough), or give platform.")
        return platforms.Platform()

    def _policy(self):
        return policy.load(self.options["policy"], now=self.now)

    def _access(self, home):
        given = {**self.options["credentials"]}
        given["realms"] = tuple(given.get("realms") or ())
        given["headers"] = {str(name): str(value) for name, value in (given.get("headers") or {}).items()}
        known = credentials.check(credentials.Credentials(**{name: value or "" if value is None else value for name, value in given.items()}))
        return Access(
            client=Client(timeout=self.options["timeout"], ca_path=str(self.options["ca_path"] or "")),
            credentials=known,
            home=home,
            endpoint=self.options["endpoint"],
            region=self.options["region"],
            checksum_file=self.options["checksum_file"],
        )

    def _limits(self):
        given = self.options
        wrong = [f"{name} is {given[name]}, allowed: more than 0" for name in ("max_size", "timeout", "deadline") if given[name] <= 0]
        if wrong or given["retries"] < 0:
            raise ArtifactError("; ".join([*wrong, *([f"retries is {given['retries']}, allowed: 0 or more"] if given["retries"] < 0 else [])]) + ".")
        return download.Limits(most=given["max_size"], retries=given["retries"], deadline=given["deadline"])

    def _check_ledger(self, wanted):
        """Whether it is recorded. Another controller may have seen this name before, with another digest."""
        if not self.options["record"] or not exists(self.ledger_url):
            return False
        with session.open_for(self.ledger_url, self.variables) as store:
            return record.check(store.entries(kind=record.KIND, subject=record.subject(wanted.name)), wanted)

    def _record(self, fetched):
        with self.cache.lock(fetched.wanted.sha256, seconds=self.options["deadline"]), session.open_for(self.ledger_url, self.variables) as store:
            record.note(store, fetched, environment=str(self.variables.get("evenkeel_target") or ""))


def _diff(made, *, there):
    line = f"{made['component']} {made['version']} {made['sha256']}\n"
    where = str(Path("artifacts"))
    return {"before_header": where, "after_header": where, "before": line if there else "", "after": line}
