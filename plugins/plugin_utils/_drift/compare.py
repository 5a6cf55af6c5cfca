# SPDX-License-Identifier: GPL-3.0-or-later
"""Items against items, and what that means to somebody who reads it. Pure: no clock, no disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.registry import KIND_OF
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.closed import closed_places, is_below
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.renames import renamed
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.severity import rated
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.shown import difference, whole
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.textdiff import text_diff

Item = Mapping[str, Any]
Items = Mapping[str, Item]
Change = dict[str, Any]
Changes = Mapping[str, Mapping[str, Any]]
Finding = dict[str, Any]
Collectors = Mapping[str, Mapping[str, Any]]
NOT_BOTH = "only one of the two snapshots looked at it"


def changes(before: Items, after: Items) -> dict[str, Change]:
    """{path: {before, after}}, None where there is none. What cannot be read now is never the same as before."""
    gone = {path: {"before": item, "after": None} for path, item in before.items() if path not in after}
    new = {path: {"before": before.get(path), "after": item} for path, item in after.items() if "unknown" in item or path not in before or before[path] != item}
    return {**gone, **new}


def merged(before: Items, found: Changes) -> dict[str, Item]:
    """The items after these changes."""
    kept = {path: item for path, item in before.items() if path not in found}
    return {**kept, **{path: change["after"] for path, change in found.items() if change["after"] is not None}}


def findings(
    found: Changes,
    before: Collectors | None,
    after: Collectors,
    *,
    rules: Sequence[Mapping[str, Any]] = (),
    texts: Mapping[str, tuple[bytes, bytes]] | None = None,
) -> list[Finding]:
    """[{path, kind: added|removed|changed|renamed|unknown, severity, before, after, from?, diff?}], sorted by path.

    `before` and `after` of the arguments are the states of the collectors ({name: {state, reason?}}), None when the first are not known.
    rules are the own severities; texts are the contents of changed files, {path: (before, after)}, for the finding's diff.
    """
    blind = blind_collectors(before, after)
    seen = _seen(found, {finding["path"].partition(":")[2] for finding in blind})
    moves = renamed(seen)
    old_names = set(moves.values())
    result = list(blind)
    for path, change in seen.items():
        if path in moves:
            result.append(_move(path, moves[path], seen))
        elif path not in old_names:
            finding = _finding(path, change["before"], change["after"])
            if finding:
                result.append(_with_diff(finding, change, (texts or {}).get(path)))
    return [rated(finding, rules) for finding in sorted(result, key=lambda finding: str(finding["path"]))]


def verdict(left: Sequence[Finding]) -> str:
    kinds = {finding["kind"] for finding in left}
    if kinds - {"unknown"}:
        return "failed"
    return "inconclusive" if kinds else "passed"


def blind_collectors(before: Collectors | None, after: Collectors) -> list[Finding]:
    """One unknown finding for each collector that could not look, or looked only once."""
    result = []
    for name in sorted({*(before or {}), *after}):
        sides = [side.get(name) for side in (after if before is None else before, after)]
        reasons = [_reason(state, both=None not in sides) for state in sides]
        if any(reasons):
            shown = [{"unknown": reason} if reason else None for reason in reasons]
            result.append({"path": f"collector:{name}", "kind": "unknown", "before": shown[0], "after": shown[1]})
    return result


def _reason(state: Mapping[str, Any] | None, *, both: bool) -> str:
    if state is not None and state["state"] != "read":
        return str(state.get("reason") or "no reason given")
    return "" if both else NOT_BOTH


def _seen(found: Changes, blind: set[str]) -> dict[str, Mapping[str, Any]]:
    """Without what lies where somebody could not look: it is neither there nor gone."""
    closed = closed_places((path, change[side]) for path, change in found.items() for side in ("before", "after"))
    kinds = {path: path.partition(":")[0] for path in found}
    return {path: change for path, change in found.items() if KIND_OF.get(kinds[path], kinds[path]) not in blind and not is_below(path, closed)}


def _finding(path: str, old: Item | None, new: Item | None) -> Finding | None:
    if any(item and "unknown" in item for item in (old, new)):
        return {"path": path, "kind": "unknown", "before": _unread(old), "after": _unread(new)}
    if old is None or new is None:
        return {"path": path, "kind": "added" if old is None else "removed", "before": whole(old), "after": whole(new)}
    before, after, unlike = difference(old, new)
    if unlike:
        return {"path": path, "kind": "unknown", "before": before, "after": {**after, "unknown": unlike}}
    return {"path": path, "kind": "changed", "before": before, "after": after} if before or after else None


def _unread(item: Item | None) -> Any:
    return {"unknown": str(item["unknown"])} if item and "unknown" in item else whole(item)


def _move(path: str, origin: str, seen: Changes) -> Finding:
    before, after, _unlike = difference(seen[origin]["before"], seen[path]["after"])
    return {"path": path, "kind": "renamed", "from": origin, "before": before, "after": after}


def _with_diff(finding: Finding, change: Mapping[str, Any], texts: tuple[bytes, bytes] | None) -> Finding:
    if finding["kind"] != "changed":
        return finding
    name = str(finding["path"]).partition(":")[2]
    if texts is None:
        many = [key for key, value in finding["after"].items() if "\n" in str(value) or "\n" in str(finding["before"].get(key))]
        if len(many) != 1 or change["before"].get("secret") or change["after"].get("secret"):
            return finding
        texts = (str(finding["before"].get(many[0]) or "").encode(), str(finding["after"].get(many[0]) or "").encode())
    return {**finding, "diff": text_diff(*texts, name=name)}
