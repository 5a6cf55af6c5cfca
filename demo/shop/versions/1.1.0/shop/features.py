# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between releases of the shop, and nothing else. 1.1.0: loyalty tiers with a discount."""

from __future__ import annotations

from decimal import Decimal

FLAG = ""
REQUIRED_SCHEMA = 2
CUSTOMER_COLUMNS = ("id", "name", "city", "country", "loyalty_tier")
DISCOUNT = {"basic": Decimal("1"), "silver": Decimal("0.98"), "gold": Decimal("0.95")}


def price(amount: Decimal, customer: dict) -> Decimal:
    return (amount * DISCOUNT[customer["loyalty_tier"]]).quantize(Decimal("0.01"))


def before_request() -> None:
    """Runs before each business request; health checks, metrics and version pass by."""


def with_flag() -> None:
    """Runs after it for those who have the release's flag."""
