# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._probe.spec import complete
from ansible_collections.evenkeel.release.plugins.plugin_utils._smoke import work as smoke
from ansible_collections.evenkeel.release.plugins.plugin_utils._smoke.errors import SmokeError
from hypothesis import given
from hypothesis import strategies as st

SHOP = {
    "engine": "application",
    "config": [{"template": "a.j2", "name": "a.ini"}],
    "schema": {"engine": "postgresql", "dbname": "shop", "user": "u", "password": "{not} a placeholder", "files": "{release_dir}/migrations"},
    "smoke": [
        {"name": "page", "type": "http", "path": "/x"},
        {"name": "buy", "type": "scenario", "steps": [{"path": "/orders/$(sku)"}], "variables": {"sku": "a"}},
        {"name": "elsewhere", "type": "scenario", "url": "https://{address}:{port}/base", "steps": [{"path": "/"}]},
        {"name": "errors", "type": "prometheus", "url": "http://prometheus:9090", "query": "up"},
        {"name": "cache", "type": "redis", "host": "cache", "port": 6379},
        {"name": "file", "type": "command", "command": ["test", "-d", "{release_dir}"]},
    ],
}
SERVICES: dict[str, Any] = {"shop": SHOP, "db": {"engine": "postgresql", "smoke": [{"name": "up", "type": "postgresql"}]}, "lb": {"engine": "haproxy"}}
AT = {"address": "10.0.0.1", "ports": {"blue": 8001, "green": 8002}, "paths": {"root": "/srv/shop"}}
ENDPOINTS = {"shop": {"web1": AT, "web2": AT}, "db": {"db1": {"address": "10.0.0.9", "ports": {"main": 5433}, "paths": {}}}, "lb": {"lb1": AT}}
SEEN = {"shop": {"current": "1.1.0", "colour": "green"}}
MANIFESTS = {"1.1.0": {"components": {"shop": {"sha256": "ab" * 32}}}}


def work(host: str = "web1", **more: Any) -> list[dict[str, Any]]:
    given = {"services": SERVICES, "endpoints": ENDPOINTS, "seen": SEEN, "releases": {"shop": "1.1.0"}, "manifests": MANIFESTS, **more}
    return smoke.work(host=host, **given)


def test_an_application_is_asked_at_its_live_colour_and_the_probes_have_no_fault() -> None:
    (item,) = work()
    assert (item["release"], item["sha256"], item["current"], item["configured"]) == ("1.1.0", "ab" * 32, "1.1.0", True)
    probes = {probe["name"]: probe for probe in item["probes"]}
    assert probes["shop: page"]["url"] == "http://10.0.0.1:8002/x"
    assert (probes["shop: buy"]["host"], probes["shop: buy"]["port"]) == ("10.0.0.1", 8002)
    assert probes["shop: buy"]["steps"] == [{"path": "/orders/$(sku)"}]
    assert probes["shop: elsewhere"]["url"] == "https://10.0.0.1:8002/base"
    assert (probes["shop: cache"]["host"], probes["shop: file"]["command"][2]) == ("cache", "/srv/shop/releases/1.1.0")
    assert complete(item["probes"])[1] == []


def test_the_schema_is_read_once_and_its_password_left_as_it_is() -> None:
    (item,) = work()
    assert item["schema"]["database"] == {"dbname": "shop", "user": "u", "password": "{not} a placeholder"}
    assert item["schema"]["files"] == "/srv/shop/releases/1.1.0/migrations"
    assert work("web2")[0]["schema"] == {}


def test_other_services_have_probes_only() -> None:
    (item,) = work("db1")
    assert (item["application"], item["probes"][0]["port"]) == (False, 5433)
    assert (work("lb1"), work("elsewhere"), work(only="db")) == ([], [], [])


def test_faults_say_what_to_do() -> None:
    with pytest.raises(SmokeError, match=r"Release 2.0.0 has no component shop"):
        work(releases={"shop": "2.0.0"}, manifests={"2.0.0": {"components": {}}})
    bad = {"shop": {**SHOP, "smoke": [{"name": "x", "type": "http", "path": "/{colour}"}]}}
    with pytest.raises(SmokeError, match=r"smoke of shop: .*placeholder \{colour\}"):
        work(services=bad)


