# SPDX-License-Identifier: GPL-3.0-or-later
"""Calendars in real runs. The ledger is read with sqlite3 and the exported file with icalendar alone, not with our own code."""

from __future__ import annotations

import json
import sqlite3
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import icalendar
import pytest
import yaml
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import NewEntry
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import open_store

ROOT = Path(__file__).resolve().parents[3]
TODAY = datetime.now(timezone.utc).date()
HOSTILE = "'; DROP TABLE evenkeel_entries; -- {{ lookup('pipe', 'id') }} $(id) ../../x"
FREEZE = {"name": "year end", "reason": "The books are closed.", "begins": str(TODAY - timedelta(days=2)), "ends": str(TODAY + timedelta(days=5))}


def day(offset: int) -> str:
    return str(TODAY + timedelta(days=offset))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An inventory of files with calendars beside it."""
    folder = tmp_path / "inventory"
    (folder / "calendars").mkdir(parents=True)
    environment = {"name": "production", "tier": "production", "kind": "permanent", "owner": "team", "stage": 1, "provider": "existing", "data_policy": "none"}
    variables = {"evenkeel_environment": environment, "evenkeel_services": {"shop": {}, "pay": {}}}
    hosts = {
        "all": {
            "children": {"production": {"hosts": {"web1": {"ansible_connection": "local"}}, "vars": variables}},
            "vars": {"evenkeel_calendars_dir": str(folder / "calendars")},
        }
    }
    (folder / "hosts.yml").write_text(yaml.safe_dump(hosts))
    write(folder, freezes=[FREEZE])
    return folder


def write(folder: Path, **sections: Any) -> None:
    (folder / "calendars" / "team.yml").write_text(yaml.safe_dump({"name": "team", "timezone": "UTC", **sections}, sort_keys=False))


def task(name: str, module: str, **options: Any) -> dict[str, Any]:
    return {"name": name, f"evenkeel.release.{module}": options}


def plays(*tasks: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"name": "Play", "hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": list(tasks)}]


def checked(folder: Path, **more: Any) -> dict[str, Any]:
    asked = {"environment": "production", "release": "1.1.1", "calendars": [str(folder / "calendars")], **more}
    return task("Ask", "calendar", **asked)


def granted(folder: Path, **more: Any) -> dict[str, Any]:
    said = {"environment": "production", "release": "1.1.1", "freeze": "year end", "reason": "Orders are lost.", "expires": "4h"}
    return task("Grant", "freeze_override", **{**said, "calendars": [str(folder / "calendars")], **more})


def as_person(name: str, ledger: Path) -> dict[str, str]:
    return {"GITHUB_ACTOR": name, "EVENKEEL_LEDGER_URL": f"sqlite:///{ledger}"}


def recorded(ledger: Path) -> list[dict[str, Any]]:
    if not ledger.exists():
        return []
    with sqlite3.connect(ledger) as connection:
        rows = connection.execute("select bytes from evenkeel_entries order by id").fetchall()
    return [json.loads(row[0]) for row in rows]


def test_a_freeze_refuses_with_the_reason_and_what_comes_next(playbook: Any, place: Path) -> None:
    run = playbook(plays(checked(place)), inventory=place / "hosts.yml")
    assert run.rc != 0
    result = run.result("Ask")
    assert result["verdict"] == "failed"
    assert [each["name"] for each in result["calendar"]["freezes"]] == ["year end"]
    assert result["calendar"]["next_slots"][0]["from"] == f"{day(6)}T00:00:00Z"
    for part in ("do not allow 1.1.1 in production", "The books are closed.", "Next times at which it may go", f"{day(6)}T00:00:00Z"):
        assert part in result["msg"]
    assert recorded(run.state_dir / "ledger.sqlite") == []


def test_it_may_go_at_another_time_and_only_reports_when_told_so(playbook: Any, place: Path) -> None:
    later = {**checked(place, at=f"{day(7)}T12:00:00Z"), "name": "Later"}
    run = playbook(plays(checked(place, enforce=False), later), inventory=place / "hosts.yml", check=True)
    assert run.rc == 0, run.stdout
    assert run.result("Ask")["verdict"] == "failed"
    assert run.result("Later")["verdict"] == "passed"
    assert not (run.state_dir / "ledger.sqlite").exists()


def test_a_second_person_lets_one_release_pass(playbook: Any, place: Path, tmp_path: Path) -> None:
    ledger, hosts = tmp_path / "ledger.sqlite", place / "hosts.yml"
    freeze = playbook(plays(checked(place, enforce=False)), inventory=hosts, env=as_person("ada", ledger)).result("Ask")["calendar"]["freezes"][0]

    dry = playbook(plays(granted(place)), inventory=hosts, env=as_person("bea", ledger), check=True)
    assert dry.rc == 0, dry.stdout
    assert recorded(ledger) == []
    run = playbook("evenkeel.release.freeze_override", inventory=hosts, env=as_person("bea", ledger), extra_vars={
        "evenkeel_target": "production", "evenkeel_version": "1.1.1", "evenkeel_freeze": "year end", "evenkeel_expires": "4h",
        "evenkeel_reason": "Orders are lost.",
    })  # fmt: skip
    assert run.rc == 0, run.stdout
    (entry,) = recorded(ledger)
    assert (entry["kind"], entry["phase"], entry["subject"], entry["release"], entry["environment"]) == (
        "freeze_override",
        "fact",
        "granted",
        "1.1.1",
        "production",
    )
    assert (entry["actor"]["name"], entry["body"]["freeze"], entry["body"]["reason"]) == ("bea", freeze["uid"], "Orders are lost.")
    left = datetime.fromisoformat(entry["body"]["until"]) - datetime.now(timezone.utc)
    assert timedelta(hours=3, minutes=50) < left <= timedelta(hours=4)

    # Four hours are assumed, the override is for four: it would not finish.
    ask = checked(place, lasting="1h")
    passed = playbook(plays(ask), inventory=hosts, env=as_person("ada", ledger))
    assert passed.rc == 0, passed.stdout
    shown = passed.result("Ask")
    assert [(one["by"], one["counts"]) for one in shown["calendar"]["override"]] == [("bea", True)]
    assert [each["name"] for each in shown["calendar"]["overridden"]] == ["year end"]
    assert "Override of year end by bea" in shown["msg"]

    own = playbook(plays(ask), inventory=hosts, env=as_person("BEA@example.org", ledger))
    assert own.rc != 0
    assert "a second person has to grant it" in own.result("Ask")["msg"]
    other = playbook(plays(checked(place, release="1.2.0", lasting="1h")), inventory=hosts, env=as_person("ada", ledger))
    assert other.rc != 0
    again = playbook(plays(granted(place, expires="1h")), inventory=hosts, env=as_person("bea", ledger))
    assert again.result("Grant")["changed"] is False

    back = playbook(plays(granted(place, state="withdrawn")), inventory=hosts, env=as_person("cyd", ledger))
    assert back.rc == 0, back.stdout
    assert [each["subject"] for each in recorded(ledger)] == ["granted", "withdrawn"]
    gone = playbook(plays(ask), inventory=hosts, env=as_person("ada", ledger))
    assert gone.rc != 0
    assert "cyd withdrew it" in gone.result("Ask")["msg"]


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"freeze": "summer"}, "Known: year end"),
        ({"expires": "30d"}, "at most 7 days ahead"),
        ({"reason": "  "}, "needs a reason"),
        ({"deployer": "bea"}, "is one person"),
        ({"environment": "prod"}, "is not a group of the inventory"),
        ({"release": ""}, "needs a release"),
    ],
)
def test_an_override_that_is_not_in_order_is_refused_and_not_written(playbook: Any, place: Path, tmp_path: Path, how: dict[str, Any], said: str) -> None:
    ledger = tmp_path / "ledger.sqlite"
    run = playbook(plays(granted(place, **how)), inventory=place / "hosts.yml", env=as_person("bea", ledger))
    assert run.rc != 0
    assert said in run.result("Grant")["msg"]
    assert [each for each in recorded(ledger) if each["kind"] == "freeze_override"] == []


def test_the_gate_decides_by_it_with_the_starter_policies(playbook: Any, place: Path, tmp_path: Path) -> None:
    """As a deployment does: the calendar's answer is a section of the evidence, and the refusal is recorded."""
    evidence = {
        "environment": "{{ hostvars.web1.evenkeel_environment }}",
        "release": {"version": "1.1.1"},
        "calendar": "{{ asked.calendar }}",
    }
    gate = task("Gate", "gate", act="deploy", environment="production", release="1.1.1", policies_dir=str(ROOT / "extensions" / "policies"), evidence=evidence)
    # Policies of other sections may be there too; what counts here is what these two say.
    asked = {**checked(place, enforce=False, lasting="1h"), "register": "asked"}
    ledger = tmp_path / "ledger.sqlite"
    run = playbook(plays(asked, gate), inventory=place / "hosts.yml", env=as_person("ada", ledger))
    assert run.rc != 0
    refused = {f"{rule['policy']}/{rule['name']}" for rule in run.result("Gate")["rules"] if rule["verdict"] != "passed"}
    assert {"freeze/no-freeze-holds", "environment/freeze", "windows/finishes-inside"} <= refused
    (entry,) = recorded(ledger)
    assert (entry["kind"], entry["body"]["verdict"]) == ("gate", "failed")


