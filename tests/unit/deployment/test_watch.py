# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.action import release_watch
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import watch
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.acts import Span, acts
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.watch_documents import budgets, documents, standing, time_before, usual
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.check import check
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.source import Source
from ansible_collections.evenkeel.release.tests.unit.deployment.ledger_of import ENVIRONMENT, Ledger
from hypothesis import given
from hypothesis import strategies as st

HOUR = 3600.0
DAY = 24 * HOUR
P95 = {"name": "p95", "kind": "gauge", "query": "p95", "direction": "increase", "highest": 0.5}
ERRORS = {"name": "errors", "kind": "ratio", "query": {"events": "e", "of": "n"}, "objective": 0.999, "burn": True}
GUARD: dict[str, Any] = {"prometheus": {"url": "http://127.0.0.1:9090"}, "metrics": [P95, ERRORS], "on_bad": "rollback"}


def ledger_of(*releases: str, every: float = DAY) -> Ledger:
    ledger = Ledger()
    for number, release in enumerate(releases):
        ledger.deploy(release, (number + 1) * every)
    return ledger


def chosen(ledger: Ledger, now: float, *, deployed: str, **more: Any) -> tuple[str, str, bool]:
    found = watch.choose(acts(ledger.entries, ENVIRONMENT), service="shop", deployed=deployed, guard=GUARD, now=now, **more)
    return (found.act.release if found.act else "", found.why, found.refused)


def test_what_serves_is_watched() -> None:
    ledger = ledger_of("1.0.0", "1.1.0")
    assert chosen(ledger, 2 * DAY + 60, deployed="1.1.0") == ("1.1.0", "", False)
    assert chosen(ledger, 2 * DAY + 60, deployed="1.1.0", version="1.1.0")[0] == "1.1.0"
    assert chosen(ledger, 2 * DAY + 60, deployed="1.1.0", deployment=acts(ledger.entries, ENVIRONMENT)[1].id)[0] == "1.1.0"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"version": "1.0.0"}, "1.0.0 does not serve shop: it was replaced by 1.1.0 at 1970-01-03T00:00:10Z"),
        ({"version": "9.9.9"}, "9.9.9 does not serve shop"),
        ({"deployment": "0000-deployment"}, "1.0.0 does not serve shop"),
    ],
)
def test_a_release_that_was_replaced_is_refused(more: dict[str, str], said: str) -> None:
    release, why, refused = chosen(ledger_of("1.0.0", "1.1.0"), 2 * DAY + 60, deployed="1.1.0", **more)
    assert (release, refused) == ("", True)
    assert said in why


def test_another_deployment_since_ends_the_watch() -> None:
    for verdict, word in (("", "is being deployed"), ("failed", "was tried and went back")):
        ledger = ledger_of("1.0.0", "1.1.0")
        ledger.deploy("1.2.0", 2 * DAY + 600, verdict=verdict)
        release, why, refused = chosen(ledger, 2 * DAY + 700, deployed="1.1.0")
        assert (release, refused) == ("", False)
        assert f"1.2.0 {word} since 1970-01-03T00:10:00Z" in why
        assert chosen(ledger, 2 * DAY + 700, deployed="1.1.0", version="1.1.0")[2]


def test_without_anything_to_watch_it_says_why() -> None:
    ledger = ledger_of("1.0.0")
    assert chosen(Ledger(), 0, deployed="")[1] == "the ledger knows no deployment of shop that ended well"
    assert "whose deployment was the last one" in chosen(ledger, DAY + 60, deployed="")[1]
    assert "were over at 1970-01-02T01:00:10Z" in chosen(ledger, 3 * DAY, deployed="1.0.0")[1]
    assert chosen(ledger, 3 * DAY, deployed="1.0.0", version="1.0.0")[0] == "1.0.0", "one that was asked for is looked at late too"


def spans(ledger: Ledger, **guard: Any) -> list[str]:
    known = acts(ledger.entries, ENVIRONMENT)
    return [span.release for span in watch.earlier(ledger.entries, known, known[-1], "shop", {**GUARD, **guard})]


