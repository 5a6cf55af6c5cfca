# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._flags import unleash
from ansible_collections.evenkeel.release.plugins.module_utils._flags.decide import Wanted
from ansible_collections.evenkeel.release.plugins.module_utils._flags.errors import FlagError
from ansible_collections.evenkeel.release.plugins.module_utils._flags.http import Client


def rollout(percent: int, **more: Any) -> dict[str, Any]:
    parameters = {"rollout": str(percent), "stickiness": "default", "groupId": "f"}
    return {"id": "1", "name": "flexibleRollout", "parameters": parameters, "constraints": [], "segments": [], "variants": [], "disabled": False, **more}


def test_a_token_with_a_line_break_is_refused_without_showing_it() -> None:
    for token in ("geheim\n", "geheim\u20ac"):
        with pytest.raises(FlagError, match="header") as caught:
            Client("http://127.0.0.1:1", headers={"Authorization": token}, timeout=1).send("GET", "/")
        assert "geheim" not in str(caught.value)


def flag(*strategies: dict[str, Any], enabled: bool = True) -> dict[str, Any]:
    return {"enabled": enabled, "strategies": list(strategies)}


DEFAULT = {"id": "2", "name": "default", "parameters": {}, "constraints": [], "segments": [], "variants": [], "disabled": False}
BETA = rollout(100, id="3", constraints=[{"contextName": "tier", "operator": "IN", "values": ["beta"]}])


@pytest.mark.parametrize(
    ("found", "wanted", "share"),
    [
        (None, Wanted("on"), 100.0),
        (None, Wanted("percentage", 30), 30.0),
        (None, Wanted("off"), 0.0),
        (flag(enabled=False), Wanted("on"), 100.0),
        (flag(rollout(20)), Wanted("on"), 100.0),
        (flag(rollout(20)), Wanted("percentage", 40), 40.0),
        (flag(rollout(20)), Wanted("killed"), 0.0),
        (flag(rollout(20, disabled=True)), Wanted("percentage", 20), 20.0),
        (flag(DEFAULT), Wanted("on"), 100.0),
        (flag(DEFAULT, BETA), Wanted("on"), 100.0),
        (flag(DEFAULT), Wanted("percentage", 5), 5.0),
        (flag(BETA), Wanted("percentage", 5, replace_targeting=True), 5.0),
        (flag(BETA), Wanted("killed"), 0.0),
    ],
)
def test_a_flag_gets_the_share_that_is_wanted(found: Any, wanted: Wanted, share: float) -> None:
    new = unleash.decide("f", found, wanted)
    assert new is not None
    assert unleash.share(new) == share
    assert unleash.decide("f", new, wanted) == new


def test_a_kill_keeps_every_strategy() -> None:
    new = unleash.decide("f", flag(BETA, rollout(5)), Wanted("killed"))
    assert new == flag(BETA, rollout(5), enabled=False)


def test_stickiness_stays_unless_it_is_given() -> None:
    mine = rollout(5)
    mine["parameters"]["stickiness"] = "sessionId"
    for wanted, expected in ((Wanted("percentage", 6), "sessionId"), (Wanted("percentage", 6, sticky_by="userId"), "userId")):
        new = unleash.decide("f", flag(mine), wanted)
        assert new is not None
        assert new["strategies"][0]["parameters"] == {"rollout": "6", "stickiness": expected, "groupId": "f"}


@pytest.mark.parametrize("found", [flag(BETA), flag(rollout(5), BETA), flag(rollout(5), rollout(7, id="9"))])
def test_strategies_of_its_own_are_not_dropped_in_silence(found: dict[str, Any]) -> None:
    with pytest.raises(FlagError, match=r"strategies of its own \(flexibleRollout"):
        unleash.decide("f", found, Wanted("percentage", 6))


@pytest.mark.parametrize("percentage", [12.5, -1, 101, None])
def test_percentages_that_unleash_has_not(percentage: float | None) -> None:
    with pytest.raises(FlagError, match="whole number from 0 to 100"):
        unleash.decide("f", None, Wanted("percentage", percentage))


@pytest.mark.parametrize(
    ("found", "share"),
    [
        (flag(), 100.0),
        (flag(enabled=False), 0.0),
        (flag(BETA), None),
        (flag(rollout(0), rollout(0, id="2")), 0.0),
        (flag(rollout(30), BETA), None),
        (flag(rollout(30, disabled=True)), 0.0),
    ],
)
def test_what_a_flag_gives(found: dict[str, Any], share: float | None) -> None:
    assert unleash.share(found) == share
