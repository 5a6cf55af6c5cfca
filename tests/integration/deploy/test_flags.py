# SPDX-License-Identifier: GPL-3.0-or-later
"""Releases that go out dark and are raised behind a flag, behind a real balancer with real users, in the order in which they happen."""

from __future__ import annotations

import json

import pytest

from .lab import Lab, Users

FLAG = "new-checkout"
COUNTED = f'shop_variant_requests_total{{flag="{FLAG}",variant="{{variant}}"'
METRIC = {
    "name": "failed requests",
    "kind": "ratio",
    "scrape": {"events": COUNTED + ',status=~"5.."}', "of": COUNTED + "}"},
    "must_see": 0.5,
    "min_samples": 15,
    "highest": 0.2,
}

DARK = {"name": "dark", "when": ["gate"], "act": "dark", "reason": "the code may wait there for its day", "owner": "team-shop", "expires": "2099-01-01"}
CLOSED = """\
---
name: closed
description: Nothing is deployed here.
applies_to: {acts: [deploy]}
rules:
  - {name: shop-is-closed, effect: forbid, condition: "`1` == `1`", reason: It is closed., remedy: Wait.}
"""
PERMITTED = """\
---
name: fallback
description: A release that the gate refused may wait in the dark.
applies_to: {acts: [fallback]}
rules:
  - name: dark-and-refused
    effect: require
    condition: "fallback.act == 'dark' && length(fallback.causes[?cause == 'gate']) > `0`"
    reason: Only a dark launch of what the gate refused is allowed.
    remedy: Deploy as usual.
"""


@pytest.fixture(scope="module")
def lab():
    with Lab() as made:
        flags = made.state / "flags.json"
        switch(flags, "off")
        rollout = {
            "replace": "rolling",
            "batches": [1],
            "min_healthy": 1,
            "flag": {"name": FLAG, "path": str(flags), "hosts": ["production-lb"]},
            "steps": [{"percent": 20, "seconds": 3}, {"percent": 100, "seconds": 3}],
            "metrics": [METRIC],
        }
        made.declare(f"feature_flag\n    rollout: {json.dumps(rollout)}")
        made.skip_the_rehearsal()
        dark = f"  data_policy: production\n  fallback: {json.dumps([DARK])}"
        made.edit("production", lambda text: text.replace("  data_policy: production", dark) + f"shop_flags: {flags}\n")
        made.provision()
        common = made.inventory.parent / "group_vars/shop_environments.yml"
        declared = common.read_text()
        # The first release has no flag; how its hosts are replaced is the same.
        common.write_text("".join(rolling(line) for line in declared.splitlines(keepends=True)))
        made.must("deploy", evenkeel_version="1.1.0")
        common.write_text(declared)
        yield made


def rolling(line):
    return "" if line.startswith("    rollout:") else line.replace("strategy: feature_flag", "strategy: rolling")


def switch(path, variant):
    flag = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": variant}
    path.write_text(json.dumps({"flags": {FLAG: flag}}))
    path.chmod(0o644)


def flag(lab):
    return json.loads((lab.state / "flags.json").read_text())["flags"][FLAG]


def is_off(lab):
    """By flagd's own rules: nobody is asked about, and the default is off."""
    found = flag(lab)
    return found["defaultVariant"] == "off" and (not found.get("targeting") or found["targeting"]["if"][0] is False)


def told(lab, release):
    """What the ledger has of flags and steps since the newest act on a release, in order."""
    entries = [entry for entry in lab.entries() if entry.kind in ("deployment", "rollback", "recovery", "flag", "step", "switch")]
    begin = max(at for at, entry in enumerate(entries) if entry.kind in ("deployment", "rollback", "recovery") and entry.phase == "intent")
    assert entries[begin].release == release
    return [
        f"{entry.kind} {entry.phase} {entry.body.get('percentage', entry.body.get('state', ''))}"
        for entry in entries[begin + 1 :]
        if entry.kind in ("flag", "step")
    ]


def test_a_flag_that_is_on_stops_the_release_before_anything_changes(lab):
    switch(lab.state / "flags.json", "on")
    run = lab.play("deploy", evenkeel_version="1.3.0")
    switch(lab.state / "flags.json", "off")
    assert run.rc != 0
    assert "flag new-checkout of service shop on production-lb is on for 100 %" in run.stdout
    assert lab.entries(kind="deployment", release="1.3.0") == []
    lab.assert_settled("1.1.0")


