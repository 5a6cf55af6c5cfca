# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import command_line, evidence, inventory, phase, probes, rollback_target
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError
from hypothesis import given
from hypothesis import strategies as st

PLAN = {"services": [{"hosts": {"w1": {}, "w2": {}}}]}
FAILED = {"phase": "stage", "task": "Install the artifact", "msg": "digest differs"}


@pytest.mark.parametrize(
    ("facts", "states"),
    [
        ({"w1": {"deploy_done": ["stage"]}, "w2": {"deploy_done": ["stage"]}}, ["done", "done"]),
        ({"w1": {"deploy_done": ["stage"]}, "w2": {"deploy_failed": FAILED}}, ["done", "failed"]),
        ({"w1": {"deploy_done": ["stage"], "deploy_failed": {**FAILED, "phase": "migrate"}}, "w2": {"deploy_done": ["stage"]}}, ["failed", "done"]),
        ({"w1": {"deploy_done": ["stage"]}}, ["done", "unreachable"]),
        ({"w1": {"deploy_done": ["other"]}, "w2": {"deploy_done": ["stage"]}}, ["unreachable", "done"]),
    ],
)
def test_silence_is_never_success(facts, states):
    found, problems = phase.judge(phase="stage", hosts=phase.hosts_of(PLAN), facts=facts)
    assert list(found.values()) == states
    assert len(problems) == sum(state != "done" for state in states)


@pytest.mark.parametrize(
    ("facts", "states"),
    [
        ({"w1": {"deploy_done": ["settle", "protect"]}, "w2": {"deploy_done": ["settle"]}, "lb": {"deploy_done": ["protect"]}}, ["done", "unreachable"]),
        ({"w1": {"deploy_done": ["settle", "protect"]}, "w2": {"deploy_failed": FAILED}, "lb": {"deploy_done": ["protect"]}}, ["done", "failed"]),
        ({"w1": {"deploy_done": ["settle", "protect"]}, "w2": {"deploy_done": ["settle", "protect"]}}, ["done", "done", "unreachable"]),
    ],
)
def test_silence_in_another_phase_is_no_success(facts, states):
    also = {"protect": ["lb", "w1", "w2", "left-out"]}
    found, problems = phase.judge(phase="settle", hosts=["w1", "w2"], facts=facts, also=also, excluded={"left-out": "its disk"})
    assert list(found.values()) == states
    assert len(problems) == sum(state != "done" for state in states)


def test_a_problem_is_reported_with_its_host_task_and_reason():
    _states, problems = phase.judge(phase="stage", hosts=["w1"], facts={"w1": {"deploy_failed": FAILED}})
    assert phase.report(problems) == "  w1 (stage): Install the artifact: digest differs"


@pytest.mark.parametrize(
    ("current", "verified", "wanted", "chosen"),
    [
        ("1.1.0", ["1.0.0", "1.1.0"], "", "1.0.0"),
        ("1.0.0", ["1.0.0", "1.1.0", "1.0.0"], "", "1.1.0"),
        ("1.2.0", ["1.0.0", "1.1.0"], "1.0.0", "1.0.0"),
    ],
)
def test_rollback_target(current, verified, wanted, chosen):
    assert rollback_target.choose(environment="staging", current=current, verified=verified, wanted=wanted) == chosen


def test_an_unknown_rollback_target_lists_the_choices():
    with pytest.raises(DeploymentError, match=r"9\.9\.9 .*possible to: 1\.0\.0"):
        rollback_target.choose(environment="staging", current="1.1.0", verified=["1.0.0", "1.1.0"], wanted="9.9.9")


def test_no_rollback_without_a_second_verified_release():
    with pytest.raises(DeploymentError, match="no other release"):
        rollback_target.choose(environment="staging", current="1.0.0", verified=["1.0.0"])


def test_placeholders():
    template = {"a": ["{port}", "x{address}y"], "b": 7, "c": "{}{ port }"}
    assert command_line.fill(template, {"port": 1, "address": "h"}) == {"a": ["1", "xhy"], "b": 7, "c": "{}{ port }"}


def test_an_unknown_placeholder_lists_the_known_ones():
    with pytest.raises(DeploymentError, match=r"\{prot\}.*\{address\}, \{port\}"):
        command_line.fill("{prot}", {"port": 1, "address": "h"})


@given(st.text(alphabet=st.characters(blacklist_characters="{}")))
def test_text_without_placeholders_stays(text):
    assert command_line.fill(text, {}) == text


