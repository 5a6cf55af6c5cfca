# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.validation import Question, validate

WAIVER = {"rule": "no-file-servers", "reason": "it is the file server", "owner": "storage", "expires": "2027-06-30", "hosts": ["files*"]}
ENVIRONMENT = {"name": "a", "tier": "test", "kind": "permanent", "owner": "o", "stage": 1, "provider": "process", "data_policy": "none"}


def faults(*declared: Any, **more: Any) -> dict[str, str]:
    variables = {"evenkeel_environment": ENVIRONMENT, "evenkeel_services": {}, **more}
    if declared:
        variables["evenkeel_compliance_waivers"] = list(declared)
    answer = validate(Question(today=date(2026, 11, 21)), hostvars={"a1": variables}, groups={"all": ["a1"], "a": ["a1"]}, found=())
    return {fault.path: fault.found for fault in answer.faults}


def test_a_good_waiver_and_none_have_no_fault() -> None:
    assert faults() == {}
    assert faults(WAIVER, {name: value for name, value in WAIVER.items() if name != "hosts"}) == {}


@pytest.mark.parametrize(
    ("waiver", "path", "found"),
    [
        ({**WAIVER, "expires": "2026-11-20"}, "expires", '"2026-11-20"'),
        ({**WAIVER, "expires": "soon"}, "expires", '"soon"'),
        ({**WAIVER, "reason": ""}, "reason", '""'),
        ({**WAIVER, "hosts": "files*"}, "hosts", '"files*"'),
        ({**WAIVER, "hosts": []}, "hosts", "an empty list"),
        ({**WAIVER, "until": "2027-01-01"}, "until", "the unknown key until"),
        ({name: value for name, value in WAIVER.items() if name != "owner"}, "owner", "nothing"),
    ],
)
def test_faults(waiver: dict[str, Any], path: str, found: str) -> None:
    assert faults(WAIVER, waiver) == {f"evenkeel_compliance_waivers[1].{path}": found}


def test_a_mapping_is_no_list_of_waivers() -> None:
    assert faults(evenkeel_compliance_waivers={"rule": "x"}).keys() == {"evenkeel_compliance_waivers"}
