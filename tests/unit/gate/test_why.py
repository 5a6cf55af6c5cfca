# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate import why
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.engine import decide
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.needed import needs
from ansible_collections.evenkeel.release.plugins.plugin_utils._governance import asked
from ansible_collections.evenkeel.release.plugins.plugin_utils._report import why_page
from hypothesis import given
from hypothesis import strategies as st

EVIDENCE: dict[str, Any] = {
    "now": "2027-01-15T10:00:00Z",
    "act": "promote",
    "environment": {"name": "production", "tier": "production", "owner": "platform", "required_approvals": 2},
    "release": {"version": "1.1.0", "owner": "shop team", "type": "minor"},
    "upstream": {"drift": {"findings": 3, "observed_at": "2027-01-14T10:00:00Z"}, "verified": False, "runs_release": True},
    "ledger": {"approvals": [{"approver": "ann"}], "verified_in": ["development"]},
    "limit": 2,
}

NEEDS: list[tuple[str, bool, list[tuple[dict[str, Any], str]]]] = [
    ("upstream.drift.findings == `0`", True, [({"upstream.drift.findings": 3}, "upstream.drift.findings == 0")]),
    ("upstream.drift.findings <= limit", True, [({"upstream.drift.findings": 3}, "upstream.drift.findings <= limit (now 2)")]),
    ("`0` == upstream.drift.findings", True, [({"upstream.drift.findings": 3}, "upstream.drift.findings == 0")]),
    ("`5` < upstream.drift.findings", True, [({"upstream.drift.findings": 3}, "upstream.drift.findings > 5")]),
    ("upstream.drift.findings > `2`", False, [({"upstream.drift.findings": 3}, "upstream.drift.findings <= 2")]),
    ("release.type != 'minor'", True, [({"release.type": "minor"}, "release.type != 'minor'")]),
    ("upstream.verified", True, [({"upstream.verified": False}, "upstream.verified true")]),
    ("!(upstream.runs_release)", True, [({"upstream.runs_release": True}, "upstream.runs_release false")]),
    ("upstream.verified && upstream.runs_release", True, [({"upstream.verified": False}, "upstream.verified true")]),
    (
        "upstream.verified && upstream.drift.findings == `0`",
        True,
        [({"upstream.verified": False}, "upstream.verified true"), ({"upstream.drift.findings": 3}, "upstream.drift.findings == 0")],
    ),
    (
        "upstream.verified || upstream.drift.findings < `3`",
        True,
        [({"upstream.verified": False, "upstream.drift.findings": 3}, "upstream.verified true or upstream.drift.findings < 3")],
    ),
    # Forbidden is either: both must go.
    (
        "upstream.drift.findings > `2` || upstream.runs_release",
        False,
        [({"upstream.drift.findings": 3}, "upstream.drift.findings <= 2"), ({"upstream.runs_release": True}, "upstream.runs_release false")],
    ),
    (
        "younger_than(upstream.drift.observed_at, '1h')",
        True,
        [({"upstream.drift.observed_at": "2027-01-14T10:00:00Z"}, "upstream.drift.observed_at younger than '1h'")],
    ),
    ("contains(ledger.verified_in, 'staging')", True, [({"ledger.verified_in": ["development"]}, "ledger.verified_in holds 'staging'")]),
    ("upstream.tests.failures == `0`", True, [({"upstream.tests.failures": None}, "upstream.tests.failures == 0")]),
    ("length(ledger.approvals) >= `2`", True, [({"length(ledger.approvals)": 1}, "length(ledger.approvals) >= 2")]),
    ("`1` == `1`", True, []),
    ("nonsense(", True, [({}, "the condition nonsense( true")]),
]


@pytest.mark.parametrize(("condition", "wanted", "expected"), NEEDS)
def test_what_is_needed_follows_from_the_condition(condition: str, wanted: bool, expected: list[tuple[dict[str, Any], str]]) -> None:
    assert [(dict(need.found), need.needed) for need in needs(condition, wanted=wanted, evidence=EVIDENCE)] == expected


