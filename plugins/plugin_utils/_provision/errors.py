# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ProvisionError(Exception):
    """What was to be provisioned and why it could not be."""
