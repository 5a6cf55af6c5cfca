# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ApprovalError(Exception):
    """Says what was asked of which file or person, what was found, and what to do next."""
