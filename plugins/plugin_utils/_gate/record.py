# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ledger keeps of a decision: the answer, and digests that prove what it was given for."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import rfc8785
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.answer import Decision


def digest(value: Any) -> str:
    """SHA-256 of the RFC 8785 form of plain data."""
    return hashlib.sha256(rfc8785.dumps(value)).hexdigest()


def body(decision: Decision, policies: Sequence[Mapping[str, Any]], evidence: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **decision.as_dict(),
        "policies_sha256": {policy["name"]: digest(policy) for policy in policies},
        "evidence_sha256": digest(evidence),
    }
