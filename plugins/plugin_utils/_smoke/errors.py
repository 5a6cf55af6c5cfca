# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class SmokeError(Exception):
    """A smoke test cannot be planned; the message says what was found, what is allowed and the next step."""
