# SPDX-License-Identifier: GPL-3.0-or-later
"""Is it the deployment? Stories with a known cause."""

from __future__ import annotations

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._diagnose import tell
from ansible_collections.evenkeel.release.plugins.plugin_utils._diagnose.answer import answer
from ansible_collections.evenkeel.release.plugins.plugin_utils._diagnose.model import DiagnoseError, Question, stamp
from ansible_collections.evenkeel.release.tests.unit.diagnose.book import NOON, Book, at, finding


def ask(book, minutes=0.0, *, now=60.0, **question):
    asked = Question("production", NOON + 60 * minutes, **{"tolerance": 5.0, **question})
    entries = sorted(book.entries, key=lambda entry: (entry["time"], entry["id"]))
    return answer(entries, asked, now=NOON + 60 * now, looks_back=7 * 86400)


def names(found):
    return [(each["kind"], each["release"] or each["what"]) for each in found["suspects"]]


def reasons(found, rank=1):
    return {factor["name"]: factor["text"] for factor in found["suspects"][rank - 1]["factors"]}


def test_a_deployment_just_before_is_likely():
    book = Book()
    book.deploy(-3, -1, "1.1.0")
    found = ask(book)
    assert found["answer"] == "likely"
    assert names(found) == [("deployment", "1.1.0")]
    assert "evenkeel.release.rollback" in found["text"]
    assert reasons(found)["time"] == "60 s before the symptoms"


def test_symptoms_that_began_before_the_deployment_are_not_its_fault():
    book = Book()
    book.deploy(-3000, -2999, "1.0.0")
    book.deploy(2, 4, "1.1.0")
    found = ask(book)
    assert found["answer"] == "unlikely"
    assert names(found) == [("deployment", "1.0.0")]
    assert [each["what"] for each in found["after"]] == ["deployment 1.1.0"]
    assert "began 2 min after the symptoms, so it is not their cause" in found["text"]


def test_a_clock_that_is_a_little_ahead_does_not_acquit():
    book = Book()
    book.deploy(3 / 60, 2, "1.1.0")
    assert ask(book)["answer"] == "likely"
    assert (ask(book, tolerance=1.0)["answer"], ask(book, tolerance=1.0)["suspects"]) == ("unlikely", [])


def test_the_switch_counts_and_not_the_beginning():
    book = Book()
    made = book.deploy(-120, 5, "1.1.0")
    book.act(-2, -1, "step", subject="shop/switching", release="1.1.0", intent={"deployment": made, "state": "switching", "service": "shop", "hosts": ["web1"]})
    found = ask(book)
    assert found["suspects"][0]["seconds_before"] == 60.0
    assert len(found["suspects"]) == 1


def test_a_deployment_that_had_not_switched_yet_is_less_suspect():
    book = Book()
    made = book.deploy(-10, 5, "1.1.0")
    book.act(3, 4, "switch", subject="shop", release="1.1.0", intent={"deployment": made, "from": "blue", "to": "green"})
    found = ask(book)
    assert reasons(found)["reach"] == "it had begun, and no host had been switched yet"


def test_a_failed_deployment_that_never_reached_users_is_less_suspect_than_one_that_did():
    never, did = Book(), Book()
    never.deploy(-10, -5, "1.1.0", verdict="failed")
    made = did.deploy(-10, -5, "1.1.0", verdict="failed")
    did.act(-8, -7, "switch", subject="shop", intent={"deployment": made, "from": "blue", "to": "green"})
    assert reasons(ask(never))["reach"] == "it went back before users could meet it"
    assert ask(never)["suspects"][0]["score"] < ask(did)["suspects"][0]["score"]
    assert "web1 (switch): too many errors" in ask(never)["suspects"][0]["notes"][0]


def test_a_rollback_before_the_symptoms_takes_the_blame_off_the_release():
    book = Book()
    book.deploy(-90, -85, "1.1.0")
    book.act(-60, -58, "rollback", release="1.0.0", outcome={"services": {"shop": "1.0.0"}})
    found = ask(book)
    assert names(found)[0] == ("rollback", "1.0.0")
    assert reasons(found, 2)["undone"] == "it had been taken back 58 min before the symptoms"


