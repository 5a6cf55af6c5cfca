# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from datetime import date

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.compare import allow, compare, verdict

RULE = {"path": "config:shop.ini:*", "reason": "smaller machine", "owner": "team-shop", "expires": "2030-01-01"}


def snapshot(items, **collectors):
    return {"collectors": collectors or {"config": {"state": "read"}}, "items": items}


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [({}, {"value": "1"}, "added"), ({"value": "1"}, {}, "removed"), ({"value": "1"}, {"value": "2"}, "changed"), ({"value": "1"}, {"value": "1"}, None)],
)
def test_kinds(before, after, kind):
    path = "config:shop.ini:server.page_size"
    findings = compare(snapshot({path: before} if before else {}), snapshot({path: after} if after else {}))
    assert [finding["kind"] for finding in findings] == ([kind] if kind else [])


def test_a_secret_shows_neither_value_nor_fingerprint():
    old, new = ({"config:a:password": {"secret": True, "fingerprint": mark}} for mark in ("f00d", "beef"))
    (finding,) = compare(snapshot(old), snapshot(new))
    assert finding["before"] == finding["after"] == "[REDACTED]"


def test_an_unknown_collector_never_passes_even_when_a_rule_matches_all():
    blind = snapshot({}, config={"state": "unknown", "reason": "permission denied"})
    findings = allow(compare(blind, blind), [{**RULE, "path": "*"}], date(2026, 1, 1))["findings"]
    assert verdict(findings) == "inconclusive"


def test_a_declared_difference_counts_until_its_last_day():
    findings = compare(snapshot({}), snapshot({"config:shop.ini:a": {"value": "1"}}))
    assert allow(findings, [RULE], date(2030, 1, 1))["findings"] == []
    assert allow(findings, [RULE], date(2030, 1, 2))["findings"][0]["expired"]["owner"] == "team-shop"
    assert allow([], [RULE], date(2026, 1, 1))["unused"] == [RULE]