def test_earlier_releases_are_the_last_stable_ones() -> None:
    ledger = ledger_of("1.0.0", "1.1.0", "1.2.0", "1.3.0", "1.4.0")
    assert spans(ledger) == ["1.3.0", "1.2.0", "1.1.0"]
    assert spans(ledger, earlier=1) == ["1.3.0"]
    assert spans(ledger, earlier=0) == []
    ledger.add("mark", "fact", 9 * DAY, release="1.2.0", state="bad")
    assert spans(ledger) == ["1.3.0", "1.1.0", "1.0.0"]
    deployment = next(entry["id"] for entry in ledger.entries if entry["release"] == "1.3.0")
    ledger.add("validation", "fact", 9 * DAY, release="1.3.0", subject="watch/shop", deployment=deployment, verdict="failed")
    assert spans(ledger) == ["1.1.0", "1.0.0"]


def test_a_release_that_was_taken_back_within_its_hour_is_not_stable() -> None:
    ledger = ledger_of("1.0.0", "1.1.0")
    ledger.deploy("1.0.0", 2 * DAY + 1200, kind="rollback")
    ledger.deploy("1.2.0", 3 * DAY)
    assert spans(ledger) == ["1.0.0"], "nor is the rollback one of a release"
    assert spans(ledger, minutes=10) == ["1.1.0", "1.0.0"]
    ledger.deploy("1.1.0", 4 * DAY)
    assert spans(ledger, minutes=10) == ["1.2.0", "1.0.0"], "a release is not compared with itself"


def test_the_time_before_belongs_to_one_release() -> None:
    ledger = ledger_of("1.0.0", "1.1.0")
    known = acts(ledger.entries, ENVIRONMENT)
    at = 2 * DAY + 10
    assert watch.span(known, known[1], "shop", GUARD) == Span("1.1.0", at - 1 - 2 * HOUR, at - 1, at, at + HOUR, "shop_green")
    ledger.deploy("1.2.0", 2 * DAY + 1800)
    known = acts(ledger.entries, ENVIRONMENT)
    assert watch.span(known, known[2], "shop", GUARD).before == 2 * DAY + 20, "the deployment before ended then"


@given(st.lists(st.floats(30, 3 * HOUR), min_size=1, max_size=8), st.floats(1, 120), st.integers(0, 5))
def test_windows_never_overlap_another_deployment(pauses: list[float], minutes: float, earlier: int) -> None:
    ledger, now = Ledger(), 0.0
    for number, pause in enumerate(pauses):
        now += pause
        ledger.deploy(f"1.{number}.0", now)
    known = acts(ledger.entries, ENVIRONMENT)
    guard = {**GUARD, "minutes": minutes, "earlier": earlier}
    found = watch.earlier(ledger.entries, known, known[-1], "shop", guard)
    assert len(found) <= earlier
    assert known[-1].release not in [span.release for span in found]
    for span in [*found, watch.span(known, known[-1], "shop", guard)]:
        assert span.before <= span.met <= span.at < span.until
        assert not any(span.before < act.services["shop"].at <= span.met for act in known)
    for span in found:
        assert not any(span.at < act.began < span.until for act in known)


BLAMED: dict[str, Any] = {"service": "shop", "guard": GUARD, "blamed": True}