def test_drift_by_a_person_just_before_beats_yesterdays_deployment():
    book = Book()
    book.deploy(-1440, -1435, "1.1.0")
    book.drift(-30, "web1/shop")
    who = [{"who": "bob", "when": at(-2), "how": "sudo", "confidence": "likely", "text": "bob ran vi /etc/shop.ini"}]
    book.drift(20, "web1/shop", finding("config:shop.ini:db.pool", attribution=who))
    found = ask(book)
    assert found["answer"] == "unlikely"
    first = found["suspects"][0]
    assert (first["kind"], first["who"], first["seconds_before"], first["hosts"], first["services"]) == ("config", "bob (likely)", 120.0, ["web1"], ["shop"])
    assert "bob ran vi /etc/shop.ini" in first["notes"]


def test_drift_without_a_time_lies_between_two_looks_and_is_told_once_for_all_hosts():
    book = Book()
    for host in ("web1", "web2"):
        book.drift(-60, f"{host}/shop")
    for minutes in (20, 50):
        for host in ("web1", "web2"):
            book.drift(minutes, f"{host}/shop", finding("package:libssl3"))
    found = ask(book)
    assert len(found["suspects"]) == 1
    first = found["suspects"][0]
    assert (first["when"], first["until"], first["hosts"]) == (at(-60), at(20), ["web1", "web2"])
    assert reasons(found)["time"].startswith("some time between")


def test_drift_that_one_of_our_runs_wrote_counts_less():
    ours, bobs = Book(), Book()
    for book, how, who in ((ours, "ledger", "ann"), (bobs, "sudo", "bob")):
        book.drift(-30, "web1/shop")
        book.drift(5, "web1/shop", finding("config:shop.ini:x", attribution=[{"who": who, "when": at(-2), "how": how, "confidence": "certain", "text": "x"}]))
    assert ask(ours)["suspects"][0]["score"] < ask(bobs)["suspects"][0]["score"]


def test_drift_after_the_symptoms_is_not_their_cause():
    book = Book()
    book.drift(-30, "web1/shop")
    who = [{"who": "bob", "when": at(10), "how": "sudo", "confidence": "likely", "text": "x"}]
    book.drift(20, "web1/shop", finding("config:shop.ini:db.pool", attribution=who))
    found = ask(book)
    assert found["suspects"] == []
    assert found["answer"] == "unknown"
    assert len(found["after"]) == 1


def test_other_environments_on_the_same_release():
    def story(*extra):
        book = Book()
        book.deploy(-3000, -2995, "1.1.0", environment="staging")
        for minutes, kind, fields in extra:
            book.write(minutes, kind, **fields)
        book.deploy(-3, -1, "1.1.0")
        return ask(book)

    well = story()
    ill = story((-100, "verification", {"environment": "staging", "release": "1.1.0", "body": {"verdict": "failed"}}))
    held = story((-100, "hold", {"environment": "staging", "release": "1.1.0", "body": {"state": "held", "reason": "slow"}}))
    alone = Book()
    alone.deploy(-3, -1, "1.1.0")
    assert [each["state"] for each in (*well["elsewhere"], *ill["elsewhere"], *held["elsewhere"])] == ["healthy", "ill", "ill"]
    scores = [found["suspects"][0]["score"] for found in (well, ask(alone), ill)]
    assert scores == sorted(scores)
    assert scores[0] < scores[1] < scores[2]
    assert "1.1.0 is healthy elsewhere: staging" in reasons(well)["elsewhere"]
    assert well["answer"] == "likely"


def test_a_release_that_failed_elsewhere_is_in_trouble_there():
    book = Book()
    book.deploy(-3000, -2995, "1.0.0", environment="staging")
    book.deploy(-300, -295, "1.1.0", environment="staging", verdict="failed")
    book.deploy(-3, -1, "1.1.0")
    found = ask(book)
    assert [(each["environment"], each["state"]) for each in found["elsewhere"]] == [("staging", "ill")]


