# SPDX-License-Identifier: GPL-3.0-or-later
"""Every policy of the starter pack refuses and permits, with its message; and a mistake in one would be noticed."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents import files
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate import table_test

PACK = Path(__file__).resolve().parents[3] / "extensions" / "policies"
TABLES = sorted(place.stem for place in (PACK / "tests").glob("*.yml"))
MINE = ("fresh-backup", "hipaa-checkpoint", "observability", "parity", "promotion", "rehearsed-rollback", "signed-artifact", "sox-checkpoint", "tagging")


def read(kind: str, place: Path) -> list[dict[str, Any]]:
    documents, faults = files.read(kind, [str(place)], today=date(2027, 1, 15))
    assert faults == []
    return [document.value for document in documents]


def test_each_policy_has_its_table() -> None:
    assert set(MINE) <= set(TABLES)
    assert set(MINE) <= {policy["name"] for policy in read("policy", PACK)}


@pytest.mark.parametrize("name", TABLES)
def test_it_refuses_and_permits_with_its_message(name: str) -> None:
    policies = read("policy", PACK)
    (table,) = read("policy_test", PACK / "tests" / f"{name}.yml")
    results = [table_test.run(case) for case in table_test.cases([table], policies)]
    assert [(result.case.name, result.faults) for result in results if result.faults] == []
    asked = [policy for policy in policies if policy["name"] in table.get("policies", [])]
    assert table_test.coverage(results, asked)["uncovered"] == []
    says = [text for case in table["cases"] for text in case.get("says", [])]
    silent = [rule["name"] for policy in asked for rule in policy["rules"] if not any(text in rule["reason"] for text in says)]
    assert silent == []
    assert name not in MINE or table_test.survivors(results, asked, most=1000)["survived"] == []
