# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ArtifactError(Exception):
    """An artifact can't be had, or must not be used; the message says what, where from, what was found, and what to do."""


class Again(ArtifactError):
    """The network or the server failed in a way that another try may mend."""

    def __init__(self, message: str, *, wait: float | None = None) -> None:
        super().__init__(message)
        self.wait = wait


class ClashError(ArtifactError):
    """Two different contents under one name; the message names both digests."""
