# SPDX-License-Identifier: GPL-3.0-or-later
"""A policy that doesn't know everything moves nothing, and the YAML it prints makes it complete; a new key masks everything anew. On every engine."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable, NamedTuple

import pytest
import yaml
from ansible_collections.evenkeel.release.plugins.module_utils._masking.keys import key_id
from ansible_collections.evenkeel.release.plugins.module_utils._sync.engines import synchronize
from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError
from ansible_collections.evenkeel.release.tests.integration.data.conftest import KEY

SCHEMA = """
create table customers (id integer primary key, name varchar(80) not null, email varchar(80) not null unique, phone varchar(30), born date, note text,
  period {period} not null, doc {json}, state {state} not null, file {blob});
create table "order" (id integer primary key, customer_id integer not null, payer varchar(80), total decimal(10, 2) not null, ship_name varchar(80),
  foreign key (customer_id) references customers (id), foreign key (payer) references customers (email));
"""
ROWS = """
insert into customers values
  (1, 'Jane Roe', 'jane@mail.example', '+49 30 1234567', '1980-02-29', 'call Jane', '{period}', '{{"mail": "jane@mail.example"}}', 'new', {bytes}),
  (2, 'John Doe', 'john@mail.example', null, '1990-01-01', null, '{period}', null, 'old', null);
insert into "order" values (1, 1, 'jane@mail.example', 5, 'Jane Roe'), (2, 2, 'john@mail.example', 7, 'John Doe');
"""
# Written by hand and then left alone while the schema went on.
POLICY = """---
name: shop
version: 1
tables:
  {prefix}.customers:
    entity: {{name: customer, key: id}}
    columns:
      id: {{keep: surrogate key}}
      name: {{mask: name, domain: person}}
      state: {{keep: coarse, values: [new]}}
"""


class Shop(NamedTuple):
    engine: str
    prefix: str
    source: dict[str, Any]
    target: dict[str, Any]
    there: Callable[[str], str]

    def policy(self) -> str:
        text = POLICY.format(prefix=self.prefix)
        return text.replace(", values: [new]", "") if self.engine == "sqlite" else text

    def run(self, policy: str, *, key: str = KEY, proof: bool = False) -> dict[str, Any]:
        params = {
            "engine": self.engine, "name": "shop", "source": self.source, "target": self.target, "target_tier": "test", "policy": yaml.safe_load(policy),
            "key": key, "workers": 1, "mode": "full", "phase": "all", "proof": {"enabled": proof, "leak_min_length": 6}, "lock_timeout": 5.0,
        }  # fmt: skip
        return synchronize(params, check_mode=False, tell=lambda _event: None)


def filled(**types: str) -> tuple[str, str]:
    server = types["blob"] == "bytea"
    return SCHEMA.format(**types), ROWS.format(period="1 day" if server else "12:00:00", bytes=r"'\x4a616e65'" if server else "x'4a616e65'")


@pytest.fixture
def postgresql(pg: Any) -> Iterator[Shop]:
    source, target = pg.create_db(), pg.create_db()
    schema, rows = filled(period="interval", json="jsonb", state="state", blob="bytea")
    schema = "create type state as enum ('new', 'old');" + schema
    pg.psql(source, schema + rows)
    pg.psql(target, schema)
    place = {"host": "127.0.0.1", "port": pg.port, "user": pg.user, "password": pg.password, "sslmode": "disable"}
    yield Shop("postgresql", "public", {**place, "dbname": source}, {**place, "dbname": target}, lambda text: str(pg.psql(target, text)))
    for name in (source, target):
        pg.psql("postgres", f"drop database {name} with (force)")


@pytest.fixture
def mysql(mariadb: Any) -> Iterator[Shop]:
    source, target = mariadb.create_db(), mariadb.create_db()
    schema, rows = (text.replace('"order"', "`order`") for text in filled(period="time", json="json", state="enum('new', 'old')", blob="blob"))
    mariadb.sql(source, schema + rows)
    mariadb.sql(target, schema)
    there = lambda text: str(mariadb.sql(target, text.replace('"order"', "`order`")))  # noqa: E731 - one line for each engine
    yield Shop("mysql", source, mariadb.place(source), mariadb.place(target), there)
    left = [name + tail for name in (source, target) for tail in ("", "_evenkeel", "_evenkeel_new", "_evenkeel_old")]
    mariadb.sql("mysql", "; ".join(f"drop database if exists {name}" for name in left))


@pytest.fixture
def sqlite(tmp_path: Path) -> Shop:
    schema, rows = filled(period="time", json="json", state="text", blob="blob")
    source, target = tmp_path / "source.db", tmp_path / "target.db"
    for path, text in ((source, schema + rows), (target, schema)):
        connection = sqlite3.connect(path)
        connection.executescript(text)
        connection.close()

    def there(text: str) -> str:
        connection = sqlite3.connect(target)
        found = "\n".join("|".join(map(str, row)) for row in connection.execute(text).fetchall())
        connection.close()
        return found

    return Shop("sqlite", "main", {"path": str(source)}, {"path": str(target)}, there)


def pasted(policy: str, message: str) -> str:
    """As somebody does with an editor: lines of a known table into it, in place of a column's own if it has one; the other tables at the end."""
    lines, table = policy.splitlines(), ""
    for line in message.partition("\ntables:\n")[2].splitlines():
        if not line.startswith("    "):
            table = line
            lines += [] if table in lines else [table, "    columns:"]
        elif line.startswith("      "):
            start = lines.index("    columns:", lines.index(table)) + 1
            own = [number for number in range(start, len(lines)) if lines[number].partition(":")[0] == line.partition(":")[0]]
            lines[own[0] if own else start : own[0] + 1 if own else start] = [line]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("engine", ["postgresql", "mysql", "sqlite"])
