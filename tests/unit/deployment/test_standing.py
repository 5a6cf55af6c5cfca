# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a release stands: tables after Kargo's semantics (availability, soak, approval) and what Kargo has not (expiry, revocation)."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import occupancy, stages, verifications
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.stages import Stage
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.standing import refuse, runs_in, standing
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import views
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.ids import at as stamped

HOUR, DAY = 3600, 86400
START = 1_800_000_000
R = "1.1.0"


def time(at: float) -> str:
    return stamped(round((START + at) * 1e6))


class Ledger:
    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []

    def add(self, kind: str, phase: str, at: float, place: str, release: str, **body: Any) -> None:
        entry = {"id": f"{len(self.entries):04d}", "kind": kind, "phase": phase, "time": time(at), "environment": place, "release": release, "subject": ""}
        self.entries.append({**entry, "actor": {"name": "ada"}, "body": body})

    def deploy(
        self, place: str, at: float, release: str = R, *, services: tuple[str, ...] = ("shop",), verdict: str = "passed", kind: str = "deployment"
    ) -> None:
        self.add(kind, "outcome", at, place, release, verdict=verdict, services=dict.fromkeys(services, release), intent="x")

    def verify(self, place: str, at: float, release: str = R, verdict: str = "passed", **more: Any) -> None:
        self.add("verification", "fact", at, place, release, verdict=verdict, **more)

    def revoke(self, place: str, at: float, release: str = R) -> None:
        self.add("verification", "fact", at, place, release, **verifications.body("it loses orders"))

    def ask(self, known: dict[str, Stage], now: float, place: str = "prod", **more: Any) -> dict[str, Any]:
        return standing(self.entries, R, known, time(now), **more)[place]


def two(*, needs: str = "any", soak: float = 0, expires: float | None = None) -> dict[str, Stage]:
    return {"qa": Stage(), "uat": Stage(), "prod": Stage(("qa", "uat"), needs, soak, expires)}


LINE = {"dev": Stage(), "staging": Stage(("dev",)), "prod": Stage(("staging",))}


@pytest.mark.parametrize(
    ("verified", "needs", "promotable"),
    [
        ((), "any", False),
        (("qa",), "any", True),  # OneOf, Kargo's default
        (("uat",), "any", True),
        (("qa",), "all", False),
        (("qa", "uat"), "all", True),
    ],
)
def test_verified_in_any_or_all_of_the_upstreams(verified: tuple[str, ...], needs: str, promotable: bool) -> None:
    ledger = Ledger()
    for place in ("qa", "uat"):
        ledger.deploy(place, 0)
    for place in verified:
        ledger.verify(place, 10)
    answer = ledger.ask(two(needs=needs), HOUR)
    assert answer["promotable"] is promotable
    assert bool(answer["why"]) is not promotable


def test_the_first_stage_needs_nothing() -> None:
    assert Ledger().ask(LINE, 0, "dev")["promotable"]


@pytest.mark.parametrize(
    ("story", "now", "soaked"),
    [
        # (act, place, at, ...): a release that is not verified has not soaked, however long it ran
        ([("deploy", 0)], DAY, 0),
        ([("deploy", 0), ("verify", 0)], 2 * HOUR, 2 * HOUR),
        # soak begins with the verification, not with the deployment
        ([("deploy", 0), ("verify", HOUR)], 3 * HOUR, 2 * HOUR),
        # the longest completed soak counts
        ([("deploy", 0), ("verify", 0), ("other", 5 * HOUR), ("deploy", 6 * HOUR)], 7 * HOUR, 5 * HOUR),
        # ... unless the present one is longer
        ([("deploy", 0), ("verify", 0), ("other", HOUR), ("deploy", 2 * HOUR)], 9 * HOUR, 7 * HOUR),
        # continuously: the pieces are not added up
        ([("deploy", 0), ("verify", 0), ("other", HOUR), ("deploy", HOUR + 1), ("other", 2 * HOUR)], DAY, HOUR),
        # deploying the same again is no break, and verifying it again neither
        ([("deploy", 0), ("verify", 0), ("deploy", HOUR), ("verify", HOUR)], 3 * HOUR, 3 * HOUR),
        # a verification that failed or was revoked takes the soak before it away
        ([("deploy", 0), ("verify", 0), ("fail", HOUR)], DAY, 0),
        ([("deploy", 0), ("verify", 0), ("revoke", HOUR), ("verify", 2 * HOUR)], 3 * HOUR, HOUR),
        # what failed to be deployed in its place did not replace it
        ([("deploy", 0), ("verify", 0), ("failed", HOUR)], 3 * HOUR, 3 * HOUR),
        ([("deploy", 0), ("verify", 0), ("teardown", HOUR)], 3 * HOUR, HOUR),
        # a clock that is behind the ledger's
        ([("deploy", HOUR), ("verify", HOUR)], 0, 0),
    ],
)
def test_soak(story: list[tuple[str, float]], now: float, soaked: float) -> None:
    ledger = Ledger()
    for act, at in story:
        if act in ("deploy", "other", "failed"):
            ledger.deploy("qa", at, R if act == "deploy" else "1.2.0", verdict="failed" if act == "failed" else "passed")
        elif act == "teardown":
            ledger.add("teardown", "outcome", at, "qa", "", verdict="passed", intent="x")
        elif act == "revoke":
            ledger.revoke("qa", at)
        else:
            ledger.verify("qa", at, verdict="passed" if act == "verify" else "failed")
    assert ledger.ask(two(), now, "qa")["soaked_for"] == soaked


