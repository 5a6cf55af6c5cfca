# SPDX-License-Identifier: GPL-3.0-or-later
"""What a calendar can't answer; the message names the calendar or the option, what was found, what is allowed and the next step."""

from __future__ import annotations


class CalendarError(Exception):
    pass
