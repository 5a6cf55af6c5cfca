# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class UpgradeError(Exception):
    """The upgrade is not described as it has to be; the message lists all faults."""
