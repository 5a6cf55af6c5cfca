# SPDX-License-Identifier: GPL-3.0-or-later
"""A manifest from its parts: what it was, what is given, and digests that were computed from the bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml
from ansible_collections.evenkeel.release.plugins.plugin_utils._manifest import commits
from ansible_collections.evenkeel.release.plugins.plugin_utils._manifest.errors import ManifestError
from ansible_collections.evenkeel.release.plugins.plugin_utils._manifest.git import History

Data = Mapping[str, Any]
ORDER = (
    "version",
    "type",
    "owner",
    "summary",
    "change",
    "teams",
    "links",
    "risks",
    "vendor",
    "compliance",
    "schedule",
    "milestones",
    "scope",
    "changelog",
    "history",
    "components",
    "boundaries",
    "exit_checks",
    "rollback",
)
HEADER = "# SPDX-License-Identifier: GPL-3.0-or-later\n---\n"


def merge(existing: Data, given: Data) -> dict[str, Any]:
    """Keys that are given replace those that were there; components are added to those that were there."""
    found = {**existing, **{key: value for key, value in given.items() if key != "components"}}
    if given.get("components"):
        found["components"] = {**existing.get("components", {}), **given["components"]}
    return {key: found[key] for key in (*(name for name in ORDER if name in found), *(name for name in found if name not in ORDER))}


def with_history(manifest: Data, history: History, *, repository: str) -> dict[str, Any]:
    """The commits as `history`, and the changelog from them where nobody wrote one by hand."""
    changes = commits.changes(history.commits)
    found: dict[str, Any] = {"repository": repository} if repository else {}
    found |= {"from": history.since} if history.since else {}
    found |= {"to": history.until, "changes": changes}
    before = (manifest.get("history") or {}).get("changes", [])
    texts = commits.texts(changes) or ["no change of the code"]
    mine = list(manifest.get("changelog", []))
    written = [text for text in mine if text not in commits.texts(before)]
    return merge(manifest, {"history": found, "changelog": [*written, *(text for text in texts if text not in written)]})


def with_scope(manifest: Data, *, items: Sequence[Data], change: Data | None, now: str) -> dict[str, Any]:
    """Items by id, added or changed; once there is a scope each change of it is told with who asked for it and why. How far an item is changes nothing."""
    scope = dict(manifest.get("scope") or {})
    before = {item["id"]: item for item in scope.get("items", [])}
    there = bool(before)
    told = list(scope.get("changes", []))
    for item in items:
        known = before.get(item["id"])
        act = _act(known, item)
        if there and act:
            if not change:
                raise ManifestError(f"The scope changes ({item['id']}), and nobody says who asked for it and why: give scope_change with by and reason.")
            told.append({"at": now, "act": act, "item": item["id"], **change})
        came = {"added_at": now} if there and known is None else {}
        before[item["id"]] = {**(known or came), **item}
    scope["items"] = list(before.values())
    return merge(manifest, {"scope": {**scope, **({"changes": told} if told else {})}})


def without_items(manifest: Data, *, ids: Sequence[str], change: Data | None, now: str) -> dict[str, Any]:
    scope = dict(manifest.get("scope") or {})
    gone = [item["id"] for item in scope.get("items", []) if item["id"] in ids]
    if not gone:
        return dict(manifest)
    if not change:
        raise ManifestError(f"The scope loses {', '.join(gone)}, and nobody says who asked for it and why: give scope_change with by and reason.")
    scope["items"] = [item for item in scope["items"] if item["id"] not in gone]
    scope["changes"] = [*scope.get("changes", []), *({"at": now, "act": "removed", "item": name, **change} for name in gone)]
    return merge(manifest, {"scope": scope})


def with_digests(manifest: Data, digests: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """digests: {component: {sha256, size}} of the bytes. What the manifest says otherwise is refused, all of it at once."""
    wrong = []
    components = {name: dict(component) for name, component in manifest.get("components", {}).items()}
    for name, known in digests.items():
        component = components[name]
        for key in ("sha256", "size"):
            written = component.get(key)
            if written is not None and str(written).lower() != str(known[key]):
                wrong.append(f"  components.{name}.{key}: found {written}, the bytes of {component['artifact']} have {known[key]}")
        component.update({} if "sha256" in component else known)
    if wrong:
        raise ManifestError("\n".join(["The manifest pins other bytes than there are; nothing was written.", *wrong]))
    return merge(manifest, {"components": components})


def text(manifest: Data) -> str:
    return HEADER + yaml.dump(dict(manifest), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=160)


def _act(known: Data | None, item: Data) -> str:
    """What it does to the scope; "" for nothing, such as work that goes on."""
    if known is None:
        return "added"
    if item.get("status") == "deferred" and known.get("status") != "deferred":
        return "deferred"
    back = known.get("status") == "deferred" and item.get("status", "deferred") != "deferred"
    return "changed" if back or any(item[key] != known.get(key) for key in ("title", "kind", "source") if key in item) else ""


class _Dumper(yaml.SafeDumper):
    """Without anchors, lists indented as yamllint wants them."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> Any:  # noqa: ARG002
        return super().increase_indent(flow, False)
