# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class NodeError(Exception):
    """An act on a server can't be done or did not come out; the message says what was found and the next step."""


class PromotionError(NodeError):
    """A promotion was asked for and did not come out; PostgreSQL may still finish it, so the old primary must stay down."""