@pytest.mark.parametrize(
    ("probe", "aimed"),
    [
        ({"type": "http", "path": "/up"}, {"type": "http", "url": "http://h:8/up"}),
        ({"type": "http", "url": "http://other/{port}"}, {"type": "http", "url": "http://other/8"}),
        ({"type": "tcp"}, {"type": "tcp", "host": "h", "port": 8}),
        ({"type": "tcp", "port": 9}, {"type": "tcp", "host": "h", "port": 9}),
        ({"type": "command", "argv": ["ping", "{address}"]}, {"type": "command", "argv": ["ping", "h"]}),
    ],
)
def test_probes_are_aimed(probe, aimed):
    assert probes.at([probe], {"address": "h", "port": 8}) == [aimed]


def entry(kind, environment, release="1.0.0", subject="", time="2026-01-01T00:00:00Z", **body):
    return {"kind": kind, "phase": "fact", "environment": environment, "release": release, "subject": subject, "time": time, "body": body}


def assemble(entries):
    return evidence.assemble(
        now="2026-01-01T01:00:00Z",
        act="promote",
        environment={"name": "production"},
        upstream={"name": "staging"},
        manifest={"version": "1.0.0"},
        entries=entries,
        deployed={"staging": {"shop": "1.0.0"}},
    )


def test_evidence_that_nobody_gathered_is_null():
    document = assemble([])
    assert document["upstream"]["drift"] is None
    assert document["upstream"]["verified"] is False
    assert document["upstream"]["runs_release"] is True


def test_a_later_failed_verification_revokes_the_first():
    entries = [entry("verification", "staging", verdict="passed"), entry("verification", "staging", verdict="failed")]
    assert assemble(entries[:1])["ledger"]["verified_in"] == ["staging"]
    assert assemble(entries)["ledger"]["verified_in"] == []


def test_the_newest_drift_report_of_each_subject_counts():
    entries = [
        entry("drift", "staging", subject="web1", verdict="failed", findings=[{"path": "p", "kind": "changed"}]),
        entry("drift", "staging", subject="web1", time="2026-01-01T00:30:00Z", verdict="passed", findings=[]),
        entry("drift", "staging", subject="web2", time="2026-01-01T00:10:00Z", verdict="failed", findings=[{"path": "q", "kind": "added"}]),
    ]
    drift = assemble(entries)["upstream"]["drift"]
    assert (drift["findings"], drift["verdict"], drift["observed_at"]) == (1, "failed", "2026-01-01T00:10:00Z")
    assert drift["items"] == [{"subject": "web2", "path": "q", "kind": "added"}]


def test_balancers_that_disagree_are_never_guessed():
    hostvars = {"lb1": {"deploy_live": {"shop": "shop_blue"}}, "lb2": {"deploy_live": {"shop": "shop_green"}}}
    with pytest.raises(DeploymentError, match=r"shop_blue.*lb2 serves shop_green"):
        inventory.live_backends(hosts=["lb1", "lb2"], hostvars=hostvars)


def test_a_missing_manifest_lists_the_releases(tmp_path):
    (tmp_path / "1.0.0.yml").write_text("version: 1.0.0\n")
    with pytest.raises(DeploymentError, match=r"'2\.0\.0'.*releases there are 1\.0\.0"):
        inventory.read_manifest(folder=str(tmp_path), version="2.0.0")


@pytest.mark.parametrize("version", ["../1.0.0", "a/../1.0.0", "/1.0.0", "sub/1.0.0"])
def test_a_version_is_never_a_path(tmp_path, version):
    (tmp_path / "releases/sub").mkdir(parents=True)
    for place in ("1.0.0.yml", "releases/1.0.0.yml", "releases/sub/1.0.0.yml"):
        (tmp_path / place).write_text("version: 1.0.0\ncomponents: {}\n")
    with pytest.raises(DeploymentError, match="it is never a path"):
        inventory.read_manifest(folder=str(tmp_path / "releases"), version=version)


def test_an_artifact_is_found_relative_to_its_manifest(tmp_path):
    (tmp_path / "1.0.0.yml").write_text("version: 1.0.0\ncomponents: {shop: {artifact: ../shop.tar.gz}}\n")
    manifest = inventory.read_manifest(folder=str(tmp_path), version="1.0.0")
    assert manifest["components"]["shop"]["artifact"] == str(tmp_path.parent / "shop.tar.gz")


def test_who_had_nothing_to_do_came_through_whatever_happened_before() -> None:
    facts = {"w1": {"deploy_failed": FAILED}, "w2": {}}
    states, problems = phase.judge(phase="settle", hosts=["w1", "w2", "w3"], facts=facts, ended=["w1", "w2"], excluded={"w2": "its disk"})
    assert states == {"w1": "done", "w2": "excluded", "w3": "unreachable"}
    assert [problem["host"] for problem in problems] == ["w2", "w3"]
