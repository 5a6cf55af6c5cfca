# SPDX-License-Identifier: GPL-3.0-or-later
"""The one error of flag files and flag servers."""

from __future__ import annotations


class FlagError(Exception):
    """What was done to which file, flag or server, what was found, what is allowed, what helps."""
