# SPDX-License-Identifier: GPL-3.0-or-later
"""What a release manifest is refused for; the message names the place, the fault and the next step."""

from __future__ import annotations


class ManifestError(Exception):
    pass
