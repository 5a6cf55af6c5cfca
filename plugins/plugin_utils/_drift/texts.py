# SPDX-License-Identifier: GPL-3.0-or-later
"""Which findings are of a changed text, and their diffs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._restore.contents import redacted
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.severity import LEVELS
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.store import Broken, Missing, Objects
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.store_bytes import NAME
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.textdiff import text_diff

FILE = "file:"
MOST, LARGEST = 20, 65536
# All of them go into one entry of the ledger.
MAX_LINES, MAX_BYTES = 100, 8192
Findings = Sequence[Mapping[str, Any]]
# {path: (content before, digest now)}
Known = Mapping[str, tuple[bytes, str]]


def wanted(findings: Findings) -> dict[str, tuple[str, str]]:
    """{path: (digest before, digest now)} of files whose content changed, the worst findings first; never of a secret."""
    found = {}
    for finding in sorted(findings, key=lambda finding: LEVELS.index(finding["severity"])):
        before, after = finding["before"] or {}, finding["after"] or {}
        digests = str(before.get("sha256", "")), str(after.get("sha256", ""))
        plain = "secret" not in before and "secret" not in after
        if finding["kind"] == "changed" and finding["path"].startswith(FILE) and plain and all(map(NAME.fullmatch, digests)):
            found[finding["path"][len(FILE) :]] = digests
    return found


def known(store: Objects, files: Mapping[str, tuple[str, str]]) -> dict[str, tuple[bytes, str]]:
    """Those of which the store has the content from before. Only a report: a damaged one is shown as none, not refused."""
    found: dict[str, tuple[bytes, str]] = {}
    for path, (before, after) in files.items():
        if len(found) == MOST:
            break
        try:
            data = store.get(before)
        except (Missing, Broken):
            continue
        if len(data) <= LARGEST and redacted(data) is not None:
            found[path] = data, after
    return found


def with_diffs(findings: Findings, before: Known, now: Mapping[str, str]) -> list[dict[str, Any]]:
    """now: what the host showed of its texts, secrets hidden already."""
    result = []
    for finding in findings:
        path = str(finding["path"]).removeprefix(FILE)
        diff = _diff(path, before[path][0], now[path]) if path in before and path in now and str(finding["path"]).startswith(FILE) else ""
        result.append({**finding, **({"diff": diff} if diff else {})})
    return result


def _diff(path: str, before: bytes, now: str) -> str:
    return text_diff((redacted(before) or "").encode(), now.encode(), name=path, max_lines=MAX_LINES, max_bytes=MAX_BYTES)
