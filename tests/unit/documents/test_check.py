# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents import cross, files
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.check import SCHEMAS, check
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.source import Source, parse
from hypothesis import given
from hypothesis import strategies as st

TODAY = date(2026, 11, 21)
ENVIRONMENT: dict[str, Any] = {
    "name": "staging",
    "tier": "staging",
    "kind": "permanent",
    "owner": "team-shop",
    "stage": 2,
    "provider": "process",
    "data_policy": "masked",
}
WINDOW = {"name": "w", "days": ["mon"], "from": "09:00", "to": "17:00", "timezone": "Europe/Berlin"}
DIFFERENCE = {"path": "config:*", "reason": "r", "owner": "o", "expires": "2026-11-21"}


def faults(kind: str, value: Any) -> dict[str, Any]:
    return {fault.path: fault for fault in check(kind, value, today=TODAY, source=Source("a.yml"))}


def test_a_good_environment_has_no_fault() -> None:
    freeze = {"name": "f", "from": "2026-12-20T00:00:00Z", "to": "2027-01-02T00:00:00+01:00", "reason": "r"}
    assert faults("environment", {**ENVIRONMENT, "windows": [WINDOW], "freezes": [freeze], "allowed_differences": [DIFFERENCE]}) == {}
    assert faults("environment", {**ENVIRONMENT, "kind": "ephemeral", "ttl": "7d"}) == {}


def test_a_line_feed_at_the_end_belongs_to_the_text() -> None:
    assert set(faults("environment", {**ENVIRONMENT, "name": "staging\n"})) == {"name"}
    assert set(faults("environment", {**ENVIRONMENT, "access_roles": {"releaser\n": ["shop"]}})) == {"access_roles.releaser\n"}


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_what_passes_every_limit_is_no_number(number: float) -> None:
    rules = {"rules": [{"name": "n", "applies_to": {}, "people": number, "from": ["g"], "reason": "r"}]}
    assert "rules[0].people" in faults("approvals", rules)
    sla = faults("environment", {**ENVIRONMENT, "sla": {"availability": number}})
    assert sla["sla.availability"].allowed.startswith("a number")


@pytest.mark.parametrize(
    ("change", "path", "found", "allowed", "hint"),
    [
        ({"tier": "prodcution"}, "tier", '"prodcution"', "development, test, staging, production", "did you mean production?"),
        ({"ownr": "x"}, "ownr", "the unknown key ownr", "name, tier", "remove it"),
        ({"required_aprovals": 1}, "required_aprovals", "the unknown key", "required_approvals", "did you mean required_approvals?"),
        ({"stage": 0}, "stage", "0", "1 or more", ""),
        ({"stage": "2"}, "stage", '"2"', "a whole number", ""),
        ({"stage": True}, "stage", "true", "a whole number", ""),
        ({"owner": 7}, "owner", "7", "text", "put it in quotes"),
        ({"name": "Staging-1"}, "name", '"Staging-1"', "lower-case letters", ""),
        ({"kind": "ephemeral"}, "ttl", "nothing", "", "add ttl"),
        ({"ttl": "7d"}, "ttl", '"7d"', "only with kind: ephemeral", "remove it"),
        ({"kind": "ephemeral", "ttl": "7 days"}, "ttl", '"7 days"', "30s, 15m, 8h or 7d", ""),
        ({"kind": "ephemeral", "ttl": "0s"}, "ttl", '"0s"', "more than 0", ""),
        ({"windows": [{**WINDOW, "timezone": "Europe/Berln"}]}, "windows[0].timezone", '"Europe/Berln"', "IANA", ""),
        ({"windows": [{**WINDOW, "from": "24:00"}]}, "windows[0].from", '"24:00"', "time of day", ""),
        ({"windows": [{**WINDOW, "from": 540}]}, "windows[0].from", "540", "text", "put it in quotes"),
        ({"freezes": [{"name": "f", "from": "2026-12-20", "to": "x", "reason": "r"}]}, "freezes[0].from", '"2026-12-20"', "RFC 3339", ""),
        ({"allowed_differences": [{**DIFFERENCE, "expires": "2026-11-20"}]}, "allowed_differences[0].expires", '"2026-11-20"', "today or later", ""),
        ({"quota": {"cpu": 0}}, "quota.cpu", "0", "more than 0", ""),
        ({"access_roles": {"api_token": "hunter22"}}, "access_roles.api_token", "[REDACTED]", "a list", ""),
        ({"owner": {"a": 1}}, "owner", "a mapping with 1 keys", "text", ""),
    ],
)
def test_environment_faults(change: dict[str, Any], path: str, found: str, allowed: str, hint: str) -> None:
    given_faults = faults("environment", {**ENVIRONMENT, **change})
    assert found in given_faults[path].found
    assert allowed in given_faults[path].allowed
    assert hint in given_faults[path].hint