def test_when_a_release_is_taken_back() -> None:
    ledger = ledger_of("1.0.0", "1.1.0")
    known = acts(ledger.entries, ENVIRONMENT)
    assert watch.no_way_back(known, known[1], now=2 * DAY + 900, **BLAMED) == ""
    for change, at, said in (
        ({"guard": {**GUARD, "on_bad": "tell"}}, 900, "tell"),
        ({"guard": {key: GUARD[key] for key in ("prometheus", "metrics")}}, 900, "tell"),
        ({"blamed": False}, 900, "not the likely cause"),
        ({}, 2 * HOUR, "over long ago"),
    ):
        assert said in watch.no_way_back(known, known[1], now=2 * DAY + at, **{**BLAMED, **change})
    assert "deployment of 1.1.0 has begun since" in watch.no_way_back(known, known[0], now=DAY + 900, **BLAMED)
    other = ledger_of("1.0.0", "1.1.0")
    other.deploy("1.0.0", 2 * DAY + 300, kind="rollback")
    known = acts(other.entries, ENVIRONMENT)
    assert "came by a rollback itself" in watch.no_way_back(known, known[2], now=2 * DAY + 400, **BLAMED)
    other.deploy("5.0.0", 2 * DAY + 400, service="basket", verdict="")
    known = acts(other.entries, ENVIRONMENT)
    assert "deployment of 5.0.0 has begun since" in watch.no_way_back(known, known[1], now=2 * DAY + 500, **BLAMED), "another service's counts as well"


def test_a_final_verdict_is_found_again() -> None:
    ledger = ledger_of("1.0.0")
    deployment = ledger.entries[0]["id"]
    for verdict, service in (("errored", "shop"), ("passed", "basket")):
        ledger.add("validation", "fact", DAY + HOUR, subject=f"watch/{service}", deployment=deployment, verdict=verdict)
    assert watch.recorded(ledger.entries, deployment, "shop") is None
    ledger.add("validation", "fact", DAY + HOUR, subject="watch/shop", deployment=deployment, verdict="failed")
    entry = watch.recorded(ledger.entries, deployment, "shop")
    assert entry is not None
    assert entry["body"]["verdict"] == "failed"


def test_more_points_than_prometheus_gives_are_said_beforehand() -> None:
    watch.check({"shop": {"guard": {**GUARD, "step": 1, "before_minutes": 180}}}, today=date(2026, 1, 1))
    with pytest.raises(DeploymentError, match=r"^Service shop, guard\.step: found 1, allowed 1\.09 or more: Prometheus .* of 200 compared minutes"):
        watch.check({"shop": {"guard": {**GUARD, "step": 1, "before_minutes": 200}}}, today=date(2026, 1, 1))


def test_a_watch_that_is_too_short_to_pass_is_said_beforehand() -> None:
    watch.check({"shop": {"guard": {**GUARD, "step": 15, "minutes": 5}}}, today=date(2026, 1, 1))
    watch.check({"shop": {"guard": {**GUARD, "metrics": [{**P95, "min_samples": 4}], "step": 60, "minutes": 5}}}, today=date(2026, 1, 1))
    with pytest.raises(DeploymentError, match=r"guard\.minutes: found 5 with a step of 60 s, allowed 20 or more: metrics\[0\] needs 20 points"):
        watch.check({"shop": {"guard": {**GUARD, "step": 60, "minutes": 5}}}, today=date(2026, 1, 1))


def test_what_the_judge_cannot_take_is_said_beforehand() -> None:
    def checked(*metrics: dict[str, Any]) -> None:
        watch.check({"shop": {"guard": {**GUARD, "metrics": list(metrics)}}, "database": {}}, today=date(2026, 1, 1))

    checked(P95, ERRORS)
    for metrics, said in (
        ([P95, {**ERRORS, "kind": "ratioo"}], r"Service shop, guard\.metrics\[1\]\.kind: found .*ratioo"),
        ([{**P95, "tolerence": 1}], "tolerence"),
        ([P95, {key: ERRORS[key] for key in ("name", "kind", "query", "burn")}], r"guard\.metrics\[1\]\.burn: found burn of a ratio"),
        ([P95, P95], "found p95 2 times"),
    ):
        with pytest.raises(DeploymentError, match=said):
            checked(*metrics)


SPAN = Span("1.1.0", 1000.0, 8200.0, 8210.0, 11810.0)
BEFORE = [Span(f"1.0.{number}", 0.0, 10.0, 20.0 + number, 3620.0 + number) for number in range(3)]


