# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._change import risk, rules
from ansible_collections.evenkeel.release.plugins.plugin_utils._change.errors import ChangeError
from ansible_collections.evenkeel.release.tests.unit.change.world import ENVIRONMENT, NOW, SAFE, SERVICES, facts, past, scope
from hypothesis import given, settings
from hypothesis import strategies as st

Document = dict[str, Any]
LEVEL = rules.LEVELS.index


def assess(
    plan: Document | None = None, *, services: Any = SERVICES, environment: Any = ENVIRONMENT, history: Any = ..., declared: Any = SAFE, **more: Any
) -> Any:
    told = past() if history is ... else history
    return risk.assess(plan or scope(), services, environment, told, facts(**more), NOW, rules=declared)


def points(found: Document, factor: str) -> tuple[float, bool, str]:
    one = next(each for each in found["reasons"] if each["factor"] == factor)
    return one["points"] / one["of"], one["known"], one["measured"]


def test_every_factor_has_a_reason_with_its_points_and_its_way_down() -> None:
    found = assess()
    assert [one["factor"] for one in found["reasons"]] == [*rules.IMPACT, *rules.PROBABILITY]
    assert all(one["measured"] and one["lower"] and 0 <= one["points"] <= one["of"] for one in found["reasons"])
    assert found["score"] == round(100 * sum(one["points"] for one in found["reasons"]) / sum(one["of"] for one in found["reasons"]), 1)
    assert len(risk.lines(found)) == len(found["reasons"])


def test_a_safe_change_is_low_and_the_same_one_unknown_is_high() -> None:
    assert assess()["level"] == "low"
    nothing = risk.assess(scope(migration=None), {}, {"name": "production"}, None, {}, NOW)
    assert (nothing["level"], nothing["score"] > 70) == ("high", True)
    assert set(nothing["unknown"]) >= {
        "users",
        "criticality",
        "environment",
        "history",
        "rehearsal",
        "drift",
        "incidents",
        "migration",
        "peak",
        "configuration",
        "single_points",
    }
    assert "unknown" in "".join(risk.lines(nothing))