def test_the_playbook_shows_the_weeks_and_writes_a_file_that_programs_read(playbook: Any, place: Path, tmp_path: Path) -> None:
    write(
        place,
        freezes=[FREEZE],
        windows=[{"name": "nights", "days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "from": "22:00", "to": "02:00"}],
        trains=[{"name": "monthly", "rule": "FREQ=DAILY;INTERVAL=28", "since": day(1), "from": "10:00", "to": "12:00", "cab": {"days": -1, "at": "09:00"}}],
    )
    ics = tmp_path / "out" / "releases.ics"
    variables = {"evenkeel_ics": str(ics), "evenkeel_days": 14, "evenkeel_target": "production", "evenkeel_version": "1.1.1"}
    given = {"inventory": place / "hosts.yml", "extra_vars": variables}
    dry = playbook("evenkeel.release.calendar", **given, check=True)
    assert dry.rc == 0, dry.stdout
    assert dry.result("Write them for calendar programs")["changed"]
    assert not ics.exists()
    run = playbook("evenkeel.release.calendar", **given)
    assert run.rc == 0, run.stdout
    text = "\n".join(run.result("Show them")["msg"])
    for part in ("year end", "nights", "refuses", "2 conflicts", "train-in-freeze", "cab-after-departure"):
        assert part in text
    assert "Next times at which it may go:" in "\n".join(run.result("Say when it may go")["msg"])
    events = icalendar.Calendar.from_ical(ics.read_text()).walk("VEVENT")
    freeze = next(each for each in events if str(each["SUMMARY"]) == "year end")
    assert (freeze["DTSTART"].dt, freeze["DTEND"].dt) == (TODAY - timedelta(days=2), TODAY + timedelta(days=6))
    again = playbook("evenkeel.release.calendar", **given)
    assert again.changed == 0
    strict = playbook("evenkeel.release.calendar", **{**given, "extra_vars": {**variables, "evenkeel_strict": True}})
    assert strict.rc != 0
    # Read again as the only calendar it refuses as before.
    (place / "calendars" / "team.yml").unlink()
    ics.rename(place / "calendars" / "back.ics")
    back = playbook(plays(checked(place, enforce=False)), inventory=place / "hosts.yml")
    assert [each["name"] for each in back.result("Ask")["calendar"]["freezes"]] == ["year end"]


def test_broken_calendars_are_one_report_and_nothing_is_decided(playbook: Any, place: Path) -> None:
    (place / "calendars" / "team.yml").write_text("{name: team, timezone: Mars/Base, windoes: []}")
    (place / "calendars" / "bad.ics").write_text("BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nRRULE:FREQ=SECONDLY\nEND:VEVENT\nEND:VCALENDAR\n")
    run = playbook(plays({**checked(place), "ignore_errors": True}, granted(place)), inventory=place / "hosts.yml")
    assert run.rc != 0
    for name in ("Ask", "Grant"):
        message = run.result(name)["msg"]
        for part in ("3 faults", "did you mean windows?", "Mars/Base", "FREQ=SECONDLY", "bad.ics:4"):
            assert part in message
    validated = playbook("evenkeel.release.validate", inventory=place / "hosts.yml", extra_vars={"evenkeel_calendars_dir": str(place / "calendars")})
    assert validated.rc != 0
    found = {(Path(fault["file"]).name, fault["path"]) for fault in validated.result("Report every fault")["faults"]}
    assert {("team.yml", "timezone"), ("team.yml", "windoes"), ("bad.ics", "VEVENT[0].RRULE")} <= found


def test_a_runner_whose_clock_is_behind_the_ledger_is_refused(playbook: Any, place: Path, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.sqlite"
    ahead = int((time.time() + 3600) * 1e6)
    with open_store(f"sqlite:///{ledger}", actor={"name": "ada", "source": "os"}, clock=lambda: ahead) as store:
        store.append([NewEntry("report", "fact", "production")])
    run = playbook(plays({**checked(place), "ignore_errors": True}, granted(place)), inventory=place / "hosts.yml", env=as_person("bea", ledger))
    assert run.rc != 0
    for name in ("Ask", "Grant"):
        assert "after the clock of" in run.result(name)["msg"]
        assert "Nothing was decided" in run.result(name)["msg"]
    assert run.result("Ask")["verdict"] == "errored"
    assert len(recorded(ledger)) == 1


def test_it_will_not_finish_by_what_earlier_runs_took(playbook: Any, place: Path, tmp_path: Path) -> None:
    write(place, windows=[{"name": "hour", "begins": f"{day(3)}T10:00:00Z", "ends": f"{day(3)}T11:00:00Z"}])
    ledger = tmp_path / "ledger.sqlite"
    moment = [int((time.time() - 30 * 86400) * 1e6)]
    with open_store(f"sqlite:///{ledger}", actor={"name": "ada", "source": "os"}, clock=lambda: moment[0]) as store:
        for _run in range(10):
            known: dict[str, Any] = {"kind": "deployment", "environment": "production", "release": "1.0.0"}
            begun = store.append([NewEntry(phase="intent", body={"plan": {"services": [{"service": "shop"}, {"service": "pay"}]}}, **known)])[0]
            moment[0] += 2400 * 1_000_000
            store.append([NewEntry(phase="outcome", body={"intent": begun.id, "verdict": "passed", "services": {"shop": "1.0.0"}}, **known)])
    early, late = (checked(place, at=f"{day(3)}T10:{minute}:00Z", enforce=False) for minute in ("10", "30"))
    run = playbook(plays({**early, "name": "Early"}, {**late, "name": "Late"}), inventory=place / "hosts.yml", env=as_person("ada", ledger))
    assert run.rc == 0, run.stdout
    assert run.result("Early")["calendar"]["duration"] == {"seconds": 2400, "known": True, "runs": 10, "rule": "90th percentile of 10 runs"}
    assert (run.result("Early")["verdict"], run.result("Late")["verdict"]) == ("passed", "failed")
    assert "it would not finish before that" in run.result("Late")["msg"]


def test_names_are_only_names(playbook: Any, place: Path, tmp_path: Path) -> None:
    """What is written in a document reaches neither the database nor a shell nor a path nor a template."""
    write(place, freezes=[{**FREEZE, "name": HOSTILE[:150], "reason": HOSTILE}])
    ledger = tmp_path / "ledger.sqlite"
    uid = playbook(plays(checked(place, enforce=False)), inventory=place / "hosts.yml", env=as_person("ada", ledger)).result("Ask")["calendar"]["by"]["uid"]
    made = playbook(plays(granted(place, freeze=uid)), inventory=place / "hosts.yml", env=as_person("bea", ledger))
    assert made.rc == 0, made.stdout
    entries = recorded(ledger)
    assert entries[-1]["body"]["name"] == HOSTILE[:150]
    shown = playbook(plays(checked(place, enforce=False)), inventory=place / "hosts.yml", env=as_person("ada", ledger))
    assert shown.result("Ask")["calendar"]["overridden"][0]["name"] == HOSTILE[:150]
    assert "uid=" not in shown.result("Ask")["msg"]