def test_the_service_and_the_hosts_that_show_the_symptoms_decide():
    book = Book()
    book.deploy(-3, -2, "2.0.0", service="search", hosts=("s1",))
    book.deploy(-30, -28, "1.1.0", service="shop", hosts=("web1", "web2"))
    book.deploy(-40, -38, "3.0.0", service="database", hosts=("db1",))
    assert names(ask(book))[0] == ("deployment", "2.0.0")
    found = ask(book, services=frozenset({"shop"}), needs={"shop": frozenset({"database"})})
    assert [each["release"] for each in found["suspects"]] == ["1.1.0", "3.0.0", "2.0.0"]
    assert reasons(found, 2)["services"] == "shop depends on database, which it changed"
    found = ask(book, hosts=frozenset({"web1", "web2"}))
    assert found["suspects"][0]["release"] == "1.1.0"
    assert reasons(found, 3)["hosts"].startswith("it touched 0 of the 2 hosts with symptoms")


def test_migrations_flags_data_tasks_and_baselines_are_candidates():
    book = Book()
    book.deploy(-60, -50, "1.1.0")
    book.act(
        -58,
        -57,
        "migration",
        subject="shop",
        release="1.1.0",
        intent={"phase": "contract", "pending": ["a", "b"], "one_way": True},
        outcome={"applied": ["a", "b"]},
    )
    book.write(-4, "report", subject="flag/new-checkout", body={"percentage": 50, "service": "shop"})
    book.act(-20, -15, "data_sync", subject="database", intent={"source": "staging"})
    book.write(-12, "baseline", subject="main/v3", body={"event": "promoted"})
    for host in ("web1", "web2"):
        book.write(-9, "task", subject=host, body={"task": "tune", "action": "ansible.posix.sysctl", "changed": True, "status": "ok", "ended": at(-9)})
        book.write(-55, "task", subject=host, body={"task": "unpack", "action": "ansible.builtin.copy", "changed": True, "status": "ok", "ended": at(-55)})
    found = ask(book)
    assert sorted({each["kind"] for each in found["suspects"]}) == ["baseline", "data_sync", "deployment", "flag", "migration", "task"]
    assert names(found)[0] == ("flag", "flag new-checkout to 50 %")
    migration = next(each for each in found["suspects"] if each["kind"] == "migration")
    assert migration["what"] == "contract migration of shop for 1.1.0"
    assert migration["part_of"] == "0000"
    (task,) = [each for each in found["suspects"] if each["kind"] == "task"]
    assert (task["what"], task["hosts"]) == ("ansible.posix.sysctl: tune", ["web1", "web2"])
    assert found["suspects"][-1]["kind"] == "baseline"


def test_a_migration_with_nothing_to_do_is_hardly_suspect():
    book = Book()
    book.act(-2, -1, "migration", subject="shop", release="1.1.0", intent={"phase": "expand", "pending": []}, outcome={"applied": []})
    assert ask(book)["suspects"][0]["score"] < 10


def test_an_act_without_outcome_is_named_as_such():
    book = Book()
    book.deploy(-5, None, "1.1.0")
    found = ask(book)
    assert found["suspects"][0]["verdict"] == "open"
    assert "its run was killed" in found["suspects"][0]["notes"][0]


def test_nothing_changed():
    book = Book()
    book.write(-5, "gate")
    found = ask(book)
    assert (found["answer"], found["suspects"]) == ("unknown", [])
    assert "look at traffic, data and others' services" in found["text"]


def test_an_unknown_environment_is_named():
    book = Book()
    book.deploy(-5, -4, "1.1.0", environment="staging")
    with pytest.raises(DiagnoseError, match="knows nothing of 'production'; it knows staging"):
        ask(book)


def test_the_table_and_the_page_say_it():
    book = Book()
    book.deploy(-3, -1, "1.1.0", actor={"name": "<b>eve"})
    found = {**ask(book), "environment": "production", "onset": {"time": stamp(NOON), "text": "as told"}}
    lines = tell.table(found)
    assert lines[0] == "Symptoms of production since 2027-01-15T08:00:00Z (as told)"
    assert any(line.startswith("1 ") and "deployment 1.1.0" in line and "<b>eve" in line for line in lines)
    assert any("60 s before the symptoms" in line for line in lines)
    assert lines[-1].startswith("It is likely the deployment 1.1.0")
    page = tell.page(found)
    assert "&lt;b&gt;eve" in page
    assert "<b>eve" not in page
