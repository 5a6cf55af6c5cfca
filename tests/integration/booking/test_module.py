# SPDX-License-Identifier: GPL-3.0-or-later
"""Bookings by real runs of ansible-playbook; the ledger is read with sqlite3."""

from __future__ import annotations

import json
import sys
from datetime import datetime, timedelta, timezone

import pytest
import yaml

from .oracle import of_sqlite

NOW = datetime.now(timezone.utc).replace(second=0, microsecond=0)
DOCUMENT = {"tier": "staging", "kind": "permanent", "owner": "platform", "stage": 1, "provider": "existing", "data_policy": "masked"}
INVENTORY = {
    "all": {
        "hosts": {"localhost": {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}},
        "vars": {"evenkeel_teams": {"shop": ["ann", "bob"], "pay": ["cid"], "platform": ["eve"]}},
        "children": {
            name: {"hosts": {f"{name}1": {}}, "vars": {"evenkeel_environment": {"name": name, **DOCUMENT, "stage": stage}}}
            for stage, name in enumerate(("qa", "staging"), start=1)
        },
    }
}
RULES = {"lanes": {"both": ["qa", "staging"]}, "rules": {"auto_approve": [{"teams": ["shop", "pay"], "purposes": ["test", "training", "release"]}]}}


def at(hours):
    return (NOW + timedelta(hours=hours)).isoformat()


@pytest.fixture
def run(playbook, tmp_path):
    """One task of the module as somebody whom AWX names."""
    folder = tmp_path / "reservations"
    folder.mkdir()
    (folder / "rules.yml").write_text(yaml.safe_dump(RULES))

    def _run(who="ann", *, check=False, **options):
        options.setdefault("reservations", [str(folder)])
        plays = [{"name": "Book", "hosts": "localhost", "gather_facts": False, "tasks": [{"name": "Ask", "evenkeel.release.reservation": options}]}]
        return playbook(plays, inventory=INVENTORY, check=check, extra_vars={"awx_user_name": who, "awx_job_id": 7})

    _run.folder = folder
    _run.playbook = playbook
    return _run


BOOK = {"state": "booked", "id": "mine", "environments": ["staging"], "mode": "code_change", "purpose": "test", "length": "2h", "reason": "1.4.0 goes out"}


def test_the_life_of_a_booking(run):
    dry = run(check=True, **BOOK)
    assert (dry.rc, dry.changed) == (0, 1)
    assert not (dry.state_dir / "ledger.sqlite").exists()
    first = run(**BOOK)
    assert first.rc == 0, first.stdout
    result = first.result("Ask")
    assert (result["changed"], result["booking"]["state"], result["booking"]["by"]) == (True, "approved", "ann")
    assert run(**BOOK).changed == 0
    [entry] = of_sqlite(first.state_dir / "ledger.sqlite", "reservation")
    assert (entry["environment"], entry["subject"], entry["phase"], entry["actor"]) == (
        "staging",
        "mine",
        "fact",
        {"name": "ann", "source": "awx", "job": "7"},
    )
    refused = run("cid", **{**BOOK, "id": "theirs"})
    assert refused.rc != 0
    assert "staging is taken by mine of ann (shop) for test (code_change)" in refused.result("Ask")["msg"]
    assert refused.result("Ask")["conflicts"][0]["id"] == "mine"
    waits = run("cid", **{**BOOK, "id": "theirs", "wait": True})
    assert (waits.result("Ask")["place"], waits.result("Ask")["booking"]["state"]) == (1, "waiting")
    assert run("cid", state="standing", environments=["staging"], act="deploy").rc != 0
    assert run("bob", state="standing", environments=["staging"], act="deploy").result("Ask")["reservation"]["why"] == "own"
    assert run("cid", state="extended", id="mine", length="3h").rc != 0
    released = run("bob", state="released", id="mine")
    [told] = [each for each in released.result("Ask")["told"] if each["id"] == "theirs"]
    assert (told["event"], told["who"]) == ("placed", "cid")
    assert run("cid", state="standing", environments=["staging"], act="deploy").rc == 0


def test_the_owner_approves(run):
    asked = run("ann", **{**BOOK, "purpose": "incident"})
    assert asked.result("Ask")["booking"]["state"] == "pending"
    assert "approved by platform for staging" in asked.result("Ask")["msg"]
    assert run("cid", state="approved", id="mine").rc != 0
    assert run("eve", state="approved", id="mine").result("Ask")["booking"]["state"] == "approved"


