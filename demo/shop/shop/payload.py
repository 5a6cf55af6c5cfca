# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from typing import Any


class PayloadError(Exception):
    def __init__(self, faults: list, *, status: int = 400) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults
        self.status = status


def _price(value: Any) -> Decimal:
    try:
        price = Decimal(str(value))
    except InvalidOperation:
        return Decimal(-1)
    return price.quantize(Decimal("0.01")) if price.is_finite() and 0 <= price < 1_000_000 else Decimal(-1)


def _whole(value: Any, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= most


def _item(position: int, raw: Any, faults: list) -> dict:
    where = f"items[{position}]"
    if not isinstance(raw, dict):
        faults.append(f"{where} must be an object")
        return {}
    texts = {key: raw.get(key) for key in ("sku", "title")}
    faults += [
        f"{where}.{key} must be a text of 1 to 200 characters"
        for key, value in texts.items()
        if not isinstance(value, str) or not 0 < len(value) <= 200 or "\x00" in value
    ]
    if not _whole(raw.get("quantity"), 1000):
        faults.append(f"{where}.quantity must be a whole number from 1 to 1000")
    price = _price(raw.get("unit_price"))
    if price < 0:
        faults.append(f"{where}.unit_price must be a decimal from 0 to 999999.99")
    return {**texts, "quantity": raw.get("quantity"), "unit_price": price}


def parse_order(body: bytes) -> tuple:
    """(customer id, items); raises PayloadError with every fault of the body."""
    try:
        document = json.loads(body)
    except ValueError:
        raise PayloadError(["the body is not JSON"]) from None
    if not isinstance(document, dict):
        raise PayloadError(["the body must be an object with customer and items"])
    faults: list = []
    if not _whole(document.get("customer"), 2**63 - 1):
        faults.append("customer must be a whole number above 0")
    raw = document.get("items")
    if not isinstance(raw, list) or not 0 < len(raw) <= 50:
        faults.append("items must be a list of 1 to 50 items")
        raw = []
    items = [_item(position, item, faults) for position, item in enumerate(raw)]
    if faults:
        raise PayloadError(faults)
    return document["customer"], items
