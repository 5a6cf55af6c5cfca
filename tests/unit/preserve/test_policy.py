# SPDX-License-Identifier: GPL-3.0-or-later
"""The documents and the policy of the guide, as they stand there."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest
import yaml
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.check import check
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.source import Source
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.engine import decide
from ansible_collections.evenkeel.release.plugins.plugin_utils._preserve import declared, rehearsal

from .test_rehearsal import MANIFEST, NOW, begun, ended

TODAY = date(2026, 6, 30)
GUIDE = Path(__file__).resolve().parents[3] / "docs/how-to/rehearse-rollback.md"
PRODUCTION = {"name": "production", "tier": "production"}


def blocks():
    return [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", GUIDE.read_text(), re.DOTALL)]


POLICY = next(block for block in blocks() if isinstance(block, dict) and block.get("name") == "rehearsed")


def test_the_documents_of_the_guide_are_valid():
    kinds = [("preserve", block["evenkeel_preserve"]) for block in blocks() if "evenkeel_preserve" in block]
    kinds += [("rehearsal", block["evenkeel_rehearsal"]) for block in blocks() if "evenkeel_rehearsal" in block]
    kinds += [("preserve", {"databases": block}) for block in blocks() if "database" in block]
    assert len(kinds) == 3
    for kind, document in kinds:
        declared.checked(kind, document, today=TODAY)
    assert check("policy", POLICY, today=TODAY, source=Source("guide")) == []


@pytest.mark.parametrize(
    ("entries", "deployed", "verdict"),
    [
        ([begun(1), ended(2, 1)], "1.0.0", "passed"),
        ([begun(1), ended(2, 1)], "0.9.0", "failed"),
        ([begun(1), ended(2, 1, "failed")], "1.0.0", "failed"),
        ([begun(1), ended(2, 1, expires="2026-06-01T00:00:00Z")], "1.0.0", "failed"),
        ([begun(1)], "1.0.0", "failed"),
        ([], "1.0.0", "failed"),
    ],
)
def test_the_policy_lets_out_what_was_rehearsed(entries, deployed, verdict):
    told = rehearsal.rehearsals(entries, MANIFEST, now=NOW)
    evidence = {"now": NOW, "environment": PRODUCTION, "ledger": {"deployed": {"shop": deployed}}, "rehearsal": told}
    assert decide([POLICY], evidence, act="promote", environment=PRODUCTION).verdict == verdict


def test_without_the_evidence_nobody_passes():
    evidence = {"now": NOW, "environment": PRODUCTION, "ledger": {"deployed": {"shop": "1.0.0"}}}
    assert decide([POLICY], evidence, act="promote", environment=PRODUCTION).verdict in ("failed", "errored")