@pytest.mark.parametrize(
    ("factor", "change", "share", "known", "words"),
    [
        ("hosts", {"plan": scope()}, 2 / 50, True, "2 hosts"),
        ("hosts", {"plan": scope(services=[{"service": "shop"}])}, 1, False, "does not name the hosts"),
        ("share", {"hosts_total": 4}, 0.5, True, "2 of 4 hosts"),
        ("share", {"hosts_total": ...}, 1, False, "unknown"),
        ("zones", {}, 1 / 3, True, "1 of 3 zones"),
        ("zones", {"zones": {"s1": "a"}}, 1, False, "not every touched host"),
        ("users", {}, 10 / 100000, True, "10 users"),
        ("users", {"services": {**SERVICES, "mail": {"depends_on": ["shop"]}}}, 1, False, "mail does not declare users"),
        ("criticality", {}, 0, True, "low: shop"),
        ("criticality", {"services": {**SERVICES, "shop": {**SERVICES["shop"], "criticality": "high"}}}, 0.7, True, "high: shop"),
        ("environment", {}, 1, True, "production environment"),
        ("environment", {"environment": {"name": "dev", "tier": "development"}}, 0, True, "development"),
        ("single_points", {}, 0, True, "no service"),
        ("single_points", {"hosts_of": {**facts()["hosts_of"], "shop": ["s1"]}}, 0.5 + 0.5 / 4, True, "shop on one host; while it is down mail"),
        # a migration touches the database too; without it the shop is down, and without the shop mail is
        (
            "single_points", {"plan": scope(migration="expand"), "hosts_of": {**facts()["hosts_of"], "database": ["d1"]}}, 0.5 + 0.5 * 2 / 4, True,
            "database on one host; while it is down mail, shop can't work",
        ),
        ("single_points", {"hosts_of": ...}, 1, False, "on how many hosts shop runs"),
        ("services", {}, 1 / 5, True, "1 service changed: shop"),
        ("configuration", {"keys_changed": 25}, 0.5, True, "25 configuration keys"),
        ("artifacts", {"plan": scope(services=[{**scope()["services"][0], "artifact": ""}])}, 1, False, "not every artifact"),
        ("first_release", {"plan": scope(services=[{**scope()["services"][0], "previous": ""}])}, 1, True, "first release of shop"),
        ("strategy", {"history": past(strategy="canary")}, 1, True, "first time of shop by rolling"),
        ("staleness", {"history": past(days=45)}, 0.5, True, "45 days ago"),
        ("staleness", {"history": []}, 1, True, "never deployed"),
        ("history", {"history": past(1, 19)}, 0.05 / 0.25, True, "1 of the last 20 deployments failed"),
        ("history", {"history": past(0, 3)}, 1, True, "fewer than 5, the missing ones count as failed"),
        ("history", {"history": None}, 1, False, "unknown"),
        ("window", {}, 0, True, "inside mornings"),
        ("window", {"start": "2027-03-10T15:50:00Z", "end": "2027-03-10T15:55:00Z"}, 0.5, True, "5 minutes before mornings closes"),
        ("window", {"start": "2027-03-10T15:50:00Z", "end": "2027-03-10T16:05:00Z"}, 1, True, "after mornings closes"),
        ("window", {"start": "2027-03-11T10:00:00Z"}, 1, True, "outside every window"),
        ("window", {"duration_minutes": ...}, 1, False, "how long it takes is unknown"),
        ("window", {"environment": {"name": "production", "tier": "production"}}, 0, True, "always allowed"),
        ("peak", {"declared": {"peak": [{"name": "noon", "days": ["wed"], "from": "09:00", "to": "11:00", "timezone": "UTC"}]}}, 1, True, "during noon"),
        ("peak", {"declared": {}}, 1, False, "not declared"),
        ("rehearsal", {"rehearsal": {"passed": True, "at": "2027-02-23T10:00:00Z", "environment": "staging"}}, 0.5, True, "15 days ago in staging"),
        ("rehearsal", {"rehearsal": {"passed": False, "verdict": "expired"}}, 1, True, "expired"),
        ("migration", {"plan": scope(migration="expand")}, 0.4, True, "old version runs"),
        ("migration", {"plan": scope(migration="expand"), "one_way": ...}, 1, False, "one-way is unknown"),
        ("migration", {"plan": scope(migration="contract")}, 1, True, "does not run"),
        ("drift", {"drift": {"findings": 1, "verdict": "failed"}}, 0.2, True, "1 open finding"),
        ("drift", {"drift": {"findings": 0, "verdict": "errored"}}, 1, False, "nobody could tell"),
        ("incidents", {"incidents": [{"id": "INC1", "priority": 2}]}, 0.5, True, "INC1"),
        ("incidents", {"incidents": [{"id": "INC1"}]}, 1, True, "INC1"),
        ("incidents", {"incidents": ...}, 1, False, "unknown"),
    ],
)  # fmt: skip
def test_factors(factor: str, change: Document, share: float, known: bool, words: str) -> None:
    found, is_known, measured = points(assess(**change), factor)
    assert found == pytest.approx(share, abs=0.005)
    assert (is_known, words in measured) == (known, True), measured


@pytest.mark.parametrize(("hosts", "environment"), [(["s1"], ENVIRONMENT), ([], ENVIRONMENT)])
def test_a_freeze_is_outside_whatever_the_windows_say(hosts: Any, environment: Document) -> None:
    frozen = {**environment, "freezes": [{"name": "year end", "from": "2027-01-01T00:00:00Z", "to": "2027-04-01T00:00:00Z"}]}
    assert points(assess(environment=frozen), "window") == (1.0, True, "during the freeze year end")


def test_the_matrix_agrees_with_the_four_categories_of_itil() -> None:
    """High/high is category 1, high impact alone 2, high probability alone 3, low/low 4 (ITIL V3, Service Transition 4.2)."""
    matrix = rules.DEFAULTS["matrix"]
    assert [matrix[i][p] for i, p in itertools.product(("high", "low"), repeat=2)] == ["high", "moderate", "moderate", "low"]


