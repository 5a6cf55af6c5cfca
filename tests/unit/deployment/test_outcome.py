# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import outcome


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (None, outcome.UNREACHED),
        ({}, outcome.UNREACHED),
        ({"changed": True}, ""),
        ({"failed": True, "msg": "no"}, "no"),
        ({"failed": True}, "did not say why"),
        ({"unreachable": True, "msg": "timed out"}, "unreachable: timed out"),
        ({"results": []}, ""),
        ({"results": [{"changed": True}, {"failed": True, "msg": "second"}]}, "second"),
        ({"results": [{"changed": True}], "failed": True, "msg": "the condition"}, "the condition"),
        ({"results": [{"unreachable": True, "msg": "gone"}], "unreachable": True}, "unreachable: gone"),
        ({"results": [{"changed": False}], "unreachable": True}, "unreachable"),
    ],
)
def test_fault(result, said):
    found = outcome.fault(result)
    assert (said in found) if said else (found == "")


def test_silence_of_a_host_is_no_success():
    assert outcome.of_hosts(["a", "b", "c"], {"a": {"changed": False}, "b": {"failed": True, "msg": "no"}}) == {"b": "no", "c": outcome.UNREACHED}


def test_a_check_that_was_skipped_had_nothing_to_do_but_one_that_is_missing_was_not_reached():
    checks = {"drained": {"skipped": True}, "watched": {"failed": True, "msg": "errors"}, "returned": {}}
    assert outcome.of_checks(checks) == {"watched": "errors", "returned": outcome.UNREACHED}


def test_problems_name_host_or_check():
    found = outcome.problems(phase="switching", hosts={"w1": "no"}, checks={"with users": "errors"})
    assert [(problem["host"], problem["phase"], problem["reason"]) for problem in found] == [("w1", "switching", "no"), ("with users", "switching", "errors")]
