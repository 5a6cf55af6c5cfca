# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ledger refuses; the message names the store, the fault and the next step, never a password."""

from __future__ import annotations

from typing import Any


class LedgerError(Exception):
    pass


class LeaseError(LedgerError):
    """The lease is held by another run, or is no longer ours. `lease` is what the store knows of its holder."""

    def __init__(self, message: str, *, lease: dict[str, Any]) -> None:
        super().__init__(message)
        self.lease = lease