def test_the_matrix_is_the_product_of_its_axes() -> None:
    """ServiceNow's lookup has nine records, impact by probability; here it is 1 to 3 times 1 to 3: from 3 on moderate, from 6 on high."""
    bands = ("low", "medium", "high")
    for (i, impact), (p, probability) in itertools.product(enumerate(bands, 1), repeat=2):
        expected = "high" if i * p >= 6 else "moderate" if i * p >= 3 else "low"
        assert rules.DEFAULTS["matrix"][impact][probability] == expected


def test_the_highest_answer_counts_and_floors_need_their_tier() -> None:
    contract = assess(scope(migration="contract"))
    assert {one["by"]: one["level"] for one in contract["says"]}["floor of migration"] == "high"
    assert contract["level"] == "high"
    assert assess(scope(migration="contract"), environment={**ENVIRONMENT, "tier": "test"})["level"] != "high"
    assert assess(scope(migration="contract"), environment={"name": "production"})["level"] == "high", "an unknown tier is the highest"


@pytest.mark.parametrize("missing", ["incidents", "rehearsal", "drift", "keys_changed", "one_way", "hosts_total", "hosts_of", "zones", "duration_minutes"])
def test_what_is_not_known_never_scores_better_than_the_worst_that_could_be_known(missing: str) -> None:
    worst = {"incidents": [{"priority": 1}] * 9, "rehearsal": {"passed": False}, "drift": {"findings": 99}, "keys_changed": 9999, "one_way": True,
             "hosts_total": 2, "hosts_of": {name: ["x"] for name in SERVICES}, "zones": {"s1": "a", "s2": "b"}, "duration_minutes": 9999}  # fmt: skip
    bad, unknown = assess(scope(migration="expand"), **{missing: worst[missing]}), assess(scope(migration="expand"), **{missing: ...})
    assert unknown["score"] >= bad["score"]
    assert LEVEL(unknown["level"]) >= LEVEL(bad["level"])


TIMES = ["2027-03-09T00:00:00Z", "2027-01-01T00:00:00Z"]
INCIDENT = st.fixed_dictionaries({"id": st.just("I"), "priority": st.integers(1, 5)})
NUMBERS = st.one_of(st.just(...), st.integers(0, 200), st.floats(0, 500))
FACTS = st.fixed_dictionaries(
    {
        "hosts_total": st.one_of(st.just(...), st.integers(2, 100)),
        "keys_changed": NUMBERS,
        "duration_minutes": st.one_of(st.just(...), st.integers(0, 600)),
        "one_way": st.sampled_from([..., False, True]),
        "incidents": st.one_of(st.just(...), st.lists(INCIDENT, max_size=4)),
        "drift": st.one_of(st.just(...), st.fixed_dictionaries({"findings": st.integers(0, 30), "verdict": st.just("failed")})),
        "rehearsal": st.one_of(st.just(...), st.fixed_dictionaries({"passed": st.booleans(), "at": st.sampled_from(TIMES)})),
    }
)  # fmt: skip


def _worse_number(key: str, by: float) -> Callable[[Document], Document]:
    return lambda known: {**known, key: known[key] + by if known.get(key, ...) is not ... else ...}


WORSE: dict[str, Callable[[Document], Document]] = {
    "more keys": _worse_number("keys_changed", 7),
    "longer": _worse_number("duration_minutes", 90),
    "more drift": lambda known: {**known, "drift": {**known["drift"], "findings": known["drift"]["findings"] + 1} if known["drift"] is not ... else ...},
    "an incident more": lambda known: {**known, "incidents": [*known["incidents"], {"id": "J", "priority": 4}] if known["incidents"] is not ... else ...},
    "a worse incident": lambda known: {**known, "incidents": [{**one, "priority": 1} for one in known["incidents"]] if known["incidents"] is not ... else ...},
    "an older rehearsal": lambda known: {**known, "rehearsal": {**known["rehearsal"], "at": "2026-01-01T00:00:00Z"} if known["rehearsal"] is not ... else ...},
    "a failed rehearsal": lambda known: {**known, "rehearsal": {**known["rehearsal"], "passed": False} if known["rehearsal"] is not ... else ...},
    "one-way": lambda known: {**known, "one_way": True if known["one_way"] is not ... else ...},
    **{f"{key} unknown": (lambda known, key=key: {**known, key: ...}) for key in ("hosts_total", "keys_changed", "one_way", "incidents", "drift", "rehearsal")},
}  # fmt: skip
ORDERED = {"migration": ["none", "expand", "contract", None], "strategy": ["rolling", "canary"]}


