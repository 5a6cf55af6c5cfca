# SPDX-License-Identifier: GPL-3.0-or-later
"""A shop as large as wanted: the same rows on every machine, made by the server itself.

`customers` sets the scale: three orders, one payment and one event for each customer. Names, e-mails, cards and addresses of a
customer are copied into orders, payments and events without a foreign key, as real schemas do.
"""

from __future__ import annotations

from typing import Any

KEY = "00112233445566778899aabbccddeeff" * 2
TABLES = """
create table customers (
  id bigint not null, name text not null, email text not null, phone text, street text not null, city text not null,
  postcode text not null, birth_date date not null, iban text not null, card text not null, ssn text not null,
  country char(2) not null, credit numeric(10, 2) not null, updated_at timestamptz not null);
create table orders (
  id bigint not null, customer_id bigint not null, status text not null, amount numeric(10, 2) not null,
  ship_name text not null, placed_at timestamptz not null);
create table payments (
  id bigint not null, order_id bigint not null, customer_id bigint not null, card text not null, payer_email text not null,
  amount numeric(10, 2) not null, paid_at timestamptz not null);
create table events (
  id bigint not null, customer_id bigint not null, kind text not null, payload jsonb not null, at timestamptz not null);
"""
KEYS = """
alter table customers add constraint customers_pkey primary key (id);
alter table customers add constraint customers_email_key unique (email);
alter table orders add constraint orders_pkey primary key (id);
alter table payments add constraint payments_pkey primary key (id);
alter table events add constraint events_pkey primary key (id);
create index orders_by_customer on orders (customer_id);
create index payments_by_order on payments (order_id);
create index payments_by_customer on payments (customer_id);
create index events_by_customer on events (customer_id);
alter table orders add constraint orders_customer_fkey foreign key (customer_id) references customers (id);
alter table payments add constraint payments_order_fkey foreign key (order_id) references orders (id);
alter table payments add constraint payments_customer_fkey foreign key (customer_id) references customers (id);
alter table events add constraint events_customer_fkey foreign key (customer_id) references customers (id);
"""
SCHEMA = TABLES + KEYS
_FIRST = [
    "Aaron",
    "Abigail",
    "Bjorn",
    "Carlotta",
    "Dimitri",
    "Eleonora",
    "Fabrice",
    "Giulia",
    "Heinrich",
    "Ingrid",
    "Jerome",
    "Katarina",
    "Leandro",
    "Mireille",
    "Nikolai",
    "Ottilie",
]
_LAST = [
    "Abendroth",
    "Baumgartner",
    "Castellano",
    "Dufresne",
    "Eriksson",
    "Fitzgerald",
    "Gutierrez",
    "Hofstadter",
    "Ivanova",
    "Jankowski",
    "Kowalczyk",
    "Lindqvist",
]
_CITIES = ["Augsburg", "Bordeaux", "Coventry", "Dresden", "Eindhoven", "Ferrara", "Groningen", "Heidelberg", "Innsbruck", "Jaroslavl", "Kaunas", "Linz"]
# Sixteen spellings of a first name times eleven of a last name: 2,112 names for any number of customers, as real ones repeat.
_NAMES = f"(array{_FIRST})[1 + i % 16] || ' ' || (array{_LAST})[1 + i / 16 % 12] || substr(' abcdefghij', 1 + (i / 192 % 11)::int, 1)"
CUSTOMERS = f"""
insert into customers
select i, rtrim({_NAMES}), 'customer' || i || '@mail' || i % 37 || '.example',
  case when i % 11 <> 0 then '+49 ' || 30 + i % 60 || ' ' || 1000000 + i * 7919 % 8999999 end,
  1 + i % 180 || ' ' || (array{_LAST})[1 + i / 7 % 12] || ' Strasse', (array{_CITIES})[1 + i / 5 % 12],
  lpad((i * 31 % 99999)::text, 5, '0'), date '1940-01-01' + (i * 17 % 23000)::int,
  'DE' || lpad((98 - (account % 97 * 1000000 + 131400) % 97)::text, 2, '0') || lpad(account::text, 18, '0'),
  digits || (10 - (
    select sum(case when place % 2 = 1 then d / 5 + d * 2 % 10 else d end)
    from generate_series(1, 15) place, lateral (select substr(digits, place, 1)::int as d) one) % 10) % 10,
  lpad((100 + i % 800)::text, 3, '0') || '-' || lpad((i * 13 % 99 + 1)::text, 2, '0') || '-' || lpad((i * 37 % 9999)::text, 4, '0'),
  (array['DE', 'FR', 'IT', 'SE'])[1 + i % 4], (i * 7 % 500000) / 100.0, timestamptz '2026-01-01 00:00:00+00' + i * interval '7 seconds'
from (select i, i * 7919 % 1000000007 * 1000003 % 1000000000000000000 as account, '5555' || lpad((i * 104729 % 100000000000)::text, 11, '0') as digits
      from generate_series(1::bigint, {{customers}}) i) s
order by i;
"""
OTHERS = """
insert into orders
select i, c.id, (array['placed', 'paid', 'sent', 'returned'])[1 + i % 4], (i * 11 % 90000) / 100.0, c.name,
  timestamptz '2026-02-01 00:00:00+00' + i * interval '2 seconds'
from customers c, generate_series(0, 2) part, lateral (select (c.id - 1) * 3 + part + 1 as i) one;
insert into payments
select c.id, c.id * 3 - 1, c.id, c.card, c.email, (c.id * 11 % 90000) / 100.0, timestamptz '2026-03-01 00:00:00+00' + c.id * interval '5 seconds'
from customers c;
insert into events
select c.id, c.id, (array['login', 'search', 'view', 'basket'])[1 + c.id % 4],
  jsonb_build_object('email', c.email, 'ip', '10.' || c.id % 250 || '.' || c.id / 250 % 250 || '.' || c.id % 199,
    'user', jsonb_build_object('name', c.name, 'id', c.id), 'agent', 'Browser/' || c.id % 90, 'ms', c.id % 900),
  timestamptz '2026-04-01 00:00:00+00' + c.id * interval '3 seconds'
from customers c;
"""
KEPT = {"keep": "no personal value"}
# The personal columns of customers and how each is masked; `person`, `email` and `card` are the domains of their copies, too.
MASKS: dict[str, dict[str, Any]] = {
    "name": {"mask": "name", "domain": "person", "by": "value"},  # few different ones: each is masked once
    "email": {"mask": "email"},
    "phone": {"mask": "phone"},
    "street": {"mask": "street"},
    "city": {"mask": "city"},
    "postcode": {"mask": "postcode"},
    "birth_date": {"mask": "date_shift", "days": 90},
    "iban": {"mask": "iban"},
    "card": {"mask": "card"},
    "ssn": {"mask": "national_id", "country": "us"},
}
LEAVES = {
    "mask": "json",
    "paths": {"$.email": {"mask": "email"}, "$.ip": {"mask": "ip"}, "$.user.name": {"mask": "name", "domain": "person", "by": "value"}},
    "others": {"keep": "no personal value"},
}


