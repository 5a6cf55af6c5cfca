# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class PreserveError(Exception):
    """It cannot be recorded or restored; the message says what was found, what is allowed and the next step."""
