# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that the modules of approvals and of access share."""

from __future__ import annotations

from typing import Any

PLACES: dict[str, dict[str, Any]] = {
    "approvals_dir": {"type": "path"},
    "trust_dir": {"type": "path"},
    "ledger_name": {"type": "str"},
    "ledger_url": {"type": "str", "no_log": True},
}
SUBJECT: dict[str, dict[str, Any]] = {
    "environment": {"type": "dict"},
    "release": {"type": "dict"},
    "act": {"type": "str"},
    "hosts": {"type": "list", "elements": "str", "default": []},
    "plan": {"type": "dict", "default": {}},
    "batches": {"type": "list", "elements": "raw", "default": []},
    "policies_dir": {"type": "path"},
    "project_dir": {"type": "path"},
    "fingerprint_key": {"type": "str", "no_log": True},
    "risk": {"type": "str"},
}
