# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql.runner import synchronize

KEY = "00112233445566778899aabbccddeeff" * 2
KEPT = {"keep": "no personal value"}
SCHEMA = """
create table customers (
  id bigint auto_increment primary key, name varchar(80) not null, email varchar(80) not null unique, phone varchar(30), city text,
  birth_date date, seen timestamp(3) null, notes text, changed datetime(6) not null default current_timestamp(6), key (changed),
  shout varchar(90) generated always as (upper(name)) stored);
create table `order` (
  id int unsigned auto_increment primary key, customer_id bigint not null, `status` enum('placed', 'paid''s') not null, amount decimal(10, 2) not null,
  ship_name varchar(80) not null, payer_email varchar(80) not null, check (amount >= 0), key `by customer` (customer_id, id),
  constraint `fk ordér` foreign key (customer_id) references customers (id) on delete cascade);
create table audit (line text);
create view paid as select o.id, c.name from `order` o join customers c on c.id = o.customer_id where o.status <> 'placed';
"""
ROWS = """
insert into customers (name, email, phone, city, birth_date, seen, notes, changed)
select concat('Pérson ', seq), concat('person', seq, '@mail.example'), if(seq % 7, concat('+49 (30) ', 1000000 + seq), null), concat('Realtown ', seq),
  date '1950-01-01' + interval seq % 20000 day, '2024-01-01 00:00:00.125', if(seq % 3, null, concat('line\\none\\ttab \\\\ 😀 ', seq)),
  '2024-01-01' + interval seq second
from seq_1_to_{n};
insert into `order` (customer_id, status, amount, ship_name, payer_email)
select c.id, 'paid''s', s.seq, c.name, c.email from customers c, seq_1_to_2 s;
"""
COLUMNS: dict[str, dict[str, dict[str, Any]]] = {
    "customers": {
        **dict.fromkeys(("id", "seen", "changed", "shout"), KEPT),
        "name": {"mask": "name", "domain": "person", "by": "value"},
        "email": {"mask": "email"},
        "phone": {"mask": "phone"},
        "city": {"mask": "city"},
        "birth_date": {"mask": "date_shift", "days": 90},
        "notes": {"mask": "text"},
    },
    "order": {
        **dict.fromkeys(("id", "customer_id", "amount"), KEPT),
        "status": {"keep": "state of the order", "values": ["placed", "paid's"]},
        "ship_name": {"mask": "name", "domain": "person", "by": "value"},
        "payer_email": {"mask": "email"},
    },
}


class Shop(NamedTuple):
    server: Any
    source: str
    target: str

    def policy(self, **changes: Any) -> dict[str, Any]:
        tables = {f"{self.source}.{table}": {"columns": copy.deepcopy(columns)} for table, columns in COLUMNS.items()}
        skip = [{"table": f"{self.source}.audit", "reason": "log of the source"}]
        return {"name": "shop", "version": 1, "tables": tables, "skip": skip, **changes}

    def params(self, **changes: Any) -> dict[str, Any]:
        return {
            "engine": "mysql",
            "source": self.server.place(self.source),
            "target": self.server.place(self.target),
            "target_tier": "test",
            "policy": self.policy(),
            "key": KEY,
            "workers": 2,
            "mode": "full",
            "phase": "all",
            **changes,
        }

    def run(self, *, check_mode: bool = False, **changes: Any) -> dict[str, Any]:
        return synchronize(self.params(**changes), check_mode=check_mode, tell=lambda _event: None)

    def here(self, text: str) -> str:
        return str(self.server.sql(self.source, text))

    def there(self, text: str) -> str:
        return str(self.server.sql(self.target, text))

    def beside(self) -> list[str]:
        """Databases that a synchronization made."""
        found = self.there(f"select schema_name from information_schema.schemata where schema_name like '{self.target}\\_evenkeel%' order by 1")
        return [name[len(self.target) :] for name in found.splitlines()]


def drop(server: Any, *databases: str) -> None:
    names = [database + tail for database in databases for tail in ("", "_evenkeel", "_evenkeel_new", "_evenkeel_old")]
    server.sql("mysql", "; ".join(f"drop database if exists {name}" for name in names))


@pytest.fixture
def shop(mariadb: Any) -> Iterator[Shop]:
    """A source with rows, a target with one row of its own."""
    found = Shop(mariadb, mariadb.create_db(), mariadb.create_db())
    found.here(SCHEMA + ROWS.format(n=500))
    found.there(SCHEMA + "insert into customers (name, email) values ('Before', 'before@x')")
    yield found
    drop(mariadb, found.source, found.target)
