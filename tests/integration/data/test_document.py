# SPDX-License-Identifier: GPL-3.0-or-later
"""A faulty masking policy is found by validate, with file, line and key path, long before a synchronization; what a refusal prints cures an incomplete one."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.evenkeel.release.tests.integration.data.conftest import POLICY
from ansible_collections.evenkeel.release.tests.integration.data.test_playbook import inventory


def faults(pg: Any, playbook: Any, folder: Path, policy: dict[str, Any]) -> dict[str, dict[str, Any]]:
    masking = folder / "masking"
    masking.mkdir(exist_ok=True)
    (masking / "shop.yml").write_text(yaml.safe_dump(policy))
    extra = {"evenkeel_masking_dir": str(masking)}
    done = playbook("evenkeel.release.validate", inventory=inventory(pg, ("a", "b")), extra_vars=extra)
    result = done.result("Report every fault")
    return {fault["path"]: fault for fault in result["faults"] if str(fault["file"]).endswith("masking/shop.yml")}


def test_a_good_policy_has_no_fault(pg: Any, playbook: Any, tmp_path: Path) -> None:
    assert faults(pg, playbook, tmp_path, POLICY) == {}


def test_every_fault_of_a_policy_is_named(pg: Any, playbook: Any, tmp_path: Path) -> None:
    policy = copy.deepcopy(POLICY)
    columns = policy["tables"]["public.customers"]["columns"]
    columns["email"] = {"mask": "emial"}
    columns["birth_date"] = {"mask": "date_shift", "days": 0}
    policy["colour"] = "blue"
    found = faults(pg, playbook, tmp_path, policy)
    assert "colour" in " ".join(found)
    assert any("email" in path and "emial" in fault["found"] for path, fault in found.items())
    assert any("birth_date" in path for path in found)
    lines = (tmp_path / "masking/shop.yml").read_text().splitlines()
    assert {lines[fault["line"] - 1].strip() for fault in found.values()} == {"colour: blue", "mask: emial", "days: 0"}