@pytest.mark.parametrize(("now", "promotable"), [(DAY - 1, False), (DAY, True), (2 * DAY, True)])
def test_soak_is_asked_in_addition_to_verification(now: float, promotable: bool) -> None:
    ledger = Ledger()
    ledger.deploy("qa", 0)
    ledger.verify("qa", 0)
    answer = ledger.ask(two(soak=DAY), now)
    assert answer["promotable"] is promotable
    if not promotable:
        assert "it has soaked in qa for 24 h of 1 d" in answer["why"]
        assert answer["upstreams"]["qa"]["soak_needed"] == DAY


def test_one_upstream_must_have_both_verified_and_soaked() -> None:
    """Verified in one and long in the other is neither."""
    ledger = Ledger()
    ledger.deploy("qa", 0)
    ledger.deploy("uat", DAY)
    ledger.verify("uat", DAY)
    assert not ledger.ask(two(soak=DAY), DAY + HOUR)["promotable"]


@pytest.mark.parametrize(("now", "promotable"), [(7 * DAY - 1, True), (7 * DAY, False), (30 * DAY, False)])
def test_a_verification_expires(now: float, promotable: bool) -> None:
    ledger = Ledger()
    ledger.deploy("qa", 0)
    ledger.verify("qa", 0)
    answer = ledger.ask(two(expires=7 * DAY), now)
    assert answer["promotable"] is promotable
    if not promotable:
        assert any("its verification in qa expired at" in why for why in answer["why"])
        ledger.verify("qa", now)  # a new one makes it fresh
        assert ledger.ask(two(expires=7 * DAY), now + 1)["promotable"]
    assert ledger.ask(two(expires=7 * DAY), now, "qa")["expires_at"] is not None


def test_a_revocation_holds_for_every_stage_after_it() -> None:
    ledger = Ledger()
    for number, place in enumerate(LINE):
        ledger.deploy(place, number)
        ledger.verify(place, number)
    assert ledger.ask(LINE, HOUR)["promotable"]
    ledger.revoke("dev", HOUR)
    for place in ("staging", "prod"):
        answer = ledger.ask(LINE, 2 * HOUR, place)
        assert not answer["promotable"]
        assert any("its verification in dev was revoked by ada" in why and "it loses orders" in why for why in answer["why"])
    assert runs_in(ledger.entries, R) == ["dev", "prod", "staging"]
    assert "dev" not in views.verified_in(ledger.entries, R)  # what asks for verified alone sees it as well
    ledger.verify("dev", 3 * HOUR, verdict="failed")
    assert not ledger.ask(LINE, 4 * HOUR)["promotable"]  # a failed try lifts nothing
    ledger.verify("dev", 5 * HOUR)
    assert ledger.ask(LINE, 6 * HOUR)["promotable"]


