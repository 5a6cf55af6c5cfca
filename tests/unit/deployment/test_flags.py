# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import flags
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.strategy import replacement

GROUPS = {"all": ["web1", "web2", "lb"], "flag_hosts": ["lb"]}
FLAG = {"name": "checkout", "path": "/f.json"}
UNLEASH = {"name": "search", "provider": "unleash", "url": "https://u", "token": "hunter22", "environment": "production"}
BEHIND = {"strategy": "feature_flag", "rollout": {"flag": FLAG}}


@pytest.mark.parametrize(
    ("service", "found"),
    [
        ({}, "blue_green"),
        ({"strategy": "canary"}, "canary"),
        (BEHIND, "rolling"),
        ({"strategy": "feature_flag", "rollout": {"flag": FLAG, "replace": "recreate"}}, "recreate"),
        ({"strategy": "rolling", "rollout": {"replace": "recreate"}}, "rolling"),
    ],
)
def test_how_hosts_are_replaced(service, found):
    assert replacement(service) == found


@pytest.mark.parametrize(
    ("flag", "hosts"),
    [
        (FLAG, ["web1", "web2"]),
        ({**FLAG, "hosts": ["flag_hosts"]}, ["lb"]),
        ({**FLAG, "hosts": ["web2", "all"]}, ["web2", "web1", "lb"]),
        (UNLEASH, ["localhost"]),
        ({**UNLEASH, "hosts": ["lb"]}, ["lb"]),
    ],
)
def test_where_a_flag_is_switched(flag, hosts):
    found = flags.place(flag, own=["web1", "web2"], groups=GROUPS, service="shop")
    assert found["hosts"] == hosts
    assert "hunter22" not in str(found), "a place is written into the ledger"


def test_an_unknown_host_is_named():
    with pytest.raises(DeploymentError, match="flag checkout is on lbb"):
        flags.place({**FLAG, "hosts": ["lbb"]}, own=[], groups=GROUPS, service="shop")


def entry(number, phase, percentage=None, *, release="2", name="checkout", environment="live", **body):
    body = {"service": "shop", "place": {"name": name, "hosts": ["lb"]}, **body}
    if percentage is not None:
        body["percentage"] = percentage
    common = {"id": str(number), "kind": "flag", "phase": phase, "environment": environment, "release": release, "subject": name}
    return {**common, "time": f"t{number}", "actor": {"name": "ann"}, "body": body}


@pytest.mark.parametrize(
    ("entries", "percentage"),
    [
        ([], None),
        ([entry(1, "intent", 5)], 5),
        ([entry(1, "intent", 5), entry(2, "outcome", 5, verdict="passed"), entry(3, "intent", 20)], 20),
        ([entry(1, "intent", 5), entry(2, "intent", 0), entry(3, "outcome", 0, verdict="passed")], None),
        ([entry(1, "intent", 5), entry(2, "intent", 0), entry(3, "outcome", 0, verdict="failed")], 5),
        ([entry(1, "intent", 5), entry(2, "intent", 0)], 5),
        # A recovery gives the open intent its outcome after the flag was lowered.
        ([entry(1, "intent", 5), entry(2, "intent", 0), entry(3, "outcome", 0, verdict="passed"), entry(4, "outcome", verdict="errored")], None),
        ([entry(1, "fact", 50), entry(2, "fact", 0)], None),
        ([entry(1, "intent", 5, environment="other")], None),
    ],
)
def test_which_flags_are_raised(entries, percentage):
    found = flags.raised(entries, "live")
    assert found.get(("shop", "checkout"), {}).get("percentage") == percentage


def attached(service, *, act="deploy", entries=(), previous="1", dark=False):
    item = {"service": "shop", "release": "2" if act != "rollback" else "1", "previous": previous if act != "rollback" else "2", "hosts": {"web1": {}}}
    built = flags.attach({"environment": "live", "services": [item]}, {"shop": service}, groups=GROUPS, entries=entries, act=act, dark=dark)
    return built, built["services"][0]


def names(found):
    return [flag["name"] for flag in found]


def test_a_release_goes_out_behind_its_flag():
    built, item = attached(BEHIND)
    assert item["flag"]["name"] == "checkout"
    assert item["flag"]["on_failure"] == "release"
    assert names(item["dark"]) == names(item["lower"]) == ["checkout"]
    assert [(row["service"], row["host"]) for row in flags.to_read(built)] == [("shop", "web1")]
    assert "flag checkout is 0 %" in flags.tell(built)[0]


def test_a_release_without_flags_stays_as_it_was():
    built, item = attached({"strategy": "rolling"})
    assert set(item) == {"service", "release", "previous", "hosts", "dark"}
    assert flags.to_read(built) == []
    assert flags.tell(built) == []


def test_flags_of_any_strategy_are_lowered_and_not_raised():
    _built, item = attached({"strategy": "rolling", "rollout": {"flags": [FLAG, UNLEASH]}})
    assert names(item["lower"]) == ["checkout", "search"]
    assert "flag" not in item
    assert item["dark"] == []


@pytest.mark.parametrize(
    ("service", "entries", "lowered"),
    [
        (BEHIND, [], ["checkout"]),
        (BEHIND, [entry(1, "intent", 50, release="2")], ["checkout"]),
        # What another release has raised stays with that one.
        (BEHIND, [entry(1, "intent", 50, release="0")], []),
        # The document has moved on, the ledger has not.
        ({"strategy": "rolling"}, [entry(1, "intent", 50, release="2", name="old")], ["old"]),
        ({"strategy": "rolling"}, [entry(1, "intent", 50, release="1", name="old")], []),
        ({"strategy": "rolling", "rollout": {"flags": [FLAG]}}, [entry(1, "intent", 50, release="0")], ["checkout"]),
    ],
)
def test_what_a_rollback_lowers(service, entries, lowered):
    _built, item = attached(service, act="rollback", entries=entries)
    assert names(item.get("lower", [])) == lowered
    assert "flag" not in item
    assert "dark" not in item


def test_a_dark_launch_raises_nothing_and_wants_all_flags_off():
    built, item = attached({**BEHIND, "rollout": {"flag": FLAG, "flags": [UNLEASH]}}, dark=True)
    assert "flag" not in item
    assert names(item["dark"]) == ["checkout", "search"]
    assert "goes out dark" in flags.tell(built)[0]
    with pytest.raises(DeploymentError, match="names no flag"):
        attached({"strategy": "rolling"}, dark=True)


ROW = {"service": "shop", "host": "lb", "name": "checkout"}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"flags": [{"key": "checkout", "share": 0.0}]}, ""),
        ({"flags": [{"key": "checkout", "share": 5.0}]}, "is on for 5 %"),
        ({"flags": [{"key": "checkout", "share": None}]}, "rules of its own"),
        ({"flags": [{"key": "other", "share": 0.0}]}, "is not there; there is other"),
        ({"failed": True, "msg": "no file"}, "could not be read: no file"),
        ({"unreachable": True}, "could not be read"),
        ({}, "could not be read"),
    ],
)
def test_only_what_is_known_to_be_off_is_dark(answer, said):
    found = flags.not_dark([ROW], [answer])
    assert bool(found) == bool(said)
    assert said in "".join(found)