def policy(*rules: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": "promotion", "description": "d", "rules": list(rules), **more}


def rule(name: str, condition: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "effect": "require", "condition": condition, "reason": "Because.", "remedy": f"Mend {name}.", **more}


RULES = (
    rule("low", "upstream.verified", severity="low"),
    rule("unknown", "upstream.tests.failures == `0`", severity="critical"),
    rule("grave", "upstream.drift.findings == `0`", severity="critical", owner="platform team"),
    rule("warns", "upstream.verified", enforcement="warn"),
    rule("agrees", "upstream.runs_release"),
)


def answered(width: int = 110, standing: tuple[dict[str, Any], ...] = (), *rules: dict[str, Any]) -> dict[str, Any]:
    decision = decide([policy(*(rules or RULES))], EVIDENCE, act="promote", environment=EVIDENCE["environment"], deployer="dora")
    return why.answer(decision, EVIDENCE, width=width, standing=standing)


def test_what_refuses_comes_first_the_gravest_first() -> None:
    rows = answered()["rows"]
    assert [(row["rule"], row["state"]) for row in rows] == [
        ("promotion/grave", "refused"),
        ("environment/approvals", "refused"),
        ("promotion/low", "refused"),
        ("promotion/unknown", "could not tell"),
        ("promotion/warns", "warned"),
    ]
    assert [row["who"] for row in rows[:3]] == ["platform team", "platform, the owner of production", "shop team, the owner of the release"]
    assert rows[1]["needed"] == ["approvals by 2 different people"]
    assert rows[0]["next"] == "Mend grave."


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
def test_the_table_fits_and_is_aligned(width: int) -> None:
    text = answered(width)["text"]
    lines = text.splitlines()
    assert max(map(len, lines)) <= width
    assert lines[0].startswith("promote 1.1.0 to production: not now. 4 of 6 rules")
    head = next(line for line in lines if line.startswith("RULE"))
    starts = [head.index(word) for word in ("RULE", "FOUND", "NEEDED", "WHO, WHAT NEXT")]
    body = lines[lines.index(head) + 2 :]
    for start in starts[1:]:  # nothing of a column before reaches into the gap
        assert all(line[start - 2 : start].strip() == "" for line in body)
    ends = [*starts[1:], None]
    columns = ["".join("".join(line[start:end].split()) for line in body) for start, end in zip(starts, ends)]
    parts = ("promotion/grave", "upstream.drift.findings=3", "upstream.drift.findings==0", "platformteam:Mendgrave.")
    assert all(part in column for part, column in zip(parts, columns))


def test_nothing_stands_against_it() -> None:
    allowed = why.answer(decide([policy(RULES[4])], EVIDENCE, act="promote", environment={"name": "production"}), EVIDENCE)
    assert allowed["verdict"] == "passed"
    assert allowed["text"] == "promote 1.1.0 to production: nothing stands against it. 1 of 1 rules agree."


@given(st.text(max_size=300), st.integers(60, 160))
def test_whatever_the_texts_are_the_table_fits(text: str, width: int) -> None:
    given_rule = rule("a-rule", "upstream.verified", owner=text or "x")
    lines = answered(width, (), {**given_rule, "remedy": text or "x"})["text"].splitlines()
    assert max(map(len, lines)) <= width


ENTRY = {"id": "1", "time": "2027-01-15T09:00:00Z", "actor": {"name": "bob"}, "environment": "production", "release": "1.1.0", "subject": "", "phase": "fact"}


def test_what_the_deployment_itself_refuses_is_in_the_table() -> None:
    entries = [{**ENTRY, "kind": "hold", "body": {"state": "held", "reason": "slow"}}, {**ENTRY, "kind": "mark", "body": {"state": "bad"}}]
    opened = [{**ENTRY, "kind": "deployment", "phase": "intent", "body": {}}, {**ENTRY, "kind": "step", "phase": "intent", "body": {}}]
    rows = asked.standing(entries, opened, environment=EVIDENCE["environment"], release="1.1.0")
    assert [row["rule"] for row in rows] == ["deployment/interrupted", "deployment/marked-bad", "deployment/held-back"]
    found = answered(110, tuple(rows), RULES[4])
    assert found["verdict"] == "failed"
    assert "evenkeel.release.recover" in " ".join(found["text"].split())
    assert asked.standing(entries, [], environment=EVIDENCE["environment"], release="1.2.0") == []


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_has_the_rows_and_escapes_them() -> None:
    nasty = rule("nasty", "release.type == '<script>alert(1)</script>'", remedy="<img src=x onerror=alert(1)>")
    reader = Reader()
    reader.feed(why_page.page(answered(110, (), nasty), at="2027-01-15T10:00:00Z"))
    assert "script" not in reader.tags
    assert "img" not in reader.tags
    assert "<script>alert(1)</script>" in reader.text
    assert "promotion/nasty" in reader.text
    assert reader.tags.count("tr") == 3
