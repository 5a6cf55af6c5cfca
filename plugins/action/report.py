# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the report, from the controller."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import session, settings
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import exists
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.verify import verify
from ansible_collections.evenkeel.release.plugins.plugin_utils._report import model, render, samples

SPEC = {
    "dest": {"type": "str", "required": True},
    "title": {"type": "str", "default": "Release report"},
    "environment": {"type": "str", "default": ""},
    "load": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "path": {"type": "str", "required": True},
            "environment": {"type": "str", "default": ""},
        },
    },
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
        dest = Path(str(args["dest"])).expanduser().absolute()
        try:
            document = _document(args, variables)
            text = render.page(document)
            changed = render.differs(dest, text) if self._task.check_mode else _write(dest, text)
        except (LedgerError, samples.SampleError, OSError) as exc:
            return {**result, "failed": True, "msg": f"Making the report {dest} failed: {exc}"}
        wrote = "would write" if self._task.check_mode else "wrote"
        said = wrote if changed else "nothing new for"
        return {
            **result,
            "changed": changed,
            "dest": str(dest),
            "state": document["state"]["verdict"],
            "notes": document["state"]["notes"],
            "msg": f"{said} {dest} ({len(text)} characters, state {document['state']['verdict']})",
        }


def _document(args, variables):
    url = str(args["ledger_url"] or settings.ledger_url(variables.get))
    if not exists(url):
        raise LedgerError("there is no ledger at the configured URL yet. Next: deploy something, or set evenkeel_ledger_url.")
    loads = [_load(item) for item in args["load"]]
    with session.open_for(url, variables) as store:
        entries = store.entries(kind=model.SHOWN)
        verification = verify(store).as_dict()
    return model.build(
        title=str(args["title"]),
        # The time of the newest entry, so that an unchanged ledger gives an unchanged page.
        now=entries[-1].time if entries else datetime.now(timezone.utc).isoformat(),
        entries=entries,
        verification=verification,
        loads=loads,
        environment=str(args["environment"]),
    )


def _load(item):
    path = str(item["path"])
    with open(Path(path).expanduser(), encoding="utf-8") as lines:
        found = samples.parse(lines, name=path)
    return model.Load(str(item["name"]), found, str(item["environment"] or ""))


def _write(dest, text):
    dest.parent.mkdir(parents=True, exist_ok=True)
    return render.write(dest, text)