@settings(max_examples=150, deadline=None)
@given(known=FACTS, worse=st.sampled_from(sorted(WORSE)), migration=st.sampled_from(ORDERED["migration"]), failed=st.integers(0, 6), good=st.integers(0, 12))
def test_worse_facts_never_lower_the_risk(known: Document, worse: str, migration: Any, failed: int, good: int) -> None:
    plan = scope(migration=migration)
    before, after = assess(plan, history=past(failed, good), **known), assess(plan, history=past(failed, good), **WORSE[worse](known))
    assert after["score"] >= before["score"], worse
    assert LEVEL(after["level"]) >= LEVEL(before["level"]), worse


TIERS = [*rules.TIERS, None]
CRITICAL = [*rules.CRITICALITIES, None]


CASE = st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 2), st.integers(0, 5), st.integers(1, 25))


@settings(max_examples=150, deadline=None)
@given(known=FACTS, case=CASE, data=st.data())
def test_a_worse_plan_environment_or_history_never_lowers_the_risk(known: Document, case: tuple[int, ...], data: Any) -> None:
    tier, critical, migration, failed, good = case

    def ask(tier: int, critical: int, migration: int, history: Any, plan: Document) -> Any:
        services = {**SERVICES, "shop": {key: value for key, value in {**SERVICES["shop"], "criticality": CRITICAL[critical]}.items() if value}}
        environment = {key: value for key, value in {**ENVIRONMENT, "tier": TIERS[tier]}.items() if value}
        return assess({**plan, "migration": ORDERED["migration"][migration]}, services=services, environment=environment, history=history, **known)

    plan, past_ones = scope(), past(failed, good)
    more = {**plan, "services": [*plan["services"], {**plan["services"][0], "service": "search", "artifact": "b" * 64}]}
    new = {**plan, "services": [{**plan["services"][0], "previous": ""}]}
    blamed = [{**one, "verdict": "failed"} if number == 0 else one for number, one in enumerate(past_ones)]
    worse = {
        "tier": (tier + 1, critical, migration, past_ones, plan),
        "criticality": (tier, critical + 1, migration, past_ones, plan),
        "migration": (tier, critical, migration + 1, past_ones, plan),
        "a failure": (tier, critical, migration, [*past_ones, past(1, 0)[0]], plan),
        "a failure instead": (tier, critical, migration, blamed, plan),
        "no history": (tier, critical, migration, None, plan),
        "a service more": (tier, critical, migration, past_ones, more),
        "a first release": (tier, critical, migration, past_ones, new),
    }
    name = data.draw(st.sampled_from(sorted(worse)))
    before, after = ask(tier, critical, migration, past_ones, plan), ask(*worse[name])
    assert after["score"] >= before["score"], name
    assert LEVEL(after["level"]) >= LEVEL(before["level"]), name


def test_the_same_input_gives_the_same_answer() -> None:
    assert assess() == assess()


@pytest.mark.parametrize(("start", "end"), [("yesterday", None), ("2027-03-10T10:00:00", None), ("2027-03-10T12:00:00Z", "2027-03-10T11:00:00Z")])
def test_a_time_that_is_none_is_refused(start: str, end: Any) -> None:
    with pytest.raises(ChangeError):
        assess(start=start, end=end if end else ...)


@pytest.mark.parametrize(
    ("closed", "priorities", "score"),
    [([], [], 0), (["successful"] * 3, [], 9), (["successful", "successful_issues", "unsuccessful"], [], -4), (["successful"], [1, 2, 3, 4], -14)],
)
def test_success_score_has_the_multipliers_of_servicenow(closed: list[str], priorities: list[int], score: int) -> None:
    assert risk.success_score(closed, priorities) == score
