# SPDX-License-Identifier: GPL-3.0-or-later
"""How right a masked copy of the bench's shop is, asked of the target with plain SQL."""

from __future__ import annotations

from typing import Any

COPIES = {
    "ship_name = masked name": "select avg((o.ship_name = c.name)::int) from orders o join customers c on c.id = o.customer_id",
    "payer_email = masked email": "select avg((p.payer_email = c.email)::int) from payments p join customers c on c.id = p.customer_id",
    "card copy = masked card": "select avg((p.card = c.card)::int) from payments p join customers c on c.id = p.customer_id",
    "JSON email = masked email": "select avg((e.payload->>'email' = c.email)::int) from events e join customers c on c.id = e.customer_id",
    "JSON name = masked name": "select avg((e.payload->'user'->>'name' = c.name)::int) from events e join customers c on c.id = e.customer_id",
    "cards valid (Luhn)": """
select avg((luhn % 10 = 0)::int) from customers, lateral (
  select sum(case when place % 2 = 1 then d * 2 / 10 + d * 2 % 10 else d end) luhn
  from generate_series(1, 16) place, lateral (select substr(card, place, 1)::int d) one) s where card ~ '^[0-9]{16}$'""",
    "IBANs valid (mod 97)": """
select avg(coalesce((case when iban ~ '^DE[0-9]{20}$' then substr(iban, 5) || '1314' || substr(iban, 3, 2) end)::numeric % 97 = 1, false)::int)
from customers""",
}
PERSONAL = ("name", "email", "phone", "street", "city", "postcode", "birth_date", "iban", "card", "ssn")


def copies(pg: Any, target: str) -> dict[str, float]:
    """Shares from 0 to 1: copies of a value that have its mask, and values whose check digits hold."""
    return {name: float(pg.psql(target, text) or 0) for name, text in COPIES.items()}


def unchanged(pg: Any, *, source: str, target: str) -> int:
    """Personal values of every hundredth customer that the copy shows as they were."""
    text = "select concat_ws('\t', id, " + ", ".join(f"coalesce({column}::text, '')" for column in PERSONAL) + ") from customers where id % 100 = 1 order by id"
    here, there = (pg.psql(database, text).splitlines() for database in (source, target))
    pairs = [pair for one, other in zip(here, there, strict=True) for pair in zip(one.split("\t")[1:], other.split("\t")[1:], strict=True)]
    return sum(1 for before, after in pairs if before and before == after)


def table(found: dict[str, dict[str, float]]) -> list[str]:
    """Lines of a table: a row for each tool."""
    names = list(next(iter(found.values())))
    lines = ["  " + "tool".ljust(12) + " | ".join(names)]
    for tool, shares in found.items():
        cells = [(f"{shares[name]:.0%}" if name != "unchanged values" else f"{shares[name]:.0f}").ljust(len(name)) for name in names]
        lines.append("  " + tool.ljust(12) + " | ".join(cells))
    return lines
