# SPDX-License-Identifier: GPL-3.0-or-later
"""What was preserved, and what a rollback can make of it."""

from __future__ import annotations

from datetime import date

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._preserve import book, declared
from ansible_collections.evenkeel.release.plugins.plugin_utils._preserve.errors import PreservationError
from hypothesis import given
from hypothesis import strategies as st

TODAY = date(2026, 6, 30)
FLAG = {"share": 25.0, "killed": False, "digest": "f"}


def told(release="1.0.0", **parts):
    shop = {"root": "/srv/shop", "release": release, "colour": "blue", "artifact": "a" * 64, "config": {"shop.ini": "d1", "secret.ini": "d2"}}
    return {"dir": "/x", "preserved": {"services": {"shop": shop}, "files": {}, "flags": {}, **parts}}


def entry(number, body, *, phase="outcome", kind="step", environment="production"):
    return {
        "id": f"e{number}",
        "kind": kind,
        "phase": phase,
        "environment": environment,
        "release": "",
        "time": f"2026-06-{number:02d}T00:00:00Z",
        "body": body,
    }


def step(number, release, *, verdict="passed", **more):
    kept = book.record(identity=f"d{number}", hosts={"web1": told(release)})["body"]
    return entry(number, {"state": "preserved", "verdict": verdict, "preserved": kept}, **more)


WAY = {"service": "database", "host": "db1", "method": "backup_id", "answer": {"usable": True, "id": "night", "how": "restore the backup night", "needs": ""}}


def test_a_record_names_files_in_lists_so_that_no_name_hides_its_digest():
    made = book.record(identity="d1", hosts={"web1": told(files={"/etc/x": "absent"}, flags={"/f": {"token-check": FLAG}})}, databases=[WAY])
    assert made["problems"] == []
    body = made["body"]
    assert body["services"][0]["config"] == [{"name": "secret.ini", "digest": "d2"}, {"name": "shop.ini", "digest": "d1"}]
    assert body["files"] == [{"host": "web1", "path": "/etc/x", "digest": "absent"}]
    assert body["flags"] == [{"host": "web1", "path": "/f", "name": "token-check", **FLAG}]
    assert body["databases"][0]["backup"] == "night"


def test_neither_commands_nor_connections_reach_the_record():
    way = {**WAY, "restore": ["restore", "--password=hunter2"], "database": {"password": "hunter2"}, "environment": {"PGPASSWORD": "hunter2"}}
    made = book.record(identity="d1", hosts={}, databases=[way])
    assert "hunter2" not in str(made)
    assert made["body"]["databases"][0]["restores"] is True


@pytest.mark.parametrize(
    ("hosts", "databases", "problems"),
    [
        ({"web1": told(), "web2": False}, [], ["web2: it was not reached, or its state could not be recorded"]),
        ({"web1": {"failed": True, "msg": "disk full"}}, [], ["web1: it was not reached, or its state could not be recorded"]),
        ({}, [{**WAY, "answer": {"usable": False, "why": "too old"}}], ["db1: no way back for the data of database: too old"]),
        ({}, [{**WAY, "answer": {"failed": True, "msg": "unreachable"}}], ["db1: no way back for the data of database: unreachable"]),
        ({}, [{**WAY, "answer": {"usable": "********"}}], ["db1: no way back for the data of database: it was not told"]),
        ({}, [{**WAY, "answer": {}}], ["db1: no way back for the data of database: it was not told"]),
        ({}, [{**WAY, "answer": {"usable": True, "failed": True, "msg": "late"}}], ["db1: no way back for the data of database: late"]),
        ({}, [{"service": "database", "host": "db1", "method": "none", "reason": "a cache"}], []),
    ],
)
def test_what_is_missing_is_a_problem(hosts, databases, problems):
    made = book.record(identity="d1", hosts=hosts, databases=databases)
    assert [f"{one['host']}: {one['reason']}" for one in made["problems"]] == problems


def test_the_newest_complete_record_of_the_release_counts():
    entries = [
        step(1, "1.0.0"),
        step(2, "1.0.0"),
        step(3, "1.1.0"),
        step(4, "1.0.0", verdict="failed"),
        step(5, "1.0.0", environment="staging"),
        step(6, "1.0.0", phase="intent"),
    ]
    assert book.wanted(entries, environment="production", release="1.0.0")["entry"] == "e2"
    with pytest.raises(PreservationError, match=r"with release 2.0.0; there are records of 1.0.0, 1.1.0"):
        book.wanted(entries, environment="production", release="2.0.0")


