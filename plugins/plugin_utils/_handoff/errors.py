# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class HandoffError(Exception):
    """What was asked is refused, or can't be told; the message says what, where and what to do."""
