# SPDX-License-Identifier: GPL-3.0-or-later
"""No balancer that could be asked: DNS, a cloud's own, somebody's hands. Does nothing and says so."""

from __future__ import annotations

NAME = "none"


def says(act: str) -> str:
    return (
        f"Driver none: nothing was done for {act!r}, and no name could be checked. Who moves this traffic (DNS, a balancer that is not ours)"
        " has to do it, and nothing here can tell whether it was done."
    )