def test_all_faults_come_at_once() -> None:
    assert set(faults("environment", {"name": "X", "tier": "x", "extra": 1})) == {
        "name", "tier", "extra", "kind", "owner", "stage", "provider", "data_policy",
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["environment", "services", "release", "policy", "waivers"])
def test_every_property_is_described_and_closed(kind: str) -> None:
    def walk(node: Any, where: str) -> None:
        if isinstance(node, list):
            for item in node:
                walk(item, where)
        elif isinstance(node, dict):
            if node.get("type") == "object":
                assert node.get("additionalProperties") is not None, where
            for name, sub in node.get("properties", {}).items():
                assert "$ref" in sub or "description" in sub or "const" in sub or where.endswith("/if"), f"{where}/{name}"
            for key, sub in node.items():
                walk(sub, f"{where}/{key}")

    document = json.loads((SCHEMAS / f"{kind}.json").read_text())
    for key, part in document.items():
        if key != "allOf":
            walk({k: v for k, v in part.items() if k != "allOf"} if isinstance(part, dict) else part, f"{kind}/{key}")


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8))
def test_no_value_breaks_the_check(value: Any) -> None:
    for kind in ("environment", "services", "release", "policy", "waivers"):
        check(kind, value, today=TODAY, source=Source("a.yml"))


def test_services_are_checked_by_engine() -> None:
    found = faults("services", {"db": {"engine": "postgresql", "hosts": "g", "comand": []}, "Web-1": {"engine": "application", "hosts": "g", "database": "db"}})
    assert found["db.database"].found == "nothing"
    assert found["db.comand"].hint == "did you mean command?"
    assert "the key Web-1" in found["Web-1"].found
    assert {"Web-1.component", "Web-1.command", "Web-1.database"} <= set(found)


@pytest.mark.parametrize(
    ("text", "line", "found"),
    [
        ("a: 1\nb: [", 2, "expected"),
        ("a: 1\nb: 2\na: 3\n", 3, "the key twice, in lines 1 and 3"),
        ("a: {b: 1, b: 2}\n", 1, "the key twice, in lines 1 and 1"),
        ("a: &x [*x]\n", 1, "contains itself"),
        ("a: !!python/object:os.system x\n", 1, "could not determine a constructor"),
        ("a: 1\n---\nb: 2\n", 2, "another document"),
    ],
)
def test_broken_yaml(text: str, line: int, found: str) -> None:
    _value, _source, own = parse(text, "a.yml")
    assert [(fault.line, found in fault.found) for fault in own] == [(line, True)]


def test_lines_of_key_paths() -> None:
    _value, source, _faults = parse("# c\na:\n  - b: 1\n    c: 2\n", "a.yml")
    assert [source.line(path) for path in (("a",), ("a", 0, "c"), ("a", 0, "missing"), ("zzz",))] == [2, 4, 3, 2]


def environment(name: str, services: Any = None, **more: Any) -> cross.Environment:
    document = {**ENVIRONMENT, "name": name, **more}
    return cross.Environment(name, (f"{name}1",), document, services or {}, Source(name, prefix="evenkeel_environment"), Source(name))


def found_in(faults: list[Any]) -> str:
    return "\n".join(f"{fault.path} {fault.found} {fault.allowed}" for fault in faults)


GROUPS = {"all": ["a1", "b1"], "a": ["a1"], "b": ["b1"], "empty": []}


@pytest.mark.parametrize(
    ("environments", "groups", "text"),
    [
        ([environment("a", stage=1), environment("b", stage=1)], GROUPS, "stage 1, the stage of a"),
        ([environment("a", promotes_from="c")], GROUPS, '"c" an environment of the inventory'),
        ([environment("a", stage=1, promotes_from="b"), environment("b", stage=2)], GROUPS, "b, stage 2 an environment of a stage before 1"),
        ([environment("a", promotes_from="b"), environment("b", promotes_from="a")], GROUPS, "a circle: "),
        ([environment("a"), environment("b", stage=1)], {**GROUPS, "b": ["a1", "b1"]}, "hosts that belong to a and to b: a1"),
        ([environment("a")], {"all": ["a1"], "x": ["a1"]}, 'evenkeel_environment.name "a" the name of the inventory group of its hosts: x'),
    ],
)
def test_environments_together(environments: list[cross.Environment], groups: dict[str, list[str]], text: str) -> None:
    assert text in found_in(cross.environment_faults(environments, groups))