WEB1, WEB2, BLOG = ("web1", "shop"), ("web2", "shop"), ("web1", "blog")


def mixed(number, releases):
    rows = [{"host": host, "service": service, "release": release} for (host, service), release in releases.items()]
    return entry(number, {"state": "preserved", "verdict": "passed", "preserved": {"id": f"d{number}", "services": rows}})


def test_a_rollback_takes_neither_its_own_set_nor_one_of_a_mixture():
    entries = [
        mixed(1, {WEB1: "1.0.0", WEB2: "1.0.0", BLOG: "2.0.0"}),
        mixed(2, {WEB1: "1.1.0", WEB2: "1.0.0", BLOG: "2.0.0"}),  # a rollout that stopped halfway
        mixed(3, {WEB1: "1.1.0", WEB2: "1.1.0", BLOG: "1.0.0"}),  # only another service had it
        mixed(4, {WEB1: "", BLOG: "1.0.0"}),
        mixed(5, {WEB1: "1.0.0", WEB2: "1.0.0", BLOG: "2.0.0"}),  # its own
    ]
    rollback = {"environment": "production", "release": "1.0.0", "services": ["shop"]}
    assert book.wanted(entries, **rollback, skip="d5")["entry"] == "e1"
    assert book.wanted(entries, **rollback)["entry"] == "e5"
    with pytest.raises(PreservationError):
        book.wanted(entries[1:4], **rollback)
    assert book.wanted(entries[:4], environment="production", release="1.0.0")["entry"] == "e4"


def test_only_services_that_had_the_release_are_restored():
    work = [{"service": "shop", "root": "/s"}, {"service": "blog", "root": "/b"}, {"service": "new", "root": "/n"}]
    rows = [{"host": host, "service": service, "release": release} for (host, service), release in {WEB1: "1.0.0", BLOG: "2.0.0", WEB2: "1.0.0"}.items()]
    asked = {"host": "web1", "release": "1.0.0", "services": []}
    assert declared.restored(work, {"shop": "green"}, rows, **asked) == [{"service": "shop", "root": "/s", "colour": "green"}]
    assert declared.restored(work, {}, rows, **asked) == [{"service": "shop", "root": "/s"}]
    assert declared.restored(work, {}, rows, **{**asked, "services": ["blog"]}) == []
    assert declared.restored(work, {}, rows, **{**asked, "host": "web3"}) == []


@pytest.mark.parametrize(
    ("way", "data", "part", "said"),
    [
        (WAY, False, "operator", "restore the backup night"),
        ({**WAY, "restore": ["x"]}, False, "operator", "preserve_restore_data=true"),
        ({**WAY, "restore": ["x"]}, True, "can", "what was written since then is lost"),
        ({**WAY, "answer": {"usable": False, "why": "archive_mode is off"}}, True, "cannot", "archive_mode is off"),
        ({"service": "cache", "host": "c1", "method": "none", "reason": "it is a cache"}, True, "cannot", "because it is a cache"),
    ],
)
def test_data_goes_back_only_when_somebody_says_so(way, data, part, said):
    kept = book.record(identity="d1", hosts={}, databases=[way])["body"]
    found = book.restorable(kept, data=data)
    assert said in found[part][0]
    assert all(not found[other] for other in found if other != part)


def test_what_a_rollback_restores_is_told():
    rows = [{"url": "https://u", "name": "search", "share": None, "killed": False}, {"url": "https://u", "name": "pay", "share": 100.0, "killed": False}]
    kept = book.record(identity="d1", hosts={"web1": told(files={"/etc/x": "d"})}, flags=rows)["body"]
    lines = book.tell(book.restorable(kept))
    assert "restored: release 1.0.0 of shop on web1" in lines
    assert "restored: 2 configuration files of shop on web1" in lines
    assert "restored: /etc/x on web1" in lines
    assert "restored: flag pay of https://u" in lines
    assert any(line.startswith("left to an operator: set flag search") for line in lines)
    assert not any("configuration" in line for line in book.tell(book.restorable(kept, parts=["files"])))