def test_a_lane_is_taken_whole(run):
    assert run(**{key: value for key, value in BOOK.items() if key != "environments"}, lane="both").rc == 0
    for environment in ("qa", "staging"):
        refused = run("cid", **{**BOOK, "id": "theirs", "environments": [environment]})
        assert f"{environment} is taken by mine" in refused.result("Ask")["msg"]


def test_the_check_before_a_merge(run, tmp_path):
    one = {"id": "one", "environments": ["staging"], "mode": "exclusive", "purpose": "test", "team": "shop", "from": at(24), "length": "2h", "reason": "r"}
    (run.folder / "shop.yml").write_text(yaml.safe_dump({"bookings": [one]}))
    extra = {"evenkeel_reservations_dir": str(run.folder), "evenkeel_reservations_ics": str(tmp_path / "busy.ics")}
    fits = run.playbook("evenkeel.release.reservations", inventory=INVENTORY, extra_vars=extra, check=True)
    assert fits.rc == 0, fits.stdout
    assert not (tmp_path / "busy.ics").exists()
    fits = run.playbook("evenkeel.release.reservations", inventory=INVENTORY, extra_vars=extra)
    assert fits.changed == 1
    assert not (fits.state_dir / "ledger.sqlite").exists()
    import icalendar

    [event] = icalendar.Calendar.from_ical((tmp_path / "busy.ics").read_text()).walk("VEVENT")
    assert (str(event["UID"]), event["DTSTART"].dt) == ("one@busy.evenkeel", NOW + timedelta(hours=24))
    assert run.playbook("evenkeel.release.reservations", inventory=INVENTORY, extra_vars=extra).changed == 0
    # somebody books at run time what another file then takes as well
    assert run("cid", **{**BOOK, "from": at(30)}).rc == 0
    (run.folder / "pay.yml").write_text(yaml.safe_dump({"bookings": [{**one, "id": "two", "from": at(25)}, {**one, "id": "three", "from": at(31)}]}))
    meets = run.playbook("evenkeel.release.reservations", inventory=INVENTORY, extra_vars=extra, check=True)
    assert meets.rc != 0
    result = meets.result("Find what meets")
    assert [(row["booking"], row["with"]) for row in result["conflicts"]] == [("two", "one"), ("three", "mine")]
    assert "what fits instead" in result["msg"]
    assert "pay.yml" in result["msg"]


def test_faults_of_files_come_at_once_with_their_lines(run):
    (run.folder / "a.yml").write_text("bookings:\n  - id: x\n    environments: [nowhere]\n    lane: nothing\n    colour: red\n")
    found = run(state="checked")
    assert found.rc != 0
    message = found.result("Ask")["msg"]
    assert "a.yml:5" in message
    for part in ("colour", "mode", "purpose", "team", "from", "reason"):
        assert part in message


def test_what_is_typed_goes_nowhere_but_into_a_text(run):
    """SQL and paths through every option."""
    evil = "x'); drop table evenkeel_entries; --../../etc"
    options = ("id", "lane", "mode", "purpose", "team", "from", "to", "timezone", "release", "setup", "teardown")
    for option in options:
        done = run(**{**BOOK, option: evil})
        assert (done.rc, "nothing was written" in done.result("Ask")["msg"] or "is not a" in done.result("Ask")["msg"]) == (2, True), option
    done = run(**{**BOOK, "reason": evil})
    [entry] = of_sqlite(done.state_dir / "ledger.sqlite", "reservation")
    assert entry["body"]["booking"]["reason"] == evil


def test_nobody_writes_a_booking_by_hand(run):
    task = {"name": "Ask", "evenkeel.release.record": {"kind": "reservation", "environment": "staging", "body": {"booking": {}}}}
    done = run.playbook([{"name": "Forge", "hosts": "localhost", "gather_facts": False, "tasks": [task]}], inventory=INVENTORY)
    assert done.rc != 0
    assert "reservation" in done.result("Ask")["msg"]


def test_time_is_settled_by_a_scheduler(run):
    (run.folder / "rules.yml").write_text(yaml.safe_dump({"rules": {**RULES["rules"], "no_show": "1s"}}))
    run(**BOOK)
    import time

    time.sleep(1)
    done = run.playbook("evenkeel.release.reservations_settle", inventory=INVENTORY, extra_vars={"evenkeel_reservations_dir": str(run.folder)})
    assert done.rc == 0, done.stdout
    assert done.result("Settle the bookings")["told"][0]["event"] == "given_back"
    assert "unused now: nobody used it within 1 s" in json.dumps(done.result("Tell whom it concerns")["msg"])
