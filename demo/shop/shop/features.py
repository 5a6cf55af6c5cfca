# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between releases of the shop, and nothing else."""

from __future__ import annotations

from decimal import Decimal

FLAG = ""
REQUIRED_SCHEMA = 1
CUSTOMER_COLUMNS = ("id", "name", "city", "country")


def price(amount: Decimal, customer: dict) -> Decimal:  # noqa: ARG001 - later releases look at the customer
    return amount


def before_request() -> None:
    """Runs before each business request; health checks, metrics and version pass by."""


def with_flag() -> None:
    """Runs after it for those who have the release's flag."""
