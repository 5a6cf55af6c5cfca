# SPDX-License-Identifier: GPL-3.0-or-later
"""Which findings are put back by the owning role, which from the store, and which not at all. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._restore.runtime import KINDS, NEXT
from ansible_collections.evenkeel.release.plugins.module_utils._restore.shape import kind_of
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.patterns import any_matches

Finding = Mapping[str, Any]
Choice = dict[str, Any]
RESTORED = ("file", *KINDS)
# One without the others disagrees with itself, and two of them hold secrets, which no store keeps.
ACCOUNTS = frozenset(f"file:/etc/{name}" for name in ("passwd", "shadow", "group", "gshadow", "subuid", "subgid"))
NO_ACCOUNTS = {"reason": "the files of accounts agree only together, and some of them are secrets", "next": NEXT["user"]}
LOOK = "Look at what happened there first; raise remediate_max when that many are meant."


def choose(
    findings: Sequence[Finding],
    *,
    repair_role: str = "",
    prefer: str = "store",
    only: Sequence[str] = (),
    most: int = 0,
    refused: Mapping[str, Mapping[str, str]] | None = None,
    left: Iterable[str] = (),
) -> Choice:
    """{role: [paths], restore: [keys], follows: [paths], refused: {path: {reason, next}}, skipped: [paths], fault: str, says: [texts]}.

    `follows` is what is read out of a file that is restored: the look afterwards tells whether it is back.

    `refused` and `left` are what drift_restore said in check mode: that goes to the owning role, when there is one.
    """
    wanted = [finding for finding in findings if not only or any_matches(only, str(finding["path"]))]
    choice: Choice = {
        "role": [],
        "restore": [],
        "follows": [],
        "refused": {},
        "skipped": sorted(str(finding["path"]) for finding in findings if finding not in wanted),
        "fault": f"{len(wanted)} findings are more than the {most} that are put back at once. {LOOK}" if most and len(wanted) > most else "",
    }
    for finding in wanted:
        _place(choice, finding, repair_role, prefer, refused or {}, set(left))
    choice["restore"] = sorted(set(choice["restore"]))
    choice["follows"] = sorted(path for path in choice["refused"] if _is_read_from(path, choice["restore"]))
    choice["refused"] = {path: why for path, why in choice["refused"].items() if path not in choice["follows"]}
    choice["says"] = [f"{path} is refused: {why['reason']}. {why['next']}" for path, why in sorted(choice["refused"].items())]
    return choice


def _place(choice: Choice, finding: Finding, repair_role: str, prefer: str, refused: Mapping[str, Mapping[str, str]], left: set[str]) -> None:
    path = str(finding["path"])
    keys = [path, str(finding["from"])] if finding.get("kind") == "renamed" and finding.get("from") else [path]
    why = next((dict(refused[key]) for key in keys if key in refused), NO_ACCOUNTS if ACCOUNTS.intersection(keys) else None)
    if finding.get("kind") == "unknown":
        choice["refused"][path] = {"reason": f"it cannot be told: {_reason(finding)}", "next": "Make it readable, then look again."}
    elif kind_of(path) in RESTORED and not why and not left.intersection(keys) and not (repair_role and prefer == "role"):
        choice["restore"] += keys
    elif repair_role:
        choice["role"].append(path)
    elif left.intersection(keys):
        choice["refused"][path] = {"reason": "it was added and is left", "next": "Remove it with remediate_remove_added=true, or by hand."}
    else:
        kind = kind_of(path)
        choice["refused"][path] = why or {"reason": f"a {kind} is not restored from a baseline", "next": NEXT.get(kind, "Restore it by hand.")}


def _is_read_from(path: str, restored: Iterable[str]) -> bool:
    """`sudo:/etc/sudoers.d/web:...` out of `file:/etc/sudoers.d/web`, `config:app.ini:port` out of `file:/etc/app/app.ini`."""
    kind, _colon, name = path.partition(":")
    files = [key.partition(":")[2] for key in restored if kind_of(key) == "file"]
    if kind == "key":
        user = name.partition(":")[0]
        return any("authorized_keys" in file and user in file.split("/") for file in files)
    if kind == "config":
        files += [file.rpartition("/")[2] for file in files]
    return kind in ("sudo", "cron", "certificate", "config") and any(name == file or name.startswith((f"{file}:", f"{file}#")) for file in files)


def _reason(finding: Finding) -> str:
    for side in ("after", "before"):
        found = finding.get(side)
        if isinstance(found, Mapping) and found.get("unknown"):
            return str(found["unknown"])
    return "no reason given"
