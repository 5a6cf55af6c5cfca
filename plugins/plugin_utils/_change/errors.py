# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ChangeError(Exception):
    """What is asked of a change can't be done; the message says what was found, what is allowed and what to do next."""
