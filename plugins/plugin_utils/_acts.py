# SPDX-License-Identifier: GPL-3.0-or-later
"""Words for what is done with a release that several parts decide by."""

from __future__ import annotations

# What was begun can always be taken back: nothing that is missing, late or booked stands against these.
WAY_BACK = ("rollback", "recover")
