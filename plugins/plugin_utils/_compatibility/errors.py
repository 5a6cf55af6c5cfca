# SPDX-License-Identifier: GPL-3.0-or-later
"""Why compatibility can't be told; the message names the place, the fault and the next step."""

from __future__ import annotations


class CompatibilityError(Exception):
    pass
