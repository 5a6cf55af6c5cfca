# SPDX-License-Identifier: GPL-3.0-or-later
"""The SLA by a real run over entries that plays wrote."""

from __future__ import annotations

from .test_module import INVENTORY


def test_a_breach_is_told_with_its_cause(playbook):
    import copy

    inventory = copy.deepcopy(INVENTORY)
    inventory["all"]["children"]["staging"]["vars"]["evenkeel_environment"]["sla"] = {"availability": 99, "turnaround": "30m"}
    booked = {"state": "booked", "id": "w", "environments": ["staging"], "mode": "exclusive", "purpose": "incident", "length": "2h", "reason": "r"}

    def record(phase, **more):
        return {"name": phase, "evenkeel.release.record": {"kind": "provision", "phase": phase, "environment": "staging", **more}, "register": phase}

    tasks = [
        record("intent"),
        record("outcome", intent="{{ intent.entry.id }}", verdict="failed", body={"not_ready": ["staging1"]}),
        # A booking begins with the second that it was made in, and is to begin after the outage.
        {"name": "Be in another second", "ansible.builtin.pause": {"seconds": 1}},
        {"name": "Book", "evenkeel.release.reservation": {**booked, "teams": {}}},
        {"name": "Approve", "evenkeel.release.reservation": {"state": "approved", "id": "w"}, "vars": {"awx_user_name": "eve", "awx_job_id": 1}},
        {"name": "Let time pass", "ansible.builtin.pause": {"seconds": 1}},
    ]
    done = playbook([{"name": "Make", "hosts": "localhost", "gather_facts": False, "tasks": tasks}], inventory=inventory)
    assert done.rc == 0, done.stdout
    told = playbook("evenkeel.release.reservations_sla", inventory=inventory, extra_vars={"evenkeel_target": "staging"})
    assert told.rc != 0
    [row] = told.result("Read it from the ledger")["environments"]
    assert (row["availability"], row["bookings"], row["met"]) == (0.0, 1, False)
    assert "staging: availability was 0 %, promised 99 %: provision failed (staging1)" in told.result("Fail on a breach")["msg"]
    fine = playbook("evenkeel.release.reservations_sla", inventory=inventory, extra_vars={"evenkeel_target": "qa"})
    assert fine.rc == 0, fine.stdout