@pytest.mark.parametrize(
    ("services", "text"),
    [
        ({"s": {"hosts": "nowhere"}}, 's.hosts "nowhere", a group that the inventory lacks'),
        ({"s": {"hosts": "empty"}}, 's.hosts "empty", a group without hosts'),
        ({"s": {"hosts": "b"}}, "s.hosts b with hosts outside a: b1"),
        ({"s": {"depends_on": ["t"]}}, 's.depends_on[0] "t" a service of a: none'),
        ({"s": {"uses": {"database": "t"}}}, 's.uses.database "t"'),
        ({"s": {"depends_on": ["t"]}, "t": {"depends_on": ["s"]}}, "a circle: "),
        ({"s": {"depends_on": ["s"]}}, "a circle: s -> s"),
    ],
)
def test_services_together(services: dict[str, Any], text: str) -> None:
    assert text in found_in(cross.service_faults(environment("a", services), GROUPS))


ROLLED = {"production": ["w1", "w2", "w3"], "web": ["w1", "w2", "w3"], "left": ["w1"], "right": ["w2", "w3"], "most": ["w1", "w2"], "one": ["w2"]}


@pytest.mark.parametrize(
    ("service", "text"),
    [
        ({"strategy": "canary", "rollout": {"surge": True}}, "shop.rollout.surge surge with strategy canary surge only with strategy rolling"),
        ({"rollout": {"baseline": "same_age"}}, "shop.rollout.baseline baseline with strategy blue_green baseline only with strategy canary"),
        (
            {"strategy": "canary", "rollout": {"baseline": "same_age", "steps": [{"weight": 51, "seconds": 1}]}},
            "shop.rollout.steps[0].weight 51 beside a baseline of the same age, which gets as much at most 50",
        ),
        ({"colours": {"blue": "left", "green": "rigth"}}, 'shop.colours.green "rigth" a group of hosts of web: left, most, one, right'),
        ({"colours": {"blue": "most", "green": "right"}}, "shop.colours.green hosts of both colours: w2"),
        ({"colours": {"blue": "left", "green": "one"}}, "shop.colours web with hosts of neither colour: w3"),
        ({"strategy": "rolling", "colours": {"blue": "left", "green": "right"}}, "shop.colours colours with strategy rolling"),
        ({"strategy": "rolling", "rollout": {"surge": 1}, "ports": {"main": 1}}, "shop.ports the ports main also blue, green"),
        ({"strategy": "canary", "rollout": {"baseline": "same_age"}, "ports": {"blue": 1, "green": 2}}, "shop.ports the ports blue, green also baseline"),
        ({"colours": {"blue": "left", "green": "right"}}, ""),
        ({"strategy": "rolling", "rollout": {"surge": True}, "ports": {"blue": 1, "green": 2}}, ""),
    ],
)
def test_how_a_service_is_rolled_out(service: dict[str, Any], text: str) -> None:
    services = {"shop": {"engine": "application", "hosts": "web", **service}}
    found = found_in(cross.service_faults(environment("production", services, provider="existing"), ROLLED))
    assert text in found
    assert text or not found


def test_a_policy_may_only_name_what_is_there() -> None:
    policy = cross.Document("p", {"applies_to": {"environments": ["aa"]}, "rules": [{"name": "r"}, {"name": "r"}]}, Source("p"))
    text = found_in(cross.policy_faults(policy, [environment("a")]))
    assert 'applies_to.environments[0] "aa" an environment of the inventory: a' in text
    assert 'rules[1].name "r" again' in text


def test_files(tmp_path: Path) -> None:
    (tmp_path / "1.0.0.yml").write_text("version: 1.0.1\n")
    (tmp_path / "1.0.2.yml").write_bytes(b"\xff\xfe\x00")
    documents, own = files.read("release", [str(tmp_path), str(tmp_path / "gone")], today=TODAY)
    assert [document.name for document in documents] == ["1.0.0"]
    text = found_in(own)
    assert 'version "1.0.1" the name of the file, 1.0.0' in text
    assert "bytes that are not UTF-8" in text
    assert "(file) nothing a readable file or folder" in text
