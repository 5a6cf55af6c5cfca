# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from datetime import datetime, timezone

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._flags import stale
from ansible_collections.evenkeel.release.plugins.module_utils._flags.stale import Flag

NOW = datetime(2026, 6, 1, tzinfo=timezone.utc).timestamp()


@pytest.mark.parametrize(
    ("flag", "known", "reasons"),
    [
        (Flag("f", 100.0, changed_at="2026-05-31T00:00:00Z"), None, []),
        (Flag("f", 100.0, changed_at="2026-05-02T00:00:00Z"), None, []),
        (Flag("f", 100.0, changed_at="2026-05-01T00:00:00Z"), None, ["100 % for 31 days"]),
        (Flag("f", 0.0, changed_at="2026-01-01T00:00:00Z"), None, ["0 % for 151 days"]),
        (Flag("f", 0.0, killed=True, changed_at="2026-01-01T00:00:00Z"), None, ["killed for 151 days"]),
        (Flag("f", 0.0, created_at="2026-01-01"), None, ["0 % for 151 days"]),
        (Flag("f", 100.0), None, ["100 %, nobody knows since when"]),
        (Flag("f", 100.0, changed_at="2025-01-01T00:00:00Z", permanent=True), None, []),
        (Flag("f", 25.0, changed_at="2025-01-01T00:00:00Z"), None, []),
        (Flag("f", None, changed_at="2025-01-01T00:00:00Z"), None, []),
        (Flag("f", 25.0, expires="2026-06-01"), None, ["expired on 2026-06-01"]),
        (Flag("f", 25.0, expires="2026-06-02"), None, []),
        (Flag("f", 25.0, marked=True), ["f"], ["the server calls it stale"]),
        (Flag("f", 25.0), ["g"], ["the release doesn't know it"]),
        (Flag("f", 25.0), [], ["the release doesn't know it"]),
    ],
)
def test_reasons(flag: Flag, known: list[str] | None, reasons: list[str]) -> None:
    row = stale.report([flag], now=NOW, settled_days=30, known=known)[0]
    assert (row["reasons"], row["stale"]) == (reasons, bool(reasons))


def test_flags_that_the_release_names_and_nobody_has() -> None:
    assert stale.missing([Flag("a", 1.0)], ["b", "a"]) == ["b"]
    assert stale.missing([Flag("a", 1.0)], None) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-06-01", NOW),
        ("2026-06-01T00:00:00Z", NOW),
        ("2026-06-01T02:00:00+02:00", NOW),
        ("2026-06-01T00:00:00.1234567Z", NOW),
        ("2026-06-01T00:00:00.5Z", NOW),
        ("soon", None),
        ("", None),
        ("12.x", None),
    ],
)
def test_times(text: str, expected: float | None) -> None:
    found = stale.seconds(text)
    assert found == expected if expected is None else found is not None and abs(found - expected) < 1
