# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands for a secret: a fingerprint that nobody can make without the key, so short secrets cannot be guessed from it."""

from __future__ import annotations

import hashlib
import hmac


def fingerprint(value: str, key: bytes) -> str:
    return hmac.new(key, value.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:32]


def key_id(key: bytes) -> str:
    """Tells fingerprints under two keys apart: these cannot be compared."""
    return hashlib.sha256(key).hexdigest()[:8]