def test_releases_come_from_the_ledger_unless_one_is_given() -> None:
    assert smoke.releases_of(SERVICES, {"shop": "1.0.0", "gone": "1"}) == {"shop": "1.0.0"}
    assert smoke.releases_of(SERVICES, {"shop": "1.0.0"}, "1.1.0") == {"shop": "1.1.0"}
    assert smoke.releases_of(SERVICES, {}) == {}


ITEM = {"service": "shop", "release": "1.1.0", "current": "1.1.0", "sha256": "ab" * 32}


@pytest.mark.parametrize(
    ("item", "answer", "verdict", "words"),
    [
        ({}, {"changed": False}, "passed", "abababababab"),
        ({}, {"changed": True}, "failed", "no complete record"),
        ({}, {"failed": True, "msg": "1 of its files differ"}, "failed", "1 of its files differ"),
        ({"current": "1.0.0"}, {}, "failed", "current is 1.0.0, the release is 1.1.0"),
        ({"current": ""}, {}, "failed", "current is no release"),
        ({"release": ""}, {}, "errored", "pass evenkeel_version"),
    ],
)
def test_the_artifact(item: dict[str, str], answer: dict[str, Any], verdict: str, words: str) -> None:
    found = smoke.artifact_check({**ITEM, **item}, answer)
    assert (found["verdict"], words in found["reason"]) == (verdict, True)


def test_the_configuration() -> None:
    files = [{"name": "a.ini", "changed": False}, {"name": "b.ini", "changed": True}]
    assert smoke.config_check("shop", files)["reason"].startswith("b.ini on the host differs")
    assert smoke.config_check("shop", files[:1])["verdict"] == "passed"
    assert smoke.config_check("shop", [], "no template")["verdict"] == "errored"


NAMES = st.dictionaries(st.text("abc", min_size=1, max_size=3), st.text(max_size=5), max_size=4)


@given(NAMES, NAMES)
def test_only_the_same_secrets_pass(now: dict[str, str], before: dict[str, str]) -> None:
    told = smoke.secrets_check(smoke.fingerprints(now, "key"), smoke.fingerprints(before, "key"), release="1")
    assert (told["verdict"] == "passed") == (now == before)


def test_fingerprints_show_no_secret_and_the_first_test_compares_with_nothing() -> None:
    found = smoke.fingerprints({"a": {"b": ["secret", None, 7]}}, "key")
    assert [one["name"] for one in found] == ["a.b.0", "a.b.2"]
    assert "secret" not in str(found)
    assert found != smoke.fingerprints({"a": {"b": ["secret", None, 7]}}, "another key")
    assert "are recorded" in smoke.secrets_check(found, None, release="1")["reason"]
    assert smoke.secrets_check([], [], release="1", fault="sealed")["verdict"] == "errored"


def test_one_answer_for_all_hosts() -> None:
    good, bad = smoke.check("shop", "artifact", "passed", "fine"), smoke.check("shop", "config", "failed", "a.ini differs")
    told = smoke.answer({"web1": [good, bad], "web2": None})
    assert told["verdict"] == "failed"
    lines = told["message"].split("\n")
    assert lines[:2] == ["2 of 3 checks did not pass.", "web1 shop config failed: a.ini differs"]
    assert lines[2].startswith("web2 host errored: it was not reached")
    assert smoke.answer({"web1": [good]}) == {"verdict": "passed", "message": "All 1 checks passed.", "checks": [{"host": "web1", **good}]}
    assert smoke.answer({"web1": []})["verdict"] == "inconclusive"


def test_results_of_probes_become_checks() -> None:
    results = [{"name": "shop: buy: twice", "verdict": "failed", "reason": "no", "address": "::1"}]
    assert smoke.probe_checks(results) == [{"service": "shop", "check": "smoke buy: twice at ::1", "verdict": "failed", "reason": "no"}]
