# SPDX-License-Identifier: GPL-3.0-or-later
"""Every rule judges its own examples; what was not looked at never passes; waivers end."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot import registry
from ansible_collections.evenkeel.release.plugins.plugin_utils._compliance.check import check, judge
from ansible_collections.evenkeel.release.plugins.plugin_utils._compliance.needs import needs
from ansible_collections.evenkeel.release.plugins.plugin_utils._compliance.operators import OPERATORS
from ansible_collections.evenkeel.release.plugins.plugin_utils._compliance.rules import Baseline, BaselineFault, Rule, load, parse, shipped
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.patterns import any_matches

READ = {name: {"state": "read"} for name in {*registry.KIND_OF.values()}}
TODAY = date(2026, 11, 21)
BASELINES = [load(name) for name in shipped()]
# What both have in common is judged once.
OWN = {(rule.id, str(rule)): (baseline.name, rule) for baseline in BASELINES for rule in baseline.rules}
RULES = [pytest.param(rule, id=f"{name}-{rule.id}") for name, rule in OWN.values()]
RULE = """
name: mine
rules:
  - id: motd
    title: There is a message
    severity: high
    item: file:/etc/motd
    attribute: mode
    operator: mode_at_most
    value: "0644"
    on_missing: fail
    rationale: Because.
    remedy: chmod 0644 /etc/motd
