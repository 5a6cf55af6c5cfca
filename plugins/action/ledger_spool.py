# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A ledger for an emergency in which the store can't be reached, on the controller."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.release.plugins.module_utils._ledger import verifier
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import session, settings, spool, store
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.signer import Signer

SPEC = {
    "path": {"type": "path", "required": True},
    "state": {"type": "str", "choices": ["opened", "closed", "merged"], "required": True},
    "reason": {"type": "str"},
    "copy": {"type": "path"},
    "name": {"type": "str"},
    "key": {"type": "str", "no_log": True},
    # Public, whatever its name says.
    "verifier_key": {"type": "str", "no_log": False},
    "ledger_url": {"type": "str", "no_log": True},
}
NEEDED = [("state", "opened", ("reason", "name", "key")), ("state", "closed", ("name", "key")), ("state", "merged", ("verifier_key",))]


class ActionModule(ActionBase):
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _unused, args = self.validate_argument_spec(argument_spec=SPEC, required_if=NEEDED)
        variables = settings.templated(task_vars, self._templar.template)
        path, act = Path(str(args["path"])).absolute(), {"opened": _open, "closed": _close, "merged": _merge}[args["state"]]
        try:
            return {**result, **act(path, args, variables, dry=self._task.check_mode)}
        except (LedgerError, verifier.ProofError, OSError) as exc:
            return {**result, "failed": True, "msg": str(exc) if isinstance(exc, LedgerError) else f"Nothing was done with the spool {path}: {exc}."}


def _open(path, args, variables, *, dry):
    url = args["ledger_url"] or settings.ledger_url(variables.get)
    signer = Signer.load(str(args["name"]), str(args["key"]))
    if not str(args["reason"]).strip():
        raise LedgerError("A spool needs a reason: somebody will ask for it. Nothing was done.")
    if path.exists():
        with session.open_for(_url(path), variables) as opened:
            if not opened.prefix:
                raise LedgerError(f"{path} is a ledger, not a spool: nothing was done. Next: name a new file.")
            return {"changed": False, "ledger_url": _url(path), "stream": opened.prefix}
    why = _unreachable(url, variables)
    if dry:
        return {"changed": True, "ledger_url": _url(path), "stream": ""}
    return _opened(path, args, variables, signer, why)


def _opened(path, args, variables, signer, why):
    """A spool that could not be made whole is not left behind: the next run would go on with it."""
    try:
        with session.open_for(_url(path), variables) as made:
            copied = 0
            if args["copy"]:
                with closing(verifier.Export(str(args["copy"]))) as lines:
                    copied = spool.copy(made, lines, verifier.Trust(signer.key))
            spool.begin(made, reason=str(args["reason"]), signer=signer, copied=copied, instead_of=why)
            return {"changed": True, "ledger_url": _url(path), "stream": made.prefix, "copied": copied}
    except BaseException:
        for left in path.parent.glob(f"{path.name}*"):
            left.unlink()
        raise


def _unreachable(url, variables):
    """Why. A ledger that can be reached takes entries itself: two of them would not know of each other."""
    if not store.exists(url):
        return "There is no ledger at its place."
    try:
        with session.open_for(url, variables) as there:
            there.heads()
    except LedgerError as exc:
        return str(exc)
    raise LedgerError("The ledger can be reached, so nothing has to wait in a spool: nothing was done. Next: run the playbook again.")


def _close(path, args, variables, *, dry):
    signer = Signer.load(str(args["name"]), str(args["key"]))
    with _spool(path, variables) as opened:
        made = spool.sign(opened, signer, dry=dry)
        return {"changed": made.added > 0, "stream": opened.prefix, "verifier_key": str(signer.key)}


def _merge(path, args, variables, *, dry):
    key, url = verifier.Key.parse(str(args["verifier_key"])), args["ledger_url"] or settings.ledger_url(variables.get)
    with _spool(path, variables) as waiting, session.open_for(url, variables) as target:
        if dry:
            return {"changed": not spool.streams(waiting).items() <= target.heads().items(), "stream": waiting.prefix}
        merged = spool.merge(waiting, target, key)
        return {"changed": merged.entries > 0, "stream": merged.stream, "merged": merged.entries, "conflicts": list(merged.conflicts)}


def _spool(path, variables):
    if not path.exists():
        raise LedgerError(f"There is no spool at {path}. Next: name the file that was opened.")
    return session.open_for(_url(path), variables)


def _url(path):
    return f"sqlite:///{path}"
