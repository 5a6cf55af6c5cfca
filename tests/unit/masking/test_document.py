# SPDX-License-Identifier: GPL-3.0-or-later
"""The schema of the document and the module's own checks say the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy import structure_faults
from ansible_collections.evenkeel.release.plugins.module_utils._masking.transformers import TRANSFORMERS
from jsonschema import Draft202012Validator

SCHEMA = json.loads((Path(__file__).parents[3] / "plugins/plugin_utils/_documents/schemas/masking.json").read_text())


def document(entry: Any, **more: Any) -> dict[str, Any]:
    return {"name": "p", "version": 1, "tables": {"public.people": {"columns": {"mail": entry}}}, **more}


CASES: list[tuple[dict[str, Any], bool]] = [
    (document({"mask": "email"}), True),
    (document({"mask": "name", "domain": "person"}), True),
    (document({"mask": "constant", "value": "x"}), True),
    (document({"mask": "date_shift", "days": 90}), True),
    (document({"keep": "no person"}, skip=[{"table": "public.log", "reason": "log"}]), True),
    (document({"mask": "emial"}), False),
    (document({"keep": ""}), False),
    (document({"mask": "constant"}), False),
    (document({"mask": "email", "value": "x"}), False),
    (document({"mask": "date_shift", "days": 0}), False),
    (document({"mask": "email", "keep": "x"}), False),
    (document({"mask": "email", "colour": "x"}), False),
    (document({"mask": "email"}, version=2), False),
    (document({"mask": "email"}, colour="x"), False),
    (document({"mask": "email"}, skip=[{"table": "public.log"}]), False),
]


@pytest.mark.parametrize(("policy", "good"), CASES)
def test_both_agree(policy: dict[str, Any], good: bool) -> None:
    assert Draft202012Validator(SCHEMA).is_valid(policy) is good
    assert (structure_faults(policy) == []) is good


def test_the_schema_knows_every_transformer() -> None:
    assert set(SCHEMA["$defs"]["column"]["properties"]["mask"]["enum"]) == set(TRANSFORMERS)