def test_what_a_refusal_prints_makes_the_next_run_pass(request: Any, engine: str) -> None:
    shop: Shop = request.getfixturevalue(engine)
    with pytest.raises(SyncError) as refused:
        shop.run(shop.policy())
    message = str(refused.value)
    assert f"{shop.prefix}.order: the policy doesn't mention this table" in message
    assert f"{shop.prefix}.customers.email: the policy doesn't mention this column" in message
    assert ("doesn't mention the label 'old'" in message) == (engine != "sqlite")
    for value in ("jane", "Jane", "1234567", "1980"):
        assert value not in message
    assert shop.there("select count(*) from customers") == "0"

    policy = pasted(shop.policy(), message)
    assert shop.run(policy, proof=True)["proof"]["verdict"] == "passed", policy
    everything = "\n".join(shop.there(f"select * from {table} order by 1") for table in ("customers", '"order"'))
    for value in ("jane", "Jane", "John", "1234567", "1980-02-29", "1990-01-01"):
        assert value not in everything, policy
    assert "REVIEW" in policy
    held = 'select count(*) from "order" o join customers c on c.id = o.customer_id and c.email = o.payer'
    assert shop.there(held) == "2"

    rotated(shop, policy)
    assert shop.there(held) == "2"


def rotated(shop: Shop, policy: str) -> None:
    """Another key masks everything anew, under another id; neither key is in what a run tells."""
    emails = shop.there("select email from customers order by id").splitlines()
    same, other = shop.run(policy), shop.run(policy, key="f" * 64)
    assert (same["changed"], same["key_id"]) == (False, key_id(KEY))
    assert (other["changed"], other["key_id"]) == (True, key_id("f" * 64))
    assert other["mode"] == "full"
    told = json.dumps([same, other], default=str)
    assert KEY not in told
    assert "f" * 64 not in told
    anew = shop.there("select email from customers order by id").splitlines()
    assert not set(emails) & set(anew)
