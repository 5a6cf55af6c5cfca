# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.evenkeel.release.plugins.filter.drift_attribute import drift_attribute
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.attribute import attribute, stamp
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.runs import CHANGING

BASE = 1_800_000_000.0
PATH = "file:/etc/shop/shop.ini"
FINDING = {"path": PATH, "kind": "changed", "severity": "high", "before": {"sha256": "a"}, "after": {"sha256": "b"}}


def at(seconds):
    return BASE + seconds


def item(changed=500.0, owner="root", **more):
    place = {"exists": True, "written": at(changed), "changed": at(changed), "owner": owner}
    return {PATH: {"places": {"/etc/shop/shop.ini": place}, "words": [], **more}}


def sudo(seconds, command, who="alice", folder="/home/alice"):
    return {"how": "sudo", "time": at(seconds), "who": who, "as": "root", "folder": folder, "command": command, "text": f"sudo as root: {command}"}


def session(start, end=None, who="bob"):
    return {"how": "session", "time": at(start), "who": who, "text": f"{who} was logged in", **({"until": at(end)} if end else {})}


def audit(seconds, path="/etc/shop/shop.ini", who="carol"):
    return {"how": "audit", "time": at(seconds), "who": who, "path": path, "text": "vim"}


def package(seconds, name="deb/shop:amd64", version="1.1", who=""):
    return {"how": "package_log", "time": at(seconds), "packages": [name], "versions": {name: version}, "who": who, "text": f"dpkg upgraded {name}"}


def run(start, end=None, *, environment="staging", subject="web1/shop", kind="repair", body=None):
    common = {"kind": kind, "environment": environment, "subject": subject, "release": "1.1.0", "actor": {"name": "dora"}}
    intent = {**common, "id": f"i{start}", "phase": "intent", "time": stamp(at(start)), "body": body or {}}
    if end is None:
        return [intent]
    return [intent, {**common, "id": f"o{start}", "phase": "outcome", "time": stamp(at(end)), "body": {"intent": intent["id"], "verdict": "passed"}}]


def who(events=(), entries=(), items=None, finding=FINDING, *, skew=0.0, sources=None):
    evidence = {"events": list(events), "about": item() if items is None else items, "sources": {"file": {"state": "read"}} if sources is None else sources}
    (found,) = attribute([finding], evidence, entries, host="web1", environment="staging", since=at(0), until=at(1000), skew=skew)
    return [(row["who"], row["how"], row["confidence"]) for row in found["attribution"]]


OWNER = ("root", "file", "possible")


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ([], []),
        ([sudo(480, "/usr/bin/vi /etc/shop/shop.ini")], [("alice", "sudo", "likely")]),
        ([sudo(480, "vi shop.ini", folder="/etc/shop")], [("alice", "sudo", "likely")]),
        ([sudo(480, "vi ../shop/shop.ini", folder="/etc/x")], [("alice", "sudo", "likely")]),
        ([sudo(480, "sed -i s/a/b/ '/etc/shop/shop.ini'")], [("alice", "sudo", "likely")]),
        ([sudo(5, "vi /etc/shop/shop.ini")], [("alice", "sudo", "likely")]),
        ([sudo(100, "chmod -R u+w /etc/shop")], [("alice", "sudo", "possible")]),
        ([sudo(100, "ls /etc")], []),
        ([sudo(100, "vi /etc/shop/shop.ini.bak")], []),
        ([sudo(450, "ls /tmp")], [("alice", "sudo", "possible")]),
        ([sudo(510, "ls /tmp")], []),
        ([sudo(100, "/bin/bash")], [("alice", "sudo", "possible")]),
        ([sudo(100, "su")], [("alice", "sudo", "possible")]),
        ([sudo(100, "bash x.sh")], []),
        ([session(400, 600)], [("bob", "session", "possible")]),
        ([session(400, 450)], []),
        ([session(400)], [("bob", "session", "possible")]),
        ([session(550)], []),
        ([audit(500)], [("carol", "audit", "certain")]),
        ([audit(500, "/etc/passwd")], []),
        (
            [sudo(480, "vi /etc/shop/shop.ini"), audit(500), session(1, 900)],
            [("carol", "audit", "certain"), ("alice", "sudo", "likely"), ("bob", "session", "possible")],
        ),
        ([sudo(-50, "vi /etc/shop/shop.ini")], []),
        ([sudo(1001, "vi /etc/shop/shop.ini")], []),
        ([session(-500, 700)], [("bob", "session", "possible")]),
    ],
)
def test_evidence_of_the_host(events, said):
    assert who(events) == [*said, OWNER]


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        (run(400, 600), [("dora", "ledger", "likely")]),
        (run(400), [("dora", "ledger", "likely")]),
        (run(400, 600, body={"paths": [PATH]}), [("dora", "ledger", "certain")]),
        (run(100, 200, body={"paths": [PATH]}), []),
        (run(100, 200), []),
        (run(400, 600, environment="production"), []),
        (run(400, 600, subject="web2/shop"), []),
        (run(400, 600, subject="shop", kind="deployment"), [("dora", "ledger", "likely")]),
        (run(400, 600, kind="verification"), []),
    ],
)
def test_our_own_runs(entries, said):
    assert who(entries=entries) == [*said, OWNER]


