# SPDX-License-Identifier: GPL-3.0-or-later
"""The history of a release for people: Markdown in which nothing that a commit says is markup."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

TITLES = {
    "feat": "Features",
    "fix": "Fixes",
    "perf": "Performance",
    "security": "Security",
    "revert": "Reverts",
    "refactor": "Refactoring",
    "docs": "Documentation",
    "test": "Tests",
    "build": "Build",
    "ci": "Continuous integration",
    "style": "Style",
    "chore": "Chores",
    "other": "Other commits",
    "merge": "Merges",
}
_MARKUP = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~&@:$^=\"'])")


def escape(text: str) -> str:
    """CommonMark section 2.4: any ASCII punctuation may be escaped; < > & also for the HTML that comes of it."""
    return _MARKUP.sub(r"\\\1", text).replace("\\&", "&amp;").replace("\\<", "&lt;").replace("\\>", "&gt;")


def markdown(version: str, changes: Sequence[Mapping[str, Any]]) -> str:
    """Breaking changes first; then a section for each kind, unknown kinds before other commits and merges. What was taken back is struck out."""
    lines = [f"# {escape(version)}", ""]
    breaking = [(each, text) for each in changes if not each.get("reverted_by") for text in each.get("breaking", ())]
    if breaking:
        lines += ["## Breaking changes", "", *(f"- {_scope(each)}{escape(text)} ({each['commit'][:8]})" for each, text in breaking), ""]
    kinds = list(dict.fromkeys(each["kind"] for each in changes))
    for kind in sorted(kinds, key=_place):
        mine = [each for each in changes if each["kind"] == kind]
        lines += [f"## {escape(TITLES.get(kind, kind))}", "", *map(_line, mine), ""]
    return "\n".join(lines)


def _place(kind: str) -> tuple[int, str]:
    known = list(TITLES)
    return (known.index(kind) if kind in known else known.index("other") - 1, kind)


def _line(change: Mapping[str, Any]) -> str:
    text = f"{_scope(change)}{escape(change['subject'])} ({change['commit'][:8]})"
    authors = f", {escape(', '.join(change['authors']))}" if change.get("authors") else ""
    mark = "**breaking** " if change.get("breaking") else ""
    if change.get("reverted_by"):
        return f"- ~~{text}~~ taken back by {change['reverted_by'][:8]}{authors}"
    return f"- {mark}{text}{authors}"


def _scope(change: Mapping[str, Any]) -> str:
    return f"**{escape(change['scope'])}**: " if change.get("scope") else ""