def test_documents_ask_for_their_windows() -> None:
    document = usual(GUARD, SPAN, now=9110.0)
    assert document["fractions"] == [0.25]
    assert [metric["canary"]["start"] for metric in document["metrics"]] == [8210.0, 8210.0]
    assert document["metrics"][0] == {
        "name": "p95", "kind": "gauge", "direction": "increase",
        "canary": {"query": "p95", "start": 8210.0, "end": 9110.0}, "baseline": {"query": "p95", "start": 1000.0, "end": 8200.0},
    }  # fmt: skip
    assert usual(GUARD, SPAN, now=99999.0)["metrics"][0]["canary"]["end"] == 11810.0, "never beyond the hour"


def test_the_hour_is_compared_with_earlier_ones_by_quarters() -> None:
    assert standing(GUARD, SPAN, BEFORE, part=0)["metrics"] == []
    document = standing(GUARD, SPAN, BEFORE, part=2)
    assert document["fractions"] == [0.25, 0.5]
    assert document["metrics"][0]["highest"] == 0.5
    assert [(each["start"], each["end"]) for each in document["metrics"][0]["earlier"]] == [(20.0, 1820.0), (21.0, 1821.0), (22.0, 1822.0)]
    assert "objective" not in document["metrics"][1], "the burn rate watches the objective of a ratio"
    assert [metric["name"] for metric in standing(GUARD, SPAN, [], part=4)["metrics"]] == ["p95"], "without earlier releases only its limit is left"
    before = time_before(document, SPAN)
    assert before["metrics"][0]["canary"] == {"query": "p95", "start": 6400.0, "end": 8200.0}
    assert before["metrics"][0]["earlier"] == document["metrics"][0]["earlier"]


def test_budgets_reach_back_for_days() -> None:
    document = budgets(GUARD, SPAN, now=9110.0)
    assert [metric["name"] for metric in document["metrics"]] == ["errors"]
    assert document["metrics"][0]["canary"] == {"query": {"events": "e", "of": "n"}, "start": 8200.0 - 3 * DAY, "end": 9110.0, "step": 60.0}


@given(st.floats(8210.0, 20000.0))
def test_a_document_has_something_to_ask(now: float) -> None:
    for document in documents(GUARD, SPAN, BEFORE, now=now):
        assert document["metrics"]
        for metric in document["metrics"]:
            for asked in [metric["canary"], metric.get("baseline"), *metric.get("earlier", [])]:
                assert asked is None or asked["start"] <= asked["end"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, ""),
        ({"minutes": 0}, "guard.minutes"),
        ({"on_bad": "panic"}, "guard.on_bad"),
        ({"metrics": []}, "guard.metrics"),
        ({"metrics": [{**P95, "canary": {"query": "x"}}]}, "guard.metrics[0].canary"),
        ({"metrics": [{"name": "p95", "kind": "gauge"}]}, "guard.metrics[0].query"),
        ({"look_back": 3}, "guard.look_back"),
    ],
)
def test_the_schema_of_a_guard(change: dict[str, Any], said: str) -> None:
    faults = check("services", {"shop": {"engine": "application", "guard": {**GUARD, **change}}}, today=date(2026, 1, 1), source=Source("services"))
    assert [fault.path for fault in faults if ".guard" in fault.path] == ([f"shop.{said}"] if said else [])


def test_several_services_are_looked_at_until_the_last_hour_is_over():
    """The pause is the shortest of all, so the number of looks has to reach as far with it."""
    common = {"verdict": "passed", "over": False, "rollback": False, "deployment": "d", "text": "", "record": False}
    quick = {**common, "service": "cart", "every": 10.0, "left": 60.0, "looks": 7}
    slow = {**common, "service": "shop", "every": 60.0, "left": 3600.0, "looks": 61}
    found = release_watch._together([quick, slow])
    assert (found["every"], found["looks"], found["over"]) == (10.0, 361, False)
    assert release_watch._together([{**slow, "over": True}])["looks"] == 0
