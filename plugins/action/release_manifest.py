# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make, extend, check and record the manifest of a release, on the controller."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.release.plugins.plugin_utils import _files
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.cache import Cache
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.source import plain
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import session, settings
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import NewEntry
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import exists
from ansible_collections.evenkeel.release.plugins.plugin_utils._manifest import build, changelog, commits, git, identity, items, manifest_files
from ansible_collections.evenkeel.release.plugins.plugin_utils._manifest.errors import ManifestError

SPEC = {
    "path": {"type": "path", "required": True},
    "state": {"type": "str", "choices": ["present", "checked", "recorded"], "default": "present"},
    "definition": {"type": "dict", "default": {}},
    "commits": {
        "type": "dict",
        "options": {
            "repository": {"type": "path", "required": True},
            "from": {"type": "str", "default": ""},
            "to": {"type": "str", "default": "HEAD"},
            "name": {"type": "str", "default": ""},
        },
    },
    "scope": {"type": "list", "elements": "dict", "default": []},
    "scope_without": {"type": "list", "elements": "str", "default": []},
    "scope_change": {
        "type": "dict",
        "options": {"by": {"type": "str", "required": True}, "reason": {"type": "str", "required": True}, "approver": {"type": "str"}},
    },
    "changelog_dest": {"type": "path"},
    "items_dest": {"type": "path"},
    "mode": {"type": "raw", "default": "0644"},
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
            return {**result, **_Work(plain(args), variables, dry=self._task.check_mode).run()}
        except (ManifestError, LedgerError, OSError) as exc:
            return {**result, "failed": True, "msg": str(exc)}


class _Work:
    def __init__(self, args, variables, *, dry):
        self.args, self.variables, self.dry = args, variables, dry
        self.path = Path(args["path"]).expanduser().absolute()
        self.now = datetime.now(timezone.utc)
        self.url = args["ledger_url"] or settings.ledger_url(variables.get)
        self.mode = int(str(args["mode"]), 8)

    def run(self):
        before = manifest_files.read(self.path, today=self.now.date()) if self.path.exists() else {}
        if not before and self.args["state"] != "present":
            raise ManifestError(f"There is no manifest {self.path}. Write it, or make it with state present.")
        manifest = self._made(before) if self.args["state"] == "present" else before
        self._prove(manifest)
        manifest_files.checked(manifest, self.path, today=self.now.date())
        entries = self._recorded(manifest["version"])
        identity.refuse_changed(entries, manifest)
        written = self._write(manifest, before) if self.args["state"] == "present" else {"changed": False}
        return self._answer(manifest, written, self._record(manifest, entries) if self.args["state"] == "recorded" else None)

    def _made(self, before):
        asked = self.args
        manifest = build.merge({"version": self.path.stem, **before}, asked["definition"])
        if asked["commits"]:
            history = git.read(asked["commits"]["repository"], since=asked["commits"]["from"], until=asked["commits"]["to"])
            manifest = build.with_history(manifest, history, repository=asked["commits"]["name"])
        change = {key: value for key, value in (asked["scope_change"] or {}).items() if value}
        now = self.now.strftime("%Y-%m-%dT%H:%M:%SZ")
        if asked["scope"]:
            if any("id" not in item for item in asked["scope"]):
                raise ManifestError("An item of scope has no id. Give each one the id under which it is tracked.")
            manifest = build.with_scope(manifest, items=asked["scope"], change=change, now=now)
        if asked["scope_without"]:
            manifest = build.without_items(manifest, ids=asked["scope_without"], change=change, now=now)
        components = manifest.get("components", {})
        return build.with_digests(manifest, manifest_files.digests(components, folder=self.path.parent, cache=self._cache())) if components else manifest

    def _prove(self, manifest):
        """What a file pins is proved as well: nobody's word is taken for a digest."""
        build.with_digests(manifest, manifest_files.digests(manifest.get("components", {}), folder=self.path.parent, cache=self._cache()))

    def _cache(self):
        return Cache(settings.state_dir(self.variables.get) / "artifacts")

    def _recorded(self, version):
        if not exists(self.url):
            return []
        with session.open_for(self.url, self.variables) as store:
            return [entry.as_dict() for entry in store.entries(kind=identity.KIND, release=version)]

    def _write(self, manifest, before):
        text = build.text(manifest)
        if manifest == before:
            return {"changed": False}
        if not self.dry:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            _files.write(self.path, text, mode=self.mode)
        old = self.path.read_text(encoding="utf-8") if before and self.dry else build.text(before) if before else ""
        return {"changed": True, "diff": {"before_header": str(self.path), "after_header": str(self.path), "before": old, "after": text}}

    def _record(self, manifest, entries):
        if identity.first(entries, manifest["version"]):
            return None
        entry = NewEntry(identity.KIND, "fact", "", manifest["version"], subject=identity.SUBJECT, body=identity.body(manifest))
        if self.dry:
            return session.preview(entry, self.variables)
        with session.open_for(self.url, self.variables) as store:
            return session.record(store, entry)

    def _answer(self, manifest, written, entry):
        changes = (manifest.get("history") or {}).get("changes", [])
        rows = items.rows(manifest)
        others = [
            self._also("changelog_dest", changelog.markdown(manifest["version"], changes)),
            self._also("items_dest", items.as_csv(rows) if str(self.args["items_dest"]).endswith(".csv") else items.as_json(rows)),
        ]
        return {
            **written,
            "changed": bool(written["changed"] or entry or any(others)),
            "path": str(self.path),
            "manifest": manifest,
            "sha256": identity.digest(manifest),
            "suggested_type": commits.suggested(changes) if changes else "",
            "configuration_items": rows,
            **({"entry": entry} if entry else {}),
        }

    def _also(self, option, text):
        if not self.args[option]:
            return False
        path = Path(self.args[option]).expanduser().absolute()
        changed = _files.differs(path, text)
        if changed and not self.dry:
            _files.write(path, text, mode=self.mode)
        return changed
