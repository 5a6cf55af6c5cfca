# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class PreservationError(Exception):
    """Nothing can be preserved, restored or rehearsed as asked; the message says what was found, what is allowed and the next step."""
