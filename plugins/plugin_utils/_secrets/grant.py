# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Grant:
    """A token and what is known of its life. `own`: got by logging in, so ours to revoke."""

    token: str = field(repr=False)
    ttl: int | None
    renewable: bool
    own: bool
    batch: bool = False
