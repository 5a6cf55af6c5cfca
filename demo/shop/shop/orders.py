# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything the shop asks its database."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Optional

import psycopg
from psycopg import sql

from shop import features

ORDER_COLUMNS = "id, customer_id, status, amount, currency, ship_name, ship_city, placed_at"
NEW_ORDER = f"""
insert into orders (customer_id, status, amount, currency, ship_name, ship_city)
values (%s, 'placed', %s, %s, %s, %s) returning {ORDER_COLUMNS}
"""
NEW_ITEM = "insert into order_items (order_id, sku, title, quantity, unit_price) values (%s, %s, %s, %s, %s)"
SHIPPING = Decimal("4.90")


def customer(connection: psycopg.Connection[Any], number: int) -> Optional[dict]:
    columns = sql.SQL(", ").join(sql.Identifier(name) for name in features.CUSTOMER_COLUMNS)
    return connection.execute(sql.SQL("select {} from customers where id = %s").format(columns), (number,)).fetchone()


def recent(connection: psycopg.Connection[Any], limit: int) -> list:
    return connection.execute(f"select {ORDER_COLUMNS} from orders order by id desc limit %s", (limit,)).fetchall()


def of_customer(connection: psycopg.Connection[Any], number: int, limit: int) -> list:
    return connection.execute(
        f"select {ORDER_COLUMNS} from orders where customer_id = %s order by id desc limit %s",
        (number, limit),
    ).fetchall()


def amount(items: list, buyer: dict, free_shipping_from: int) -> Decimal:
    goods = features.price(sum((item["unit_price"] * item["quantity"] for item in items), Decimal(0)), buyer)
    return goods if goods >= free_shipping_from else goods + SHIPPING


def place(connection: psycopg.Connection[Any], number: int, items: list, *, currency: str, free_shipping_from: int) -> Optional[dict]:
    """The new order, or None when there is no such customer."""
    with connection.transaction():
        buyer = customer(connection, number)
        if buyer is None:
            return None
        total = amount(items, buyer, free_shipping_from)
        order = connection.execute(NEW_ORDER, (number, total, currency, buyer["name"], buyer["city"])).fetchone()
        assert order is not None
        with connection.cursor() as cursor:
            cursor.executemany(
                NEW_ITEM,
                [(order["id"], item["sku"], item["title"], item["quantity"], item["unit_price"]) for item in items],
            )
    return order
