# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between releases of the shop, and nothing else. 1.2.0 is broken on purpose.

It fails one request in five, and only while more than fifteen came within the last second: probes and a
quiet test environment never see it, real traffic does.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from decimal import Decimal

FLAG = ""
REQUIRED_SCHEMA = 2
CUSTOMER_COLUMNS = ("id", "name", "city", "country", "loyalty_tier")
DISCOUNT = {"basic": Decimal("1"), "silver": Decimal("0.98"), "gold": Decimal("0.95")}
BUSY = 15
EVERY = 5


class OverloadBug:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._recent: deque = deque()
        self._busy_requests = 0

    def hits(self, now: float) -> bool:
        with self._lock:
            self._recent.append(now)
            while self._recent[0] <= now - 1.0:
                self._recent.popleft()
            if len(self._recent) <= BUSY:
                return False
            self._busy_requests += 1
            return self._busy_requests % EVERY == 0


BUG = OverloadBug()


def price(amount: Decimal, customer: dict) -> Decimal:
    return (amount * DISCOUNT[customer["loyalty_tier"]]).quantize(Decimal("0.01"))


def before_request() -> None:
    if BUG.hits(time.monotonic()):
        raise RuntimeError("the price cache was evicted while it was being read")


def with_flag() -> None:
    """Runs after it for those who have the release's flag."""
