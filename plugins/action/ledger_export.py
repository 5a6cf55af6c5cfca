# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gives entries of the ledger to others, from the controller."""

from __future__ import annotations

import hashlib
import itertools
import json
from pathlib import Path

from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.release.plugins.plugin_utils import _files
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import checkpoints, exports, forward, process, session, settings, store
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError

SPEC = {
    "dest": {"type": "str", "required": True, "no_log": True},
    "format": {"type": "str", "choices": ["json", "cloudevents", "syslog", "verifier"], "default": "json"},
    "position": {"type": "path"},
    "kinds": {"type": "list", "elements": "str"},
    "name": {"type": "str", "default": "ledger"},
    "host": {"type": "str"},
    "enterprise": {"type": "int", "default": 32473},
    "max_bytes": {"type": "int", "default": 8192},
    "timeout": {"type": "float", "default": 10.0},
    "ca_path": {"type": "path", "default": ""},
    "secret": {"type": "str", "default": "", "no_log": True},
    "headers": {"type": "dict", "default": {}, "no_log": True},
    "ledger_url": {"type": "str", "no_log": True},
}
BATCH = 500


class ActionModule(ActionBase):
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _unused, args = self.validate_argument_spec(argument_spec=SPEC)
        variables = settings.templated(task_vars, self._templar.template)
        try:
            _check(args)
            url = args["ledger_url"] or settings.ledger_url(variables.get)
            if not store.exists(url):
                raise LedgerError("There is no ledger at this place. Next: correct evenkeel_ledger_url or evenkeel_state_dir.")
            with session.open_for(url, variables) as opened:
                return {**result, **_export(opened, args, dry=self._task.check_mode)}
        except LedgerError as exc:
            return {**result, "failed": True, "msg": str(exc)}


def _check(args):
    wrong = forward.fault(str(args["dest"]), str(args["format"]))
    if not wrong and args["format"] == "verifier" and (args["position"] or args["kinds"]):
        wrong = "format verifier writes the whole ledger, without position and kinds"
    if wrong:
        raise LedgerError(f"The export was refused, nothing was sent: {wrong}. Next: correct dest or format.")


def _export(opened, args, *, dry):
    position = _read(args["position"])
    heads = {name: head.seq for name, head in opened.heads().items()}
    cut = sorted(name for name, seq in position.items() if heads.get(name, 0) < seq)
    if cut:
        raise LedgerError(
            f"Stream {', '.join(cut)} of the ledger has fewer entries than were exported before: it was cut off or is another ledger. Next: run"
            " evenkeel.release.ledger_verify, or name another file for position."
        )
    new = sum(seq - position.get(name, 0) for name, seq in heads.items())
    if dry or not new:
        return {"changed": bool(new), "exported": 0, "pending": new}
    options = forward.Options(args["timeout"], str(args["ca_path"]), str(args["secret"]), args["headers"])
    with forward.opened(str(args["dest"]), options, anew=not args["position"]) as sender:
        exported = _send_all(opened, sender, args, position, heads)
    if args["position"]:
        _write(Path(args["position"]), heads)
    return {"changed": True, "exported": exported, "pending": 0}


def _send_all(opened, sender, args, position, heads):
    if args["format"] == "verifier":
        lines, count = checkpoints.export(opened), 0
        while batch := list(itertools.islice(lines, BATCH)):
            sender.send(batch, delivery="")
            count += len(batch)
        return count
    place = exports.Place(str(args["name"]), str(args["host"] or process.host_name()), args["enterprise"], args["max_bytes"])
    shape, kinds, exported = exports.FORMATS[args["format"]], set(args["kinds"] or []), 0
    for stream, last in heads.items():
        at = position.get(stream, 0)
        while at < last:
            found = opened.following(stream, at, limit=min(BATCH, last - at))
            if not found:
                raise LedgerError(f"Stream {stream} has no entry after {at}, though its last one is {last}. Next: run evenkeel.release.ledger_verify.")
            at = found[-1].seq
            texts = [shape(entry, place) for entry in found if not kinds or entry.kind in kinds]
            if texts:
                sender.send(texts, delivery=hashlib.sha256(f"{found[0].id} {found[-1].id}".encode()).hexdigest()[:32])
            exported += len(texts)
    return exported


def _read(path):
    """{stream: number of the last entry that was exported}."""
    if not path or not Path(path).exists():
        return {}
    try:
        return {str(name): int(seq) for name, seq in json.loads(Path(path).read_text(encoding="utf-8")).items()}
    except (OSError, ValueError, TypeError, AttributeError) as exc:
        raise LedgerError(f"Reading the position in {path} failed: {exc}. Next: name the file of an earlier export, or a new one.") from exc


def _write(path, heads):
    try:
        _files.write(path, json.dumps(heads, sort_keys=True), mode=0o600)
    except OSError as exc:
        raise LedgerError(f"All was exported, but writing the position to {path} failed: {exc}. The next export repeats it.") from exc