def test_a_revocation_downstream_does_not_reach_up() -> None:
    ledger = Ledger()
    for number, place in enumerate(LINE):
        ledger.deploy(place, number)
        ledger.verify(place, number)
    ledger.revoke("prod", HOUR)
    assert ledger.ask(LINE, 2 * HOUR, "staging")["promotable"]
    assert not ledger.ask(LINE, 2 * HOUR, "prod")["promotable"]


def test_an_approval_supersedes_verification_and_soak_but_nothing_else() -> None:
    ledger = Ledger()
    assert ledger.ask(two(soak=DAY), 0, approved_for={"prod"})["promotable"]
    assert not ledger.ask(two(soak=DAY), 0, approved_for={"qa"})["promotable"]
    for kind, place in (("hold", "prod"), ("mark", "")):
        other = Ledger()
        other.add(kind, "fact", 0, place, R, state="held" if kind == "hold" else "bad", reason="no")
        assert not other.ask(two(), HOUR, approved_for={"prod"})["promotable"]
    ledger.deploy("qa", 0)
    ledger.verify("qa", 0)
    ledger.revoke("qa", 1)
    assert not ledger.ask(two(), HOUR, approved_for={"prod"})["promotable"]


@pytest.mark.parametrize(("automatic", "words"), [(False, "held back in prod by ada"), (True, "held back in prod after a rollback")])
def test_holds_and_marks_come_and_go(automatic: bool, words: str) -> None:
    ledger = Ledger()
    ledger.deploy("qa", 0)
    ledger.verify("qa", 0)
    ledger.add("hold", "fact", 1, "prod", R, state="held", reason="slow", **({"deployment": "x"} if automatic else {}))
    answer = ledger.ask(two(), HOUR)
    assert not answer["promotable"]
    assert words in answer["why"][0]
    assert answer["holds"] == [{"at": time(1), "by": "ada", "reason": "slow", "automatic": automatic}]
    ledger.add("hold", "fact", 2, "prod", R, state="lifted", reason="")
    assert ledger.ask(two(), HOUR)["promotable"]
    ledger.add("mark", "fact", 3, "", R, state="bad", reason="leaks")
    assert "marked bad" in ledger.ask(two(), HOUR)["why"][0]
    ledger.add("mark", "fact", 4, "", R, state="cleared", reason="")
    assert ledger.ask(two(), HOUR)["promotable"]


def test_it_runs_as_a_whole_or_not() -> None:
    ledger = Ledger()
    ledger.deploy("qa", 0, services=("shop", "orders"))
    ledger.deploy("qa", HOUR, "1.1.1", services=("shop",))
    ledger.deploy("qa", 2 * HOUR, R, services=("shop",))
    assert occupancy.spans(ledger.entries, R) == {"qa": [(time(0), time(HOUR)), (time(2 * HOUR), None)]}


def test_a_service_that_was_deployed_again_does_not_hide_the_others() -> None:
    ledger = Ledger()
    ledger.deploy("qa", 0, services=("shop", "orders"))
    ledger.deploy("qa", 10, R, services=("shop",))
    ledger.deploy("qa", HOUR, "1.1.1", services=("orders",))
    assert occupancy.spans(ledger.entries, R) == {"qa": [(time(0), time(HOUR))]}


def test_refusing_tells_all_that_stands_against_it() -> None:
    answer = Ledger().ask(two(needs="all"), 0)
    with pytest.raises(DeploymentError, match=r"1.1.0 may not be promoted to prod: it is not verified in qa; it is not verified in uat\."):
        refuse(answer, environment="prod", release=R)


@pytest.mark.parametrize("now", ["yesterday", "2027-01-15T10:00:00"])
def test_a_time_without_zone_is_no_answer(now: str) -> None:
    with pytest.raises(DeploymentError):
        standing([], R, LINE, now)


def test_stages_come_from_the_documents() -> None:
    documents = [
        {"name": "dev"},
        {"name": "qa", "promotes_from": "dev"},
        {"name": "prod", "promotes_from": "qa", "promotion": {"from": ["dev"], "needs": "all", "soak": "24h", "verification_expires": "30d"}},
    ]
    known = stages.of(documents)
    assert known["prod"] == Stage(("qa", "dev"), "all", DAY, 30 * DAY)
    assert stages.before(known, "prod") == ["qa", "dev"]
    assert stages.before({"a": Stage(("b",)), "b": Stage(("a",))}, "a") == ["b"]  # a circle ends