def test_a_release_that_is_bad_only_behind_its_flag_is_seen_at_the_first_step(lab):
    with Users(lab) as users:
        run = lab.play("deploy", evenkeel_version="1.4.0")
    assert run.rc != 0
    assert is_off(lab)
    lab.assert_settled("1.1.0")
    seen = users.summary
    # Half of the requests of a fifth of the users, for some seconds.
    assert 0 < seen["failed"] < 0.15 * seen["by_version"]["1.4.0"]["requests"]
    assert set(seen["by_status"]) <= {"200", "201", "404", "500"}, "somebody got no answer"
    order = told(lab, "1.4.0")
    raised, lowered = order.index("flag intent 20"), order.index("flag intent 0")
    assert "flag intent 100" not in order
    assert raised < lowered < order.index("step intent rolling_back")
    bad = [entry for entry in lab.entries(kind="step", phase="outcome") if entry.body.get("judgement")]
    assert [entry.body["judgement"]["verdict"] for entry in bad] == ["failed"]


def test_a_good_release_is_raised_to_everybody_without_a_failed_request(lab):
    with Users(lab) as users:
        lab.must("deploy", evenkeel_version="1.3.0")
    assert users.summary["failed"] == 0
    lab.assert_settled("1.3.0")
    assert flag(lab)["targeting"] == {"fractional": [["on", 100], ["off", 0]]}
    judged = [entry.body["judgement"] for entry in lab.entries(kind="step", phase="outcome", release="1.3.0") if entry.body.get("judgement")]
    assert [one["verdict"] for one in judged] == ["passed", "passed"]
    assert all(one["metrics"][0]["canary"]["n"] >= 15 for one in judged)
    status = lab.must("status")
    assert "new-checkout of shop is at 100" in status.stdout


def test_a_rollback_lowers_the_flag_before_it_touches_anything(lab):
    with Users(lab) as users:
        lab.must("rollback")
    assert users.summary["failed"] == 0
    assert is_off(lab)
    lab.assert_settled("1.1.0")
    order = told(lab, "1.1.0")
    assert order[:2] == ["flag intent 0", "flag outcome 0"]
    assert "step intent switching" in order


def test_killed_while_it_is_raised_then_recovered(lab):
    lab.must("mark", evenkeel_version="1.3.0", evenkeel_mark="lifted")
    with Users(lab):
        lab.killed("deploy", at="Judge", evenkeel_version="1.3.0")
        assert flag(lab)["targeting"] == {"fractional": [["on", 20], ["off", 80]]}
        lab.must("recover")
    assert is_off(lab)
    lab.assert_settled("1.1.0")


def test_the_release_may_stay_without_its_flag(lab):
    common = lab.inventory.parent / "group_vars/shop_environments.yml"
    good = common.read_text()
    common.write_text(good.replace('"replace": "rolling"', '"replace": "rolling", "on_failure": "flag_only"'))
    try:
        with Users(lab):
            run = lab.play("deploy", evenkeel_version="1.4.0")
    finally:
        common.write_text(good)
    assert run.rc != 0
    assert "is out on production, dark: its flag was lowered again" in run.stdout
    assert is_off(lab)
    lab.assert_settled("1.4.0")
    verdicts = [entry.body["verdict"] for entry in lab.entries(kind="verification", release="1.4.0")]
    assert verdicts == ["passed", "failed"], "it may be gone back to, and is not proven"


def fall_back(lab, **extra):
    variables = {"evenkeel_fallback_of": "production", "evenkeel_version": "1.3.0", **extra}
    env = {"EVENKEEL_STATE_DIR": str(lab.state)}
    return lab.runner("evenkeel.release.fallback", inventory=lab.inventory, extra_vars=variables, env=env)


def test_a_fallback_is_refused_without_a_policy_that_names_it(lab):
    run = fall_back(lab)
    assert run.rc != 0
    assert "stands nothing that is known" in run.stdout
    policies = lab.inventory.parent / "policies"
    (policies / "closed.yml").write_text(CLOSED)
    assert lab.play("deploy", evenkeel_version="1.3.0").rc != 0
    run = fall_back(lab)
    assert run.rc != 0
    assert "fallback dark: in the dark, since the gate refused to deploy (shop-is-closed)" in run.stdout
    assert "default-deny" in run.stdout
    assert not [entry for entry in lab.entries(kind="deployment") if entry.body.get("act") == "fallback"]
    lab.assert_settled("1.4.0")


def test_a_fallback_that_is_permitted_goes_out_in_the_dark_and_is_recorded_as_such(lab):
    (lab.inventory.parent / "policies/fallback.yml").write_text(PERMITTED)
    run = fall_back(lab)
    assert run.rc == 0, run.stdout[-4000:]
    lab.assert_settled("1.3.0")
    assert is_off(lab)
    assert told(lab, "1.3.0")[0].startswith("step"), "no flag was raised"
    intent = next(entry for entry in lab.entries(kind="deployment", phase="intent") if entry.body.get("act") == "fallback")
    assert intent.body["plan"]["fallback"]["name"] == "dark"
    assert [cause["cause"] for cause in intent.body["plan"]["fallback"]["causes"]] == ["gate"]
    assert [entry.body["verdict"] for entry in lab.entries(kind="gate") if entry.subject == "fallback"] == ["failed", "passed"]
