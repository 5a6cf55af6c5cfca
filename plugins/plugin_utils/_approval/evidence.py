# SPDX-License-Identifier: GPL-3.0-or-later
"""What the gate gets to see of approvals, duties and access."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Data = Mapping[str, Any]


def sections(answer: Data | None, access: Data | None) -> dict[str, Any]:
    """{approvals, duties, access, ledger_approvals}: answer is what ask.ask() gives, access what _access.may.may() does; None where nobody asked.

    ledger_approvals belongs into ledger.approvals of the evidence: one {approver} for each person whose proved approval counts, and nobody else.
    A section that is null makes a condition on it an error, and an error denies.
    """
    found = (answer or {}).get("approvals")
    return {
        "approvals": found,
        "duties": (answer or {}).get("duties"),
        "access": dict(access) if access is not None else None,
        "ledger_approvals": [{"approver": person} for person in found["approvers"]] if found else [],
    }
