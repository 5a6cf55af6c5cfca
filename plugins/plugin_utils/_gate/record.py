# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ledger keeps of a decision: the answer, and digests that prove what it was given for."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import rfc8785
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.answer import Decision
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.opa import Reply

Documents = Sequence[Mapping[str, Any]]


def digest(value: Any) -> str:
    """SHA-256 of the RFC 8785 form of plain data."""
    return hashlib.sha256(rfc8785.dumps(value)).hexdigest()


def body(
    decision: Decision,
    policies: Documents,
    evidence: Mapping[str, Any],
    *,
    exceptions: Documents = (),
    replies: Mapping[str, Reply] | None = None,
) -> dict[str, Any]:
    """Of the exceptions those that were asked about; of a server's answer its digest, since it may hold anything."""
    asked = {note["waiver"] for note in decision.waivers}
    return {
        **decision.as_dict(),
        "policies_sha256": {policy["name"]: digest(policy) for policy in policies},
        "evidence_sha256": digest(evidence),
        "waivers_sha256": {one["name"]: digest(one) for one in exceptions if one["name"] in asked},
        "opa": {name: _said(reply) for name, reply in (replies or {}).items()},
    }


def _said(reply: Reply) -> dict[str, str]:
    return {"decision_id": reply.decision_id, "error": reply.error, "result_sha256": "" if reply.error else digest(reply.result)}
