# SPDX-License-Identifier: GPL-3.0-or-later
"""Commits by Conventional Commits 1.0.0 (conventionalcommits.org): what each says of itself. An unknown form is kept as `other`, never dropped."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

_HEADER = re.compile(r"(?P<kind>[A-Za-z][A-Za-z0-9_-]*)(?:\((?P<scope>[^()\r\n]+)\))?(?P<bang>!)?: +(?P<subject>\S.*)")
# Section 8 to 12: a token, then ": " or " #"; BREAKING CHANGE is the one token with a space, and is written in capitals.
_FOOTER = re.compile(r"(?P<token>BREAKING[ -]CHANGE|[A-Za-z0-9][A-Za-z0-9-]*)(?:: | (?=#))(?P<value>.*)")
_REVERTED = re.compile(r"[Tt]his reverts commit ([0-9a-f]{7,64})")
_REVERT_SUBJECT = re.compile(r'Revert "(?P<subject>.*)"')
_IDS = re.compile(r"\b[0-9a-f]{7,64}\b")
# C0 and C1 controls, and what turns the direction of text round or hides in it: a subject must look like what it is.
_HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
MERGE, REVERT, OTHER = "merge", "revert", "other"
LONGEST = 500


class Commit(NamedTuple):
    """As git tells it: full id, ids of its parents, name of its author, whole message."""

    id: str
    parents: tuple[str, ...]
    author: str
    message: str


def changes(commits: Sequence[Commit]) -> list[dict[str, Any]]:
    """One for each commit, in the given order (newest first): {commit, kind, subject} and where there is one scope, breaking, authors, reverts, reverted_by."""
    found = [_change(commit) for commit in commits]
    by_id = {each["commit"]: each for each in found}
    for each in found:
        if each.get("reverted_by"):
            continue  # what was taken back takes nothing back
        for short in each.get("reverts", ()):
            for full in (known for known in by_id if known.startswith(short)):
                by_id[full]["reverted_by"] = each["commit"]
    return found


def suggested(found: Sequence[dict[str, Any]]) -> str:
    """major, minor or patch: what Semantic Versioning asks of what is left after reverts."""
    left = [each for each in found if not each.get("reverted_by")]
    if any(each.get("breaking") for each in left):
        return "major"
    return "minor" if any(each["kind"] == "feat" for each in left) else "patch"


def texts(found: Sequence[dict[str, Any]]) -> list[str]:
    """The changelog of a manifest: a line for each commit that is no merge and was not taken back."""
    return [line(each) for each in found if each["kind"] != MERGE and not each.get("reverted_by")]


def line(change: dict[str, Any]) -> str:
    scope = f"({change['scope']})" if change.get("scope") else ""
    breaking = f" BREAKING: {'; '.join(change['breaking'])}" if change.get("breaking") else ""
    return f"{change['kind']}{scope}: {change['subject']} ({change['commit'][:8]}){breaking}"


def clean(text: str) -> str:
    """One line without hidden characters, of a bounded length."""
    flat = " ".join(_HIDDEN.sub("", text).split())
    return flat if len(flat) <= LONGEST else flat[: LONGEST - 1] + "…"


def _change(commit: Commit) -> dict[str, Any]:
    header, _newline, rest = commit.message.strip().partition("\n")
    read = _HEADER.fullmatch(header.strip())
    footers = _footers(rest)
    kind = _kind(commit, header, read)
    change: dict[str, Any] = {"commit": commit.id, "kind": kind, "subject": clean(_subject(header, read, kind))}
    if read and read["scope"] and clean(read["scope"]):
        change["scope"] = clean(read["scope"])
    breaking = [clean(value) for token, value in footers if token in ("BREAKING CHANGE", "BREAKING-CHANGE")]
    if breaking or (read and read["bang"]):
        change["breaking"] = breaking or [change["subject"]]
    together = [clean(value.partition("<")[0]) for token, value in footers if token.lower() == "co-authored-by"]
    change["authors"] = [name for name in dict.fromkeys([clean(commit.author), *together]) if name]
    if kind == REVERT:
        named = _REVERTED.findall(rest) or [each for token, value in footers if token.lower() in ("refs", "reverts") for each in _IDS.findall(value)]
        change.update({"reverts": list(dict.fromkeys(named))} if named else {})
    return change


def _kind(commit: Commit, header: str, read: re.Match[str] | None) -> str:
    if len(commit.parents) > 1:
        return MERGE
    if _REVERT_SUBJECT.fullmatch(header.strip()):
        return REVERT
    return read["kind"].lower() if read else OTHER


def _subject(header: str, read: re.Match[str] | None, kind: str) -> str:
    if kind == REVERT and (quoted := _REVERT_SUBJECT.fullmatch(header.strip())):
        return quoted["subject"]
    return read["subject"] if read and kind != MERGE else header


def _footers(rest: str) -> list[tuple[str, str]]:
    """(token, value); a value goes on over further lines until the next token. Those of earlier paragraphs count only when they break something."""
    paragraphs = re.split(r"\n[ \t]*\n", rest.strip("\n"))
    found: list[tuple[str, str]] = []
    for number, paragraph in enumerate(paragraphs):
        inside: list[tuple[str, str]] = []
        for text in paragraph.splitlines():
            read = _FOOTER.fullmatch(text.rstrip())
            if read:
                inside.append((read["token"], read["value"]))
            elif inside:
                inside[-1] = (inside[-1][0], f"{inside[-1][1]} {text.strip()}")
        last = number == len(paragraphs) - 1
        found += [each for each in inside if last or each[0].startswith("BREAKING")]
    return found
