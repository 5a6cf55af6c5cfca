# SPDX-License-Identifier: GPL-3.0-or-later
"""The one error of migrations."""

from __future__ import annotations


class MigrateError(Exception):
    """What was done to which file or database, what was found, what is allowed, what helps."""

    def __init__(self, message: str, *, partial: bool = False) -> None:
        super().__init__(message)
        self.partial = partial  # something of a migration that isn't through may be applied
