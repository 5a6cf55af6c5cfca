# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between releases of the shop, and nothing else. 1.4.0 is broken on purpose.

Its checkout fails one request in two, and only for those who have the flag new-checkout: dark, nothing can find it.
"""

from __future__ import annotations

import itertools
from decimal import Decimal

FLAG = "new-checkout"
REQUIRED_SCHEMA = 2
CUSTOMER_COLUMNS = ("id", "name", "city", "country", "loyalty_tier")
CALLS = itertools.count()
DISCOUNT = {"basic": Decimal("1"), "silver": Decimal("0.98"), "gold": Decimal("0.95")}


def price(amount: Decimal, customer: dict) -> Decimal:
    return (amount * DISCOUNT[customer["loyalty_tier"]]).quantize(Decimal("0.01"))


def before_request() -> None:
    """Runs before each business request; health checks, metrics and version pass by."""


def with_flag() -> None:
    if next(CALLS) % 2:
        raise RuntimeError("the new checkout asked for a customer that it had not loaded")
