# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._purge.policy import PurgeError, read, seconds

RULE = {"table": "public.orders", "column": "placed_at", "older_than": "90d", "reason": "test runs"}


def document(*rules: Any, **more: Any) -> dict[str, Any]:
    return {"name": "shop", "rules": list(rules), **more}


def faults(given: dict[str, Any], **words: str) -> str:
    with pytest.raises(PurgeError) as caught:
        read(given, **words)
    return str(caught.value)


def test_ages() -> None:
    assert [seconds(text) for text in ("30s", "15m", "8h", "7d", "2w")] == [30, 900, 28800, 604800, 1209600]
    assert [seconds(text) for text in ("0d", "7", "-1d", "1y", 7, None)] == [None] * 6


def test_an_age_comes_from_the_rule_then_the_environment_then_the_class_or_is_the_ttl() -> None:
    by_class = {**RULE, "class": "test"}
    del by_class["older_than"]
    given = document(RULE, by_class, {**RULE, "older_than": "ttl"}, classes={"test": "30d"}, environments={"staging": {"test": "7d"}})
    assert [rule.age for rule in read(given, environment="staging", ttl="8h").rules] == ["90d", "7d", "8h"]
    assert [rule.age for rule in read(given, environment="other", ttl="8h").rules] == ["90d", "30d", "8h"]
    assert read(given, ttl="8h").rules[0].before(datetime(2026, 4, 1, tzinfo=timezone.utc)).isoformat() == "2026-01-01T00:00:00+00:00"


def test_every_fault_is_told_at_once() -> None:
    given = document(
        {"table": "t", "column": "c", "reason": "r"},
        {"table": "t", "column": "c", "older_than": "ttl", "reason": "r"},
        {"table": "t", "column": "c", "older_than": "1y", "reason": " ", "colour": 1},
        {"table": "t", "column": "c", "older_than": "1d", "reason": "r", "unit": "days", "where": [{"column": "x", "op": "~", "value": 1}]},
        extra=1,
        production="yes",
        classes={"test": "soon"},
    )
    text = faults(given)
    for said in (
        "extra: unknown key",
        "production: true or false",
        "classes.test: found 'soon'",
        "rules[0].older_than: an age like 90d is needed",
        "rules[1].older_than: is 'ttl', but the environment has none",
        "rules[2].reason: a text is needed",
        "rules[2].colour: unknown key",
        "rules[2].older_than: found '1y'",
        "rules[3].unit: found 'days'",
        "rules[3].where[0].op: found '~'",
    ):
        assert said in text


@pytest.mark.parametrize("where", [{"column": "x"}, [{"column": "x", "op": "in", "value": []}], [{"column": "x", "op": "=", "value": None}], ["x"]])
def test_conditions_are_plain(where: Any) -> None:
    assert "where" in faults(document({**RULE, "where": where}))


def test_rules_are_needed() -> None:
    assert "rules: a list" in faults({"name": "shop"})
