# SPDX-License-Identifier: GPL-3.0-or-later
"""The one error that every engine raises towards the module."""

from __future__ import annotations


class SyncError(Exception):
    """One clear report: what was done to which object, what was found, what helps. Never holds a row's value."""


class NeedsFull(SyncError):
    """Only a full copy can bring the target up to date; the text says why. Raised before anything was changed."""
