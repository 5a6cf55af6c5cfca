# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ReservationError(Exception):
    """What is declared or recorded can't be used; the message says what, where and what to do. Nobody is let in on it."""