def test_our_own_runs_come_first_and_their_own_sudo_is_no_candidate():
    become = "/bin/sh -c 'echo BECOME-SUCCESS-x ; python3'"
    events = [audit(500), sudo(450, become, who="deploy")]
    assert who(events, run(400, 600)) == [("dora", "ledger", "likely"), ("carol", "audit", "certain"), OWNER]
    assert ("deploy", "sudo", "possible") in who(events)


def test_without_a_time_a_run_is_only_possible():
    rows = who([session(100, 200)], run(400, 600), items={PATH: {"places": {}, "words": []}})
    assert rows == [("dora", "ledger", "possible"), ("bob", "session", "possible")]


@pytest.mark.parametrize(
    ("finding", "known", "events", "said"),
    [
        ("package:deb/shop:amd64", {"package": "deb/shop:amd64"}, [package(300)], [("", "package_log", "certain")]),
        ("package:deb/shop:amd64", {"package": "deb/shop:amd64"}, [package(300, version="1.0")], [("", "package_log", "likely")]),
        ("package:deb/shop:all", {"package": "deb/shop:all"}, [package(300)], [("", "package_log", "certain")]),
        ("package:deb/shop:amd64", {"package": "deb/shop:amd64"}, [package(300, who="erin"), package(300)], [("erin", "package_log", "certain")]),
        (
            "package:deb/shop:amd64",
            {"package": "deb/shop:amd64", "words": ["shop"]},
            [sudo(290, "apt-get install shop"), package(300)],
            [("alice", "package_log", "certain"), ("alice", "sudo", "likely")],
        ),
        ("package:deb/shop:amd64", {"package": "deb/shop:amd64"}, [package(300), sudo(400, "apt-get update")], [("", "package_log", "certain")]),
        ("package:deb/shop:amd64", {"package": "deb/shop:amd64"}, [package(300, "deb/other:amd64")], [("", "none", "unknown")]),
        ("user:mallory", {"words": ["mallory"]}, [sudo(300, "useradd mallory")], [("alice", "sudo", "likely")]),
        ("user:mallory", {"words": ["mallory"]}, [sudo(300, "useradd malloryx")], [("", "none", "unknown")]),
        ("sysctl:vm.swappiness", {"words": ["vm.swappiness"]}, [sudo(300, "sysctl -w vm.swappiness=1")], [("alice", "sudo", "likely")]),
    ],
)
def test_things_that_are_no_files(finding, known, events, said):
    known = {"places": {}, "words": [], **known}
    assert who(events, items={finding: known}, finding={**FINDING, "path": finding, "after": {"version": "1.1"}}) == said


def test_a_file_that_a_package_wrote():
    assert who([package(450)], items=item(package="deb/shop:amd64")) == [("", "package_log", "likely"), OWNER]
    assert who([package(100)], items=item(changed=5000, package="deb/shop:amd64")) == [("", "none", "unknown")]


def test_the_clock_of_the_host_is_corrected():
    ahead = [{**sudo(480, "vi /etc/shop/shop.ini"), "time": at(480 + 7200)}, {**session(400, 600), "time": at(7600), "until": at(7800)}]
    assert who(ahead, run(400, 600), items=item(500 + 7200), skew=7200.0) == [
        ("dora", "ledger", "likely"),
        ("alice", "sudo", "likely"),
        ("bob", "session", "possible"),
        OWNER,
    ]


def test_a_removed_file_is_dated_by_its_folder():
    items = {PATH: {"places": {"/etc/shop/shop.ini": {"exists": False, "folder_changed": at(500)}}, "words": []}}
    assert who([sudo(499, "rm /etc/shop/shop.ini"), session(600, 700)], items=items) == [("alice", "sudo", "likely")]


def test_when_nothing_tells_it_says_what_was_not_looked_at():
    sources = {"audit": {"state": "unknown", "reason": "there is no /var/log/audit/audit.log*"}, "logins": {"state": "read"}}
    evidence = {"events": [], "about": {}, "sources": sources}
    (found,) = attribute([FINDING], evidence, host="web1", environment="staging", since=at(0), until=at(9))
    assert found["attribution"] == [
        {
            "who": "",
            "when": None,
            "how": "none",
            "confidence": "unknown",
            "text": f"Nothing tells who did it; not looked at: audit ({sources['audit']['reason']}).",
        }
    ]
    assert drift_attribute([FINDING], host="web1", environment="x", since=0)[0]["attribution"][0]["text"].endswith("and the host was not asked.")


def test_times_are_those_of_the_controller():
    (found,) = drift_attribute([FINDING], {"about": item(), "sources": {}}, host="web1", environment="x", since=stamp(at(0)), until=at(1000), skew=100)
    assert found["attribution"][0]["when"] == stamp(at(400))


@pytest.mark.parametrize("since", ["2026-01-01 00:00:00", "soon"])
def test_a_time_without_a_zone_is_refused(since):
    with pytest.raises(AnsibleFilterError):
        drift_attribute([FINDING], host="web1", environment="x", since=since)


def test_the_role_asks_the_ledger_for_every_act_that_counts():
    tasks = yaml.safe_load((Path(__file__).parents[3] / "roles/drift/tasks/attribution.yml").read_text())
    assert {act for task in tasks for act in task.get("vars", {}).get("__drift_acts", ())} == set(CHANGING)
