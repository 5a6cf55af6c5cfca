# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parameters of drift_restore in, its result out."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._restore import contents, look, runtime
from ansible_collections.evenkeel.release.plugins.module_utils._restore import restore as engine
from ansible_collections.evenkeel.release.plugins.module_utils._restore.act import path_of
from ansible_collections.evenkeel.release.plugins.module_utils._restore.journal import Journal
from ansible_collections.evenkeel.release.plugins.module_utils._restore.secret import Fingerprints
from ansible_collections.evenkeel.release.plugins.module_utils._restore.shape import Broken, Refused
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot import registry
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.host import Host

Result = dict[str, Any]


def restore(params: Mapping[str, Any], *, run: runtime.Run, label: Callable[[bytes], Optional[bytes]], check_mode: bool, diff: bool) -> Result:
    key = (params["fingerprint_key"] or "").encode()
    site = engine.Site(collect=_collector(Host(fingerprint_key=key)), run=run, label=label, seen=Fingerprints(params["secret_files"], key))
    journal = Journal(params["journal_dir"] or default_journal(os.geteuid()))
    try:
        if not check_mode:
            journal.lock()
        return _restore(params, site, journal, check_mode=check_mode, diff=diff)
    except (Broken, Refused, OSError) as exc:
        return {"failed": True, "msg": f"Restoring was stopped: {_said(exc)}."}
    finally:
        journal.unlock()


def default_journal(uid: int) -> str:
    return "/var/lib/evenkeel/restore" if uid == 0 else "~/.local/state/evenkeel/restore"


def _restore(params: Mapping[str, Any], site: engine.Site, journal: Journal, *, check_mode: bool, diff: bool) -> Result:
    left = None if check_mode else engine.interrupted(journal, site)
    plan = engine.plan(params["items"] or {}, available=params["available"], remove_added=params["remove_added"], site=site)
    result: Result = {
        "changed": bool(plan.wanted()),
        "restored": plan.wanted(),
        "refused": {key: refusal.as_dict() for key, refusal in sorted(plan.refused.items())},
        "left": sorted(plan.left),
        "same": sorted(plan.same),
        "needs": plan.needs(),
        **({"interrupted": left} if left else {}),
    }
    if plan.refused and params["on_refused"] == "fail":
        return {**result, "changed": False, "restored": [], "failed": True, "msg": refusal_text(plan.refused)}
    held = _contents(params["contents_file"])
    if diff:
        result["diff"] = [_diff(key, params["items"], plan, held, params["max_diff"]) for key in plan.wanted()]
    if check_mode:
        return result
    lacking = [digest for digest in plan.needs() if digest not in held]
    if lacking:
        return {
            **result,
            "changed": False,
            "restored": [],
            "failed": True,
            "msg": f"The contents {', '.join(lacking)} did not come along. Nothing was changed.",
        }
    if plan.wanted():
        engine.perform(plan, held, journal=journal, site=site)
    elif left:
        journal.end()
    return result


def refusal_text(refused: Mapping[str, Refused]) -> str:
    told = "; ".join(f"{key}: {refusal.reason}. {refusal.next_step}" for key, refusal in sorted(refused.items()))
    return f"{len(refused)} of the wanted cannot be restored exactly, so nothing was changed: {told}"


def _contents(path: Optional[str]) -> dict[str, bytes]:
    if not path:
        return {}
    with open(path, encoding="ascii") as stream:
        sent = json.load(stream)
    found = {digest: contents.unpack(digest, text) for digest, text in sent.items()}
    return {digest: data for digest, data in found.items() if data is not None}


def _diff(key: str, items: Mapping[str, Any], plan: engine.Plan, held: Mapping[str, bytes], most: int) -> dict[str, str]:
    now, wanted = plan.now.get(key), items[key]
    before = after = None
    if key.startswith("file:") and not (now or {}).get("secret"):
        after = held.get(str((wanted or {}).get("sha256")))
        if (now or {}).get("type") == "file":
            before = _read(key)
    return {
        "before_header": key,
        "after_header": key,
        "before": contents.shown(now, before, most=most),
        "after": contents.shown(wanted, after, most=most),
    }


def _read(key: str) -> Optional[bytes]:
    try:
        return look.content(path_of(key))
    except (OSError, Refused):
        return None


def _collector(host: Host) -> Callable[[str, Sequence[str]], Mapping[str, Any]]:
    def collect(name: str, keys: Sequence[str]) -> Mapping[str, Any]:
        states, items = registry.gather({"collectors": [name], "sysctl_keys": list(keys)}, host)
        state = states[name]
        if state["state"] != "read":
            raise Broken(f"the {name} of this host cannot be read ({state.get('reason')}), so nothing was changed")
        return items

    return collect


def _said(exc: BaseException) -> str:
    return exc.reason if isinstance(exc, Refused) else str(exc)