@pytest.mark.parametrize(
    ("before", "now", "act"),
    [
        ((25.0, False), (100.0, False), {"state": "percentage", "percentage": 25.0}),
        ((0.0, False), (100.0, False), {"state": "off"}),
        ((100.0, False), (0.0, False), {"state": "on"}),
        ((0.0, True), (100.0, False), {"state": "killed"}),
        ((25.0, False), (25.0, False), None),
        ((None, False), (25.0, False), None),
    ],
)
def test_flags_of_servers_go_back_to_their_share(before, now, act):
    rows = [{"url": "u", "name": "pay", "share": share, "killed": killed} for share, killed in (before, now)]
    made = book.flag_acts({"flags": [rows[0]]}, [rows[1]])
    assert made == ([{"url": "u", "name": "pay", **act}] if act else [])


@pytest.mark.parametrize(
    ("kind", "document", "said"),
    [
        ("preserve", {"databases": {"database": {"method": "hope"}}}, "hope"),
        ("preserve", {"databases": {"database": {"method": "none"}}}, "reason"),
        ("preserve", {"databases": {"database": {"method": "backup_now", "command": ["x"]}}}, "file"),
        ("preserve", {"file": ["/x"]}, "file"),
        ("preserve", {"files": ["x"]}, "absolute"),
        ("preserve", {"flags": [{"provider": "flagd"}]}, "path"),
        ("rehearsal", {}, "write"),
        ("rehearsal", {"write": {}, "check": []}, "check"),
        ("rehearsal", {"write": {"command": ["x"]}, "check": [{"name": "a"}]}, "sql"),
        ("rehearsal", {"write": {"command": ["x"]}, "check": [{"name": "a", "sql": "x", "expect": "more"}]}, "kept"),
        ("rehearsal", {"write": {"probes": [{"name": "a"}]}, "check": [{"name": "a", "sql": "x"}]}, "type"),
    ],
)
def test_faults_of_a_document_are_told(kind, document, said):
    with pytest.raises(PreservationError) as found:
        declared.checked(kind, document, today=TODAY)
    assert said in str(found.value)
    assert f"evenkeel_{kind}" in str(found.value)


def test_the_documents_of_the_guides_are_right():
    way = {
        "method": "backup_now",
        "command": ["pg_dump", "--file={file}"],
        "file": "/b/{id}",
        "prove": ["pg_restore", "--list", "{file}"],
        "restore": ["x", "{file}"],
    }
    document = {"files": ["/etc/x"], "flags": [{"provider": "flagd", "path": "/f", "flags": ["a"], "hosts": ["web1"]}], "databases": {"database": way}}
    assert declared.checked("preserve", document, today=TODAY) == document
    write = {"probes": [{"name": "order", "type": "scenario", "url": "http://{address}:{port}", "steps": [{"name": "a", "path": "/"}]}]}
    rehearsal = {"valid": "7d", "write": write, "check": [{"name": "orders", "sql": "select 1", "expect": "grown"}]}
    assert declared.checked("rehearsal", rehearsal, today=TODAY) == rehearsal
    assert declared.flags_of_host(document, "web1") == [{"path": "/f", "flags": ["a"]}]
    assert declared.flags_of_host(document, "web2") == []


def test_a_database_without_a_host_is_refused():
    document = {"databases": {"ledger": {"method": "backup_id", "backup": {"id": "x", "taken_at": "y"}}}}
    with pytest.raises(PreservationError, match="services with hosts are database"):
        declared.databases(document, {"database": ["db1"]})
    assert declared.databases(document, {"ledger": ["db2", "db3"]})[0]["host"] == "db2"


def test_a_flag_that_a_server_lacks_is_refused():
    result = {"item": {"url": "u", "flags": ["a", "b"]}, "flags": [{"key": "a", "share": 0.0, "killed": False}], "missing": ["b"]}
    with pytest.raises(PreservationError, match="u has no flag b"):
        declared.server_flags([result])
    assert declared.server_flags([{**result, "missing": []}]) == [{"url": "u", "name": "a", "share": 0.0, "killed": False}]


@given(st.dictionaries(st.text(min_size=1), st.one_of(st.none(), st.booleans(), st.just({}), st.just(told()))))
def test_every_host_is_recorded_or_a_problem(hosts):
    made = book.record(identity="d", hosts=hosts)
    recorded = {row["host"] for row in made["body"]["services"]}
    missing = {row["host"] for row in made["problems"]}
    assert recorded | missing == set(hosts)
    assert not recorded & missing