"""


def one(text: str = RULE) -> Baseline:
    return parse(text, "mine")


def test_the_shipped_baselines_are_large_enough() -> None:
    assert shipped() == ["debian12", "rhel9"]
    for baseline in BASELINES:
        assert len(baseline.rules) >= 40
        assert len({rule.id for rule in baseline.rules}) == len(baseline.rules)
        kinds = {kind for rule in baseline.rules for kind in rule.kinds}
        assert {"config", "file", "sysctl", "user", "sudo", "service", "mount", "package", "time", "port", "cmdline"} <= kinds


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_judges_its_examples(rule: Rule) -> None:
    assert rule.passes, "no passing example"
    assert rule.fails, "no failing example"
    for example in rule.passes:
        assert judge(rule, example, READ)["result"] == "passed", example
    judged = any(any_matches(rule.items, key) for example in rule.passes for key in example)
    assert judged or rule.operator == "absent", "no passing example that the rule looks at"
    for example in rule.fails:
        result = judge(rule, example, READ)
        assert result["result"] == "failed", example
        assert result["evidence"] or rule.on_missing == "fail" or rule.operator == "absent"


@pytest.mark.parametrize("rule", RULES)
def test_what_was_not_looked_at_is_unknown(rule: Rule) -> None:
    for kind in rule.kinds:
        name = registry.KIND_OF[kind]
        blind = {**READ, name: {"state": "unknown", "reason": "permission denied"}}
        for items in ({}, *rule.passes):
            assert judge(rule, items, blind)["result"] == "unknown"
        assert judge(rule, {}, {key: state for key, state in READ.items() if key != name})["result"] == "unknown"


@pytest.mark.parametrize("rule", RULES)
def test_an_item_that_cannot_be_read_does_not_pass(rule: Rule) -> None:
    example = next((example for example in rule.passes if any(any_matches(rule.items, key) for key in example)), None)
    if example is None:
        return
    blind = {key: {"unknown": "permission denied"} for key in example}
    assert judge(rule, blind, READ)["result"] == ("passed" if rule.operator == "present" else "unknown")


def test_a_port_whose_process_is_hidden_is_open_all_the_same() -> None:
    rule = next(rule for rule in BASELINES[0].rules if rule.id == "no-telnet-port")
    assert judge(rule, {"port:tcp:0.0.0.0:23": {"unknown": "permission denied"}}, READ)["result"] == "failed"


@pytest.mark.parametrize("name", ["sudo-pty", "sudo-password"])
def test_rules_of_sudo_are_unknown_when_its_file_is(name: str) -> None:
    rule = next(rule for rule in BASELINES[0].rules if rule.id == name)
    assert judge(rule, {"sudo:/etc/sudoers": {"unknown": "permission denied"}}, READ)["result"] == "unknown"


def test_a_file_that_cannot_be_parsed_hides_its_keys() -> None:
    rule = next(rule for rule in BASELINES[0].rules if rule.id == "ssh-x11")
    found = judge(rule, {"config:sshd_config": {"unknown": "it cannot be parsed"}, "file:/etc/ssh/sshd_config": {"type": "file"}}, READ)
    assert found["result"] == "unknown"
    assert "cannot be parsed" in found["reason"]


@pytest.mark.parametrize(
    ("operator", "found", "wanted", "expected"),
    [
        ("equals", "No ", "no", True),
        ("equals", 0, "0", True),
        ("not_equals", "1", 1, False),
        ("in", "2", [1, 2], True),
        ("not_in", "off", ["OFF"], False),
        ("matches", "chrony", "^chr", True),
        ("not_matches", "a NOPASSWD: ALL", "NOPASSWD", False),
        ("at_least", "2", 1, True),
        ("at_most", "2m", 60, False),
        ("between", "1m", [1, 60], True),
        ("mode_at_most", "0600", "0640", True),
        ("mode_at_most", "4600", "0640", False),
        ("mode_at_most", "0644", "0640", False),
        ("mode_has", "1777", "1000", True),
        ("mode_has", "0777", "1000", False),
        ("has", "nodev,nosuid,rw", "nodev,nosuid", True),
        ("has", "nodevx,nosuid", "nodev", False),
        ("has_none_of", "aes,CBC", ["cbc"], False),
        ("only", ["a", "b"], ["a", "b", "c"], True),
        ("only", ["a", "x"], ["a"], False),
    ],
)
def test_operators(operator: str, found: Any, wanted: Any, expected: bool) -> None:
    assert OPERATORS[operator](found, wanted) is expected


def test_a_value_that_cannot_be_judged_is_unknown() -> None:
    assert judge(one().rules[0], {"file:/etc/motd": {"mode": "odd"}}, READ)["result"] == "unknown"


@pytest.mark.parametrize(
    ("waiver", "result", "fault"),
    [
        ({"rule": "motd", "reason": "r", "owner": "o", "expires": "2026-11-21"}, "waived", ""),
        ({"rule": "mo*", "reason": "r", "owner": "o", "expires": date(2027, 1, 1)}, "waived", ""),
        ({"rule": "motd", "reason": "r", "owner": "o", "expires": "2027-01-01", "hosts": ["web*"]}, "waived", ""),
        ({"rule": "motd", "reason": "r", "owner": "o", "expires": "2027-01-01", "hosts": ["db*"]}, "failed", ""),
        ({"rule": "motd", "reason": "r", "owner": "o", "expires": "2026-11-20"}, "failed", "expired on 2026-11-20"),
        ({"rule": "motd", "owner": "o", "expires": "2027-01-01"}, "failed", "lacks reason"),
        ({"rule": "gone", "reason": "r", "owner": "o", "expires": "2027-01-01"}, "failed", "names no rule"),
        ({"rule": "motd", "reason": "r", "owner": "o", "expires": "soon"}, "failed", "no day"),
    ],
)
def test_waivers(waiver: dict[str, Any], result: str, fault: str) -> None:
    answer = check(one(), {"file:/etc/motd": {"mode": "0666"}}, READ, waivers=[waiver], today=TODAY, host="web1")
    assert answer["results"][0]["result"] == result
    assert fault in " ".join(answer["faults"])
    assert bool(answer["faults"]) == bool(fault)
    assert answer["verdict"] == ("passed" if result == "waived" else "failed")


def test_the_unknown_is_not_waived_and_not_passed() -> None:
    waiver = {"rule": "motd", "reason": "r", "owner": "o", "expires": "2027-01-01"}
    answer = check(one(), {}, {}, waivers=[waiver], today=TODAY)
    assert (answer["results"][0]["result"], answer["verdict"], len(answer["unused"])) == ("unknown", "inconclusive", 1)


def test_the_threshold_leaves_lighter_rules_out() -> None:
    items = {"file:/etc/motd": {"mode": "0666"}}
    assert check(one(), items, READ, today=TODAY, threshold="high")["verdict"] == "failed"
    assert check(one(), items, READ, today=TODAY, threshold="critical")["verdict"] == "passed"


def test_only_what_the_rules_need_is_asked_for() -> None:
    asked = needs(one())
    assert asked == {
        "collectors": ["files"], "paths": ["/etc/motd"], "exclude": ["/etc/motd/*"], "config": [], "sysctl_keys": [], "one_file_system": False,
    }  # fmt: skip
    whole = needs(BASELINES[0])
    assert {"path": "/etc/ssh/sshd_config", "format": "sshd"} in whole["config"]
    assert "kernel.kptr_restrict" in whole["sysctl_keys"]
    assert "/tmp/*" in whole["exclude"]
    assert "containers" not in whole["collectors"]


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (("operator: mode_at_most", "operator: roughly"), "operator 'roughly'"),
        (("severity: high", "severity: bad"), "severity 'bad'"),
        (("on_missing: fail", "on_missing: maybe"), "on_missing 'maybe'"),
        (("    remedy: chmod 0644 /etc/motd\n", ""), "lacks remedy"),
        (("item: file:", "item: fish:"), "no collector makes items of kind fish"),
        (("item: file:/etc/motd", "item: config:motd:x"), "lacks config"),
        (("    attribute: mode\n", ""), "lacks attribute or value"),
        (("    remedy:", "    fix: x\n    remedy:"), "has fix"),
        (("name: mine", "name: mine\nwithout: [x]"), "there is no such rule"),
    ],
)
def test_every_fault_of_a_document_is_told(edit: tuple[str, str], said: str) -> None:
    with pytest.raises(BaselineFault, match="cannot be used") as told:
        one(RULE.replace(*edit))
    assert said in str(told.value)


def test_an_own_baseline_extends_replaces_and_leaves_out() -> None:
    mine = one(RULE.replace("name: mine", "name: mine\nextends: common\nwithout: [no-cups]").replace("id: motd", "id: ssh-x11"))
    ids = {rule.id: rule.title for rule in mine.rules}
    assert ids["ssh-x11"] == "There is a message"
    assert "no-cups" not in ids
    assert len(ids) == len(load("debian12").rules) - 12
