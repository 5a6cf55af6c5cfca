# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import fallback
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError

HOSTS = ["db", "web1", "web2"]
GROUPS = {"production": HOSTS, "web": ["web1", "web2"], "admin": ["db"], "standby": ["other"]}
SERVICES = {"shop": {"engine": "application", "hosts": "web"}, "database": {"engine": "postgresql", "hosts": "admin"}}
COMMON = {"reason": "users wait", "owner": "team-shop", "expires": "2099-01-01"}
DARK = {"name": "dark", "when": ["gate", "drift"], "act": "dark", **COMMON}
PART = {"name": "part", "when": ["unreachable"], "act": "partial", "leave_out": "unreachable", **COMMON}
ELSEWHERE = {"name": "elsewhere", "when": ["drift"], "act": "environment", "environment": "standby", **COMMON}
ENVIRONMENT = {"name": "production", "promotes_from": "staging", "fallback": [DARK, PART, ELSEWHERE]}
GATE = {"cause": "gate", "act": "promote", "rules": ["no-drift"], "entry": "e1", "at": "t1"}
SILENT = {"cause": "unreachable", "hosts": ["db", "web2"]}
DRIFT = {"cause": "drift", "environment": "staging", "findings": 3, "verdict": "failed", "at": "t1"}


def gate(verdict, *, act="promote", release="2", environment="production", time="t1"):
    rules = [{"name": "no-drift", "verdict": verdict}, {"name": "pinned", "verdict": "passed"}]
    body = {"verdict": verdict, "rules": rules}
    return {"id": f"e{time}", "kind": "gate", "environment": environment, "release": release, "subject": act, "time": time, "body": body}


def drift(environment, verdict, *paths):
    body = {"verdict": verdict, "findings": [{"path": path, "kind": "changed"} for path in paths]}
    return {"id": "d", "kind": "drift", "environment": environment, "release": "", "subject": "web1/shop", "time": "t1", "body": body}


@pytest.mark.parametrize(
    ("entries", "answered", "found"),
    [
        ([], HOSTS, []),
        ([gate("failed")], HOSTS, ["gate"]),
        ([gate("errored", act="deploy")], HOSTS, ["gate"]),
        ([gate("failed"), gate("passed", time="t2")], HOSTS, []),
        ([gate("failed", release="1"), gate("failed", environment="staging"), gate("failed", act="fallback")], HOSTS, []),
        ([drift("staging", "failed", "a", "b")], HOSTS, ["drift"]),
        ([drift("production", "errored")], HOSTS, ["drift"]),
        ([drift("staging", "passed"), drift("development", "failed", "a")], HOSTS, []),
        ([gate("failed"), drift("staging", "failed", "a")], ["db"], ["gate", "drift", "unreachable"]),
    ],
)
def test_what_stands_against_the_usual_way(entries, answered, found):
    known = fallback.causes(entries, environment=ENVIRONMENT, release="2", expected=HOSTS, answered=answered)
    assert [cause["cause"] for cause in known] == found
    if "gate" in found:
        assert known[0]["rules"] == ["no-drift"]
    if "unreachable" in found:
        assert known[-1]["hosts"] == ["web1", "web2"]


@pytest.mark.parametrize(
    ("known", "wanted", "reason", "name"),
    [
        ([GATE], "", "", "dark"),
        ([SILENT], "", "", "part"),
        ([DRIFT], "", "", "dark"),
        ([DRIFT], "elsewhere", "staging is being rebuilt", "elsewhere"),
        ([], "part", "a trial", "part"),
    ],
)
def test_which_path_is_taken(known, wanted, reason, name):
    assert fallback.choose(ENVIRONMENT, known, wanted=wanted, reason=reason)["name"] == name


@pytest.mark.parametrize(
    ("environment", "known", "wanted", "said"),
    [
        (ENVIRONMENT, [], "", "Against the usual way stands nothing that is known"),
        ({**ENVIRONMENT, "fallback": [PART]}, [GATE], "", r"stands gate; declared is part \(when unreachable\)"),
        ({"name": "production"}, [GATE], "", "declared is none"),
        (ENVIRONMENT, [GATE], "darkk", "is 'darkk'; the environment production declares dark"),
        (ENVIRONMENT, [GATE], "dark", "needs a reason"),
    ],
)
def test_what_is_not_declared_is_denied(environment, known, wanted, said):
    with pytest.raises(DeploymentError, match=said):
        fallback.choose(environment, known, wanted=wanted)


def resolved(path, known=(), **more):
    return fallback.resolve(path, known, environment=ENVIRONMENT, services=SERVICES, groups=GROUPS, **more)


@pytest.mark.parametrize(
    ("path", "known", "expected"),
    [
        (DARK, [GATE], {"target": "production", "dark": True, "exclude": [], "service": "", "reason": "users wait"}),
        (ELSEWHERE, [DRIFT], {"of": "production", "target": "standby", "dark": False}),
        (PART, [SILENT], {"exclude": ["web2"], "target": "production"}),
        ({**PART, "leave_out": None, "hosts": ["web1"]}, [], {"exclude": ["web2"]}),
        ({"name": "p", "act": "partial", "service": "shop", **COMMON}, [], {"exclude": [], "service": "shop"}),
    ],
)
def test_what_the_deployment_is_given(path, known, expected):
    found = resolved(path, known)
    assert {key: found[key] for key in expected} == expected
    assert found["causes"] == list(known)
    assert found["name"] in fallback.tell(found)


@pytest.mark.parametrize(
    ("path", "known", "said"),
    [
        ({**ELSEWHERE, "environment": "nowhere"}, [], "no other environment"),
        ({**ELSEWHERE, "environment": "production"}, [], "no other environment"),
        (PART, [], "would leave nothing out"),
        (PART, [{"cause": "unreachable", "hosts": ["web1", "web2"]}], "leaves no host for shop"),
        ({"name": "p", "act": "partial", "service": "shopp", **COMMON}, [], "'shopp'; applications are shop"),
        ({"name": "p", "act": "partial", "hosts": ["web9"], **COMMON}, [], "names web9"),
        ({"name": "p", "act": "partial", "hosts": ["db"], **COMMON}, [], "names db|leaves no host"),
    ],
)
def test_a_path_that_leads_nowhere_is_an_error(path, known, said):
    with pytest.raises(DeploymentError, match=said):
        resolved(path, known)


def test_the_plan_says_why():
    told = fallback.tell(resolved(DARK, [GATE, SILENT, DRIFT], reason="the fair begins tomorrow"))
    for part in ("in the dark", "the gate refused to promote (no-drift)", "db, web2 did not answer", "staging has 3 differences", "the fair begins tomorrow"):
        assert part in told
