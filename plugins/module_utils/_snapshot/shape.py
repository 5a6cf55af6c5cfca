# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What collectors share: their answer is items, or the reason why there are none."""

from __future__ import annotations

from typing import Any

Items = dict[str, dict[str, Any]]


class Unknown(Exception):
    """The collector cannot look; that is never the same as finding nothing."""
