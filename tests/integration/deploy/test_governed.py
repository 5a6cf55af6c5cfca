# SPDX-License-Identifier: GPL-3.0-or-later
"""What people and calendars have a say in holds for real deployments: at the gate, and again before every batch. The ledger is read with sqlite3."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import threading
import time
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone

import pytest
import yaml
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import leases
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import NewEntry
from ansible_collections.evenkeel.release.plugins.plugin_utils._manifest import identity
from ansible_collections.evenkeel.release.tests.unit.approval import kit
from ansible_collections.evenkeel.release.tests.unit.approval.kit import Place

from .lab import ROOT, TARGET
from .light import Light

NOW = datetime.now(timezone.utc)
FREEZE = {"name": "stocktaking", "reason": "The books are closed.", "begins": str(NOW.date() - timedelta(days=1)), "ends": str(NOW.date() + timedelta(days=2))}
ANN, BOB, DAVE = ({"awx_user_name": name, "awx_job_id": number} for number, name in enumerate(("ann", "bob", "dave"), 7))


@pytest.fixture
def light():
    with Light() as made:
        made.must("provision")
        made.must("deploy", evenkeel_version="1.0.0", **ANN)
        (made.state / "calendars").mkdir()
        yield made


def entries(light, kind):
    with sqlite3.connect(light.state / "ledger.sqlite") as ledger:
        return [json.loads(row[0]) for row in ledger.execute("select bytes from evenkeel_entries where kind = ? order by id", (kind,))]


@contextmanager
def meanwhile(light, act):
    """Does it as soon as the first batch has the new release."""
    begun = len(entries(light, "step"))

    def watch():
        deadline = time.monotonic() + 240
        while time.monotonic() < deadline:
            if any(entry["phase"] == "outcome" for entry in entries(light, "step")[begun:]):
                act()
                return
            time.sleep(0.05)

    thread = threading.Thread(target=watch)
    thread.start()
    yield
    thread.join(260)
    assert not thread.is_alive()


def freeze(light, **more):
    document = {"name": "team", "timezone": "UTC", "freezes": [{**FREEZE, **more}]}
    part = light.state / "team.part"
    part.write_text(yaml.safe_dump(document, sort_keys=False))
    part.rename(light.state / "calendars/team.yml")


def mixed(light):
    return set(light.current().values())


def test_a_freeze_refuses_and_one_that_begins_mid_rollout_stops_at_the_next_batch(light):
    calendars = {"evenkeel_calendars_dir": str(light.state / "calendars"), **ANN}
    freeze(light)
    refused = light.play("deploy", evenkeel_version="1.1.0", **calendars)
    assert refused.rc != 0
    assert "stocktaking" in refused.stdout
    assert mixed(light) == {"1.0.0"}
    assert entries(light, "gate")[-1]["body"]["verdict"] == "failed"

    (light.state / "calendars/team.yml").unlink()
    with meanwhile(light, lambda: freeze(light)):
        stopped = light.play("deploy", evenkeel_version="1.1.0", deploy_pause_seconds=1, **calendars)
    assert stopped.rc != 0
    assert "stands still" in stopped.stdout
    assert "paused by the freeze stocktaking" in stopped.stdout
    assert mixed(light) == {"1.0.0", "1.1.0"}
    blocked = light.play("continue", **calendars)
    assert blocked.rc != 0, "going on is asked for at the gate as well"
    assert mixed(light) == {"1.0.0", "1.1.0"}
    (light.state / "calendars/team.yml").unlink()
    light.must("continue", **calendars)
    assert mixed(light) == {"1.1.0"}

    freeze(light)
    light.must("rollback", **calendars)
    assert mixed(light) == {"1.0.0"}, "the way back is never closed"


def test_a_broken_calendar_ends_it_before_anything_changes_and_does_not_close_the_way_back(light):
    light.must("deploy", evenkeel_version="1.1.0", **ANN)
    calendars = {"evenkeel_calendars_dir": str(light.state / "calendars"), **ANN}
    (light.state / "calendars/team.yml").write_text("name: team\ntimezone: Nowhere/At_all\n")
    count = len(entries(light, "deployment"))
    run = light.play("deploy", evenkeel_version="1.0.0", **calendars)
    assert run.rc != 0
    assert "team.yml" in run.stdout
    assert len(entries(light, "deployment")) == count
    light.must("rollback", **calendars)
    assert mixed(light) == {"1.0.0"}


def test_who_booked_it_may_deploy_and_nobody_else(light):
    (light.state / "reservations").mkdir()
    hour = NOW.replace(minute=0, second=0, microsecond=0, tzinfo=None)
    booking = {
        "id": "regression",
        "environments": [TARGET],
        "mode": "exclusive",
        "purpose": "release",
        "team": "team-bob",
        "from": (hour - timedelta(hours=1)).isoformat(timespec="minutes"),
        "to": (hour + timedelta(hours=6)).isoformat(timespec="minutes"),
        "timezone": "UTC",
        "reason": "regression of the shop",
    }
    (light.state / "reservations/shop.yml").write_text(yaml.safe_dump({"bookings": [booking]}, sort_keys=False))
    places = {"evenkeel_reservations_dir": str(light.state / "reservations"), "evenkeel_teams": {"team-bob": ["bob"]}}
    run = light.play("deploy", evenkeel_version="1.1.0", **places, **ANN)
    assert run.rc != 0
    assert "is held by regression" in run.stdout
    assert mixed(light) == {"1.0.0"}
    told = light.play("why", evenkeel_act="deploy", evenkeel_version="1.1.0", **places, **ANN)
    assert "environment/reservation" in told.stdout, "why says what the deployment says"
    light.must("deploy", evenkeel_version="1.1.0", **places, **BOB)
    assert mixed(light) == {"1.1.0"}


def test_what_is_out_and_what_is_complete(light):
    path = light.state / "artifacts/releases/1.1.0.yml"
    checks = [
        {"name": "verified", "condition": f"contains(ledger.verified_in, '{TARGET}')", "shows": ["ledger.verified_in"]},
        {"name": "accepted", "condition": "acceptance.verdict == 'passed'", "shows": ["acceptance.verdict"], "remedy": "ask the testers"},
    ]
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), "exit_checks": checks}, sort_keys=False))
    run = light.must("deploy", evenkeel_version="1.1.0", **ANN)
    assert f"Release 1.1.0 is not complete in {TARGET}." in run.stdout
    assert mixed(light) == {"1.1.0"}, "it is not taken back for that"
    last = [entry["body"] for entry in entries(light, "release") if entry["subject"] == "exit"][-1]
    assert {check["name"]: check["verdict"] for check in last["checks"]}["verified"] == "passed"
    assert last["verdict"] != "passed"
    accepted = {"evenkeel_evidence": {"acceptance": {"verdict": "passed"}}}
    run = light.must("deploy", evenkeel_version="1.1.0", deploy_force=True, **accepted, **ANN)
    assert f"Release 1.1.0 is complete in {TARGET}." in run.stdout
    assert [entry["body"]["verdict"] for entry in entries(light, "release") if entry["subject"] == "exit"][-1] == "passed"


def test_a_version_never_changes_what_it_is(light):
    path = light.state / "artifacts/releases/1.0.0.yml"
    manifest = yaml.safe_load(path.read_text())
    light.must("deploy", evenkeel_version="1.1.0", **ANN)
    path.write_text(yaml.safe_dump({**manifest, "summary": "Something else."}, sort_keys=False))
    run = light.play("deploy", evenkeel_version="1.0.0", **ANN)
    assert run.rc != 0
    assert "A version never changes its content" in run.stdout
    assert "Something else." in run.stdout
    assert mixed(light) == {"1.1.0"}
    [recorded] = [entry for entry in entries(light, "release") if entry["release"] == "1.0.0"]
    assert recorded["body"]["manifest"] == manifest


def test_a_release_waits_for_that_of_another_team(light):
    """The bundle pins both by digest; what the other team did is in the ledger, by its own controller."""
    pinned = {}
    shop = yaml.safe_load((light.state / "artifacts/releases/1.1.0.yml").read_text())
    component = {"version": "7.0.0", "artifact": "https://example.com/pay.tar.gz", "sha256": "b" * 64}
    for name, manifest in (("shop", shop), ("pay", {**shop, "version": "7.0.0", "components": {"pay": component}})):
        path = light.state / f"bundles/{name}/{manifest['version']}.yml"
        path.parent.mkdir(parents=True)
        path.write_text(yaml.safe_dump(manifest, sort_keys=False))
        pinned[name] = {"version": manifest["version"], "manifest": f"{name}/{path.name}", "sha256": identity.digest(manifest)}
    document = {"name": "spring", "owner": "platform", "summary": "Both.", "releases": pinned, "before": [{"release": "shop", "first": "pay"}]}
    (light.state / "bundles/spring.yml").write_text(yaml.safe_dump(document, sort_keys=False))
    words = {"evenkeel_bundles_dir": str(light.state / "bundles"), **ANN}
    refused = light.play("deploy", evenkeel_version="1.1.0", **words)
    assert refused.rc != 0
    assert f"7.0.0 (pay) must be verified in {TARGET} before it; it is none there" in refused.stdout
    assert mixed(light) == {"1.0.0"}
    with light.store as ledger:
        [intent] = ledger.append([NewEntry("deployment", "intent", TARGET, "7.0.0", "", {"plan": {"services": []}})])
        body = {"intent": intent.id, "verdict": "passed", "services": {"pay": "7.0.0"}}
        ledger.append([NewEntry("deployment", "outcome", TARGET, "7.0.0", "", body)])
        ledger.append([NewEntry("verification", "fact", TARGET, "7.0.0", "", {"intent": intent.id, "verdict": "passed"})])
    light.must("deploy", evenkeel_version="1.1.0", **words)
    assert mixed(light) == {"1.1.0"}


def test_who_takes_something_back_goes_before_who_brings_something_new(light):
    """Both wait for a run that holds the environment; the deployment came first."""
    light.must("deploy", evenkeel_version="1.1.0", **ANN)
    runs = {}

    def waiting(name, **words):
        thread = threading.Thread(target=lambda: runs.update({name: light.play(name, deploy_lease_wait=240, **words, **ANN)}))
        thread.start()
        known, deadline = len(queue(light)), time.monotonic() + 120
        while len(queue(light)) == known:
            assert time.monotonic() < deadline, f"{name} does not wait"
            time.sleep(0.1)
        return thread

    with light.store as ledger:
        held = leases.acquire(ledger, f"environment/{TARGET}", environment=TARGET, ttl=600)
        threads = [waiting("deploy", evenkeel_version="1.1.0"), waiting("rollback")]
        taken = len(entries(light, "lease"))
        leases.release(ledger, f"environment/{TARGET}", held["token"], environment=TARGET)
    for thread in threads:
        thread.join(300)
    acquired = [entry["body"] for entry in entries(light, "lease")[taken:] if entry["body"]["event"] == "acquired"]
    assert [body["message"].split()[0] for body in acquired] == ["rollback", "deploy"], acquired
    assert runs["rollback"].rc == 0
    assert mixed(light) == {"1.0.0"}, "what was rolled back is held back"


def queue(light):
    with sqlite3.connect(light.state / "ledger.sqlite") as ledger:
        return ledger.execute("select holder from evenkeel_waiters").fetchall()


@pytest.fixture
def place(light, tmp_path):
    made = Place(tmp_path / "place")
    policy = (ROOT / "extensions/policies/prod-needs-approval.yml").read_text()
    (light.state / "policies/prod-needs-approval.yml").write_text(policy)
    return made


def given(place, **more):
    words = {"evenkeel_approvals_dir": str(place.folder), "evenkeel_trust_dir": str(place.trust), "evenkeel_ledger_name": kit.LEDGER}
    return {**words, "evenkeel_release_authors": [{"mail": "eve@mail"}], "evenkeel_risk": "moderate", "evenkeel_act": "deploy", **DAVE, **more}


def signed(light, place, who):
    asked = light.must("approve", evenkeel_version="1.1.0", **given(place)).result("Write what is to be signed")
    for one in asked["statements"]:
        if one["person"] in who:
            command = one["command"].replace("~/.ssh/id_ed25519", str(place.keys / one["person"]))
            subprocess.run(command, shell=True, check=True, capture_output=True, timeout=60)
    return asked["digest"]


def test_what_runs_is_what_was_signed_and_a_withdrawal_stops_it_at_the_next_batch(light, place):
    words = given(place)
    refused = light.play("deploy", evenkeel_version="1.1.0", **words)
    assert refused.rc != 0
    assert "prod-needs-approval" in refused.stdout
    digest = signed(light, place, ("ann", "bob"))
    # A rule that nobody approved: what was signed is not what would run.
    policy = light.state / "policies/prod-needs-approval.yml"
    text = policy.read_text()
    policy.write_text(text.replace("severity: critical", "severity: low"))
    changed = light.play("deploy", evenkeel_version="1.1.0", **words)
    assert changed.rc != 0
    assert mixed(light) == {"1.0.0"}
    policy.write_text(text)
    with meanwhile(light, lambda: place.withdraw(digest, "bob", at=datetime.now(timezone.utc))):
        stopped = light.play("deploy", evenkeel_version="1.1.0", deploy_pause_seconds=1, **words)
    assert stopped.rc != 0
    assert "is approved no longer" in stopped.stdout
    assert mixed(light) == {"1.0.0", "1.1.0"}
    assert entries(light, "deployment")[-1]["body"]["approved"]["digest"] == digest
    light.must("recover", **words)
    assert len(mixed(light)) == 1


def test_who_has_no_role_is_refused_until_somebody_grants_it(light, tmp_path):
    place = Place(tmp_path / "place")
    document = {
        "name": "shop",
        "description": "Who releases the shop.",
        "teams": {"releasers": ["person:ann"]},
        "roles": {"releaser": {"acts": ["deploy", "rollback"]}},
        "grants": {"longest": "4h", "acts": ["deploy"], "by": ["release"]},
    }
    place.access = {"shop": document}
    place.write()
    light.edit_environment(access_roles={"releaser": ["releasers"]})
    refused = light.play("deploy", evenkeel_version="1.1.0", **given(place))
    assert refused.rc != 0
    assert "dave has no role" in refused.stdout, refused.stdout[-3000:]
    rules = {rule["name"]: rule["verdict"] for rule in entries(light, "gate")[-1]["body"]["rules"]}
    assert rules["access"] == "failed"

    def grant(**options):
        environments = ["{{ hostvars['production-web1'].evenkeel_environment }}"]
        task = {"name": "Do", "evenkeel.release.access_grant": {"environments": environments, **options}}
        play = [{"hosts": "localhost", "gather_facts": False, "tasks": [task]}]
        run = light.runner(play, inventory=light.inventory, extra_vars=given(place), env={"EVENKEEL_STATE_DIR": str(light.state)})
        assert run.rc == 0, run.stdout
        return run.result("Do")

    asked = grant(state="requested", environment=TARGET, acts=["deploy"], valid_for="1h", reason="incident")
    [command] = [one["command"] for one in asked["statements"] if one["person"] == "bob"]
    subprocess.run(command.replace("~/.ssh/id_ed25519", str(place.keys / "bob")), shell=True, check=True, capture_output=True, timeout=60)
    grant(state="granted", digest=asked["digest"])
    light.must("deploy", evenkeel_version="1.1.0", **given(place))
    assert mixed(light) == {"1.1.0"}
    used = entries(light, "grant")[-1]
    assert (used["subject"], used["body"]["act"], used["actor"]["name"]) == (f"used/{asked['digest']}", "deploy", "dave")


@pytest.mark.parametrize("how", ["ends", "is killed"])
def test_a_deployment_brings_its_change_to_review(light, how):
    (light.state / "changes").mkdir()
    (light.state / "changes/rules.yml").write_text(yaml.safe_dump({"cab": {"levels": []}}))
    words = {"evenkeel_changes_dir": str(light.state / "changes"), "evenkeel_releases_dir": str(light.state / "artifacts/releases"), "evenkeel_incidents": []}
    (light.state / "policies/change-record.yml").write_text((ROOT / "extensions/policies/change-record.yml").read_text())
    refused = light.play("deploy", evenkeel_version="1.1.0", **words, **ANN)
    assert refused.rc != 0
    assert "No change is open" in refused.stdout
    opened = light.must("change", evenkeel_change_state="opened", evenkeel_version="1.1.0", evenkeel_keys_changed=0, **words, **ANN).result("Ask for it")
    number = opened["number"]
    light.must("change", evenkeel_change_state="assessed", evenkeel_change=number, **words, **ANN)
    approvals = [{"approver": "bob"}, {"approver": "cleo"}, {"approver": "eve"}]
    times = {"evenkeel_change_start": at(-60), "evenkeel_change_end": at(3600)}
    light.must("change", evenkeel_change_state="scheduled", evenkeel_change=number, evenkeel_change_approvals=approvals, **times, **words, **ANN)
    if how == "ends":
        light.must("deploy", evenkeel_version="1.1.0", **words, **ANN)
    else:
        light.killed("deploy", at="Replace each service on its host", evenkeel_version="1.1.0", **words, **ANN)
        light.must("recover", **words, **ANN)
    states = [entry["body"].get("to") for entry in entries(light, "change") if entry["subject"] == number and entry["body"].get("verb") == "moved"]
    assert states[-2:] == ["Implement", "Review"]
    intents = [entry for entry in entries(light, "deployment") if entry["phase"] == "intent"]
    assert intents[-1]["body"]["change"] == number


def at(seconds):
    return (datetime.now(timezone.utc) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