def rows(customers: int) -> str:
    """SQL that fills the tables. Load first, keys after: run TABLES, this, KEYS."""
    return CUSTOMERS.format(customers=customers) + OTHERS


def build(pg: Any, database: str, *, customers: int) -> None:
    pg.psql(database, TABLES + rows(customers) + KEYS + "\nvacuum (freeze, analyze);\n")


def policy(*, entity: bool, name: str = "bench") -> dict[str, Any]:
    """By entity: one keyed hash of the customer's number per row makes all of its masks. By value: one per value."""

    def table(columns: dict[str, Any], key: str) -> dict[str, Any]:
        return {**({"entity": {"name": "customer", "key": key}} if entity else {}), "columns": columns}

    def kept(*names: str) -> dict[str, Any]:
        return dict.fromkeys(names, KEPT)

    return {
        "name": name,
        "version": 1,
        "tables": {
            "public.customers": table({**kept("id", "country", "credit", "updated_at"), **MASKS}, "id"),
            "public.orders": table({**kept("id", "customer_id", "status", "amount", "placed_at"), "ship_name": MASKS["name"]}, "customer_id"),
            "public.payments": table(
                {**kept("id", "order_id", "customer_id", "amount", "paid_at"), "card": {"mask": "card"}, "payer_email": {"mask": "email"}},
                "customer_id",
            ),
            "public.events": table({**kept("id", "customer_id", "kind", "at"), "payload": LEAVES}, "customer_id"),
        },
    }


POLICY_ENTITY = policy(entity=True)
POLICY_VALUE = policy(entity=False)
