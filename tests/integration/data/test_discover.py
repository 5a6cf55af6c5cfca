# SPDX-License-Identifier: GPL-3.0-or-later
"""A policy proposed for a real database: complete, consistent, without a value of it, and good enough to be used as it stands."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.evenkeel.release.plugins.module_utils._masking.detect_propose import Facts, propose
from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy import structure_faults
from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql import discover as of_mysql
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql import discover as of_postgresql
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.runner import synchronize
from ansible_collections.evenkeel.release.tests.bench import _data_source as shop

from .test_playbook import inventory

PERSONAL = {
    "public.customers": {"name", "email", "phone", "street", "city", "postcode", "birth_date", "iban", "card", "ssn"},
    "public.orders": {"ship_name"},
    "public.payments": {"card", "payer_email"},
    "public.events": {"payload"},
}
# Soft references, a natural key that is referenced, misleading names, an array, an enum, a document in a text, a table without a key.
MORE = """
create type state as enum ('open', 'closed');
create table countries (code char(2) primary key, name text not null);
insert into countries values ('DE', 'Germany'), ('FR', 'France'), ('IT', 'Italy'), ('SE', 'Sweden');
create table tickets (id serial primary key, customer_email text references customers (email), state state not null default 'open',
  tags text[], body text, reference text, doc text, raised date);
insert into tickets (customer_email, tags, body, reference, doc, raised)
select email, array[email, phone], 'please call ' || phone || ' or write to ' || email, iban, json_build_object('who', name, 'n', id)::text, date '2026-01-01'
from customers where id <= 300;
comment on column tickets.raised is 'date of birth of the child';
create table "Ünusual table" ("order" text, "select" int, empty text);
insert into "Ünusual table" select name, id from customers where id <= 50;
create table alembic_version (version_num varchar(32) primary key);
create table nothing (id int primary key, mail text, what text not null);
"""


@pytest.fixture(scope="module")
def source(pg: Any) -> Iterator[str]:
    name = pg.create_db()
    shop.build(pg, name, customers=2000)
    pg.psql(name, MORE)
    yield name
    pg.psql("postgres", f"drop database {name} with (force)")


def place(pg: Any, database: str) -> dict[str, Any]:
    return {"host": "127.0.0.1", "port": pg.port, "dbname": database, "user": pg.user, "password": pg.password}


@pytest.fixture(scope="module")
def facts(pg: Any, source: str) -> Facts:
    return of_postgresql.gather(place(pg, source), rows=500, statement_timeout=60)


@pytest.fixture(scope="module")
def policy(facts: Facts) -> dict[str, Any]:
    found = propose(facts, name="shop")
    assert found.open == []
    assert structure_faults(found.policy) == []
    return found.policy


def columns(policy: dict[str, Any], table: str) -> dict[str, Any]:
    found: dict[str, Any] = policy["tables"][table]["columns"]
    return found


def test_every_personal_column_of_the_shop_is_masked(policy: dict[str, Any]) -> None:
    for table, names in PERSONAL.items():
        assert not {name for name in names if "mask" not in columns(policy, table)[name]}
    kept = {name for name, entry in columns(policy, "public.customers").items() if "keep" in entry}
    assert kept == {"id", "country", "updated_at"}


def test_copies_share_a_domain_and_a_way(policy: dict[str, Any]) -> None:
    leaves = columns(policy, "public.events")["payload"]["paths"]
    emails = [columns(policy, "public.customers")["email"], columns(policy, "public.payments")["payer_email"], leaves["$.email"]]
    assert {(entry["mask"], entry["domain"], entry["by"]) for entry in emails} == {("email", "email", "value")}  # tickets refer to it by value
    names = [columns(policy, "public.customers")["name"], columns(policy, "public.orders")["ship_name"], leaves["$.user.name"]]
    assert {(entry["mask"], entry["domain"]) for entry in names} == {("name", "person")}
    assert columns(policy, "public.tickets")["customer_email"]["mask"] == "email"
    assert columns(policy, "public.tickets")["reference"]["mask"] == "iban"


def test_rows_of_a_customer_get_one_hash(policy: dict[str, Any]) -> None:
    assert policy["tables"]["public.customers"]["entity"] == {"name": "customer", "key": "id"}
    assert policy["tables"]["public.payments"]["entity"] == {"name": "customer", "key": "customer_id"}
    assert "by" not in columns(policy, "public.customers")["card"]
    assert "by" not in columns(policy, "public.payments")["card"]


def test_odd_columns(policy: dict[str, Any]) -> None:
    tickets = columns(policy, "public.tickets")
    assert tickets["state"] == {"keep": "one of a few codes", "values": ["open", "closed"]}
    assert tickets["tags"]["mask"] == "array"
    assert "mask" in tickets["body"]
    assert tickets["doc"]["mask"] == "json"
    assert tickets["doc"]["paths"]["$.who"]["mask"] == "name"
    assert tickets["raised"]["mask"] == "date_shift"
    assert columns(policy, "public.Ünusual table")["order"]["mask"] == "name"
    assert "mask" in columns(policy, "public.Ünusual table")["select"]
    assert "mask" in columns(policy, "public.nothing")["mail"]
    assert "mask" in columns(policy, "public.nothing")["what"]
    assert policy["skip"] == [{"table": "public.alembic_version", "reason": "each environment keeps the record of its own migrations"}]


def test_facts_hold_no_value(pg: Any, source: str, facts: Facts) -> None:
    shown = repr(facts)
    values = pg.psql(source, "select name || ',' || email || ',' || iban || ',' || card || ',' || ssn from customers limit 500").replace("\n", ",").split(",")
    assert not [value for value in values if value in shown]


def test_without_a_row_nothing_is_read(pg: Any, source: str) -> None:
    found = propose(of_postgresql.gather(place(pg, source), rows=0, statement_timeout=60, look=False), name="shop")
    assert found.open == []
    for table, names in PERSONAL.items():
        assert not {name for name in names if "mask" not in columns(found.policy, table)[name]}


def test_it_only_reads(pg: Any, source: str) -> None:
    before = pg.psql(source, "select pg_current_xact_id_if_assigned() is null, sum(n_tup_ins + n_tup_upd + n_tup_del) from pg_stat_user_tables")
    of_postgresql.gather(place(pg, source), rows=100, statement_timeout=60)
    assert pg.psql(source, "select pg_current_xact_id_if_assigned() is null, sum(n_tup_ins + n_tup_upd + n_tup_del) from pg_stat_user_tables") == before


def test_a_role_that_may_not_read_is_told(pg: Any, source: str) -> None:
    pg.psql(source, "do $$ begin create role stranger login password 's'; exception when duplicate_object then null; end $$")
    with pytest.raises(SyncError, match="permission denied"):
        of_postgresql.gather({**place(pg, source), "user": "stranger", "password": "s"}, rows=10, statement_timeout=60)


def test_used_as_it_stands_nothing_personal_arrives(pg: Any, source: str) -> None:
    """The proposal, unedited, in a refresh: no value of a personal column is in the target, and every copy still equals its original."""
    target = pg.create_db()
    schema = subprocess.run([pg.bin / "pg_dump", "-s", "-d", source], env=pg.env(), capture_output=True, text=True, check=True).stdout
    pg.psql(target, schema)
    found = propose(of_postgresql.gather(place(pg, source), rows=500, statement_timeout=60), name="shop")
    params = {
        "engine": "postgresql",
        "source": place(pg, source),
        "target": place(pg, target),
        "target_tier": "test",
        "policy": found.policy,
        "key": shop.KEY,
        "mode": "full",
        "workers": 2,
        "phase": "all",
        "proof": {"enabled": False},
    }
    synchronize(params, check_mode=False, tell=lambda _event: None)
    dump = subprocess.run([pg.bin / "pg_dump", "-a", "-d", target], env=pg.env(), capture_output=True, text=True, check=True).stdout
    columns_to_find = ("email", "phone", "iban", "card")
    for column in columns_to_find:
        values = pg.psql(source, f"select {column} from customers where {column} is not null order by id limit 300").splitlines()
        assert not [value for value in values if value in dump]
    copies = """
      select count(*) from customers c join orders o on o.customer_id = c.id join payments p on p.customer_id = c.id join events e on e.customer_id = c.id
      where o.ship_name = c.name and p.card = c.card and p.payer_email = c.email and e.payload ->> 'email' = c.email and e.payload #>> '{user,name}' = c.name"""
    assert pg.psql(target, copies) == pg.psql(source, copies) != "0"
    assert pg.psql(target, "select count(*) from tickets t join customers c on c.email = t.customer_email and c.iban = t.reference") == "300"
    pg.psql("postgres", f"drop database {target} with (force)")


def run(pg: Any, source: str, playbook: Any, file: Path, **more: Any) -> Any:
    extra = {"evenkeel_source": "production", "evenkeel_masking": str(file), "mask_discover_source": {"user": pg.user}, "mask_discover_rows": 300}
    return playbook("evenkeel.release.mask_discover", inventory=inventory(pg, (source, source)), extra_vars=extra, **more)


def test_the_playbook_writes_completes_and_then_leaves_alone(pg: Any, source: str, playbook: Any, tmp_path: Path) -> None:
    file = tmp_path / "shop.yml"
    done = run(pg, source, playbook, file, check=True)
    assert done.rc == 0, done.stdout
    assert not file.exists()
    done = run(pg, source, playbook, file, args=("-vvv",))
    assert done.rc == 0, done.stdout
    written = yaml.safe_load(file.read_text())
    assert structure_faults(written) == []
    for value in pg.psql(source, "select email from customers limit 500").splitlines():
        assert value not in done.stdout + done.stderr + file.read_text()
    assert pg.password not in done.stdout

    file.write_text(file.read_text().replace("tables:\n", "tables:  # read by Ann\n", 1))
    again = run(pg, source, playbook, file)
    assert again.result("Propose")["changed"] is False

    pg.psql(source, "alter table orders add gift_note text; alter table orders drop ship_name")
    pg.psql(source, "create table returns (id int primary key, order_id bigint, iban text)")
    planned = run(pg, source, playbook, file, check=True, args=("--diff",))
    assert "gift_note" not in file.read_text()
    assert "+      gift_note: {mask: text}" in planned.stdout
    assert planned.result("Propose")["removals"] == ["public.orders.ship_name"]
    changed = run(pg, source, playbook, file)
    assert changed.rc == 0, changed.stdout
    text = file.read_text()
    assert "# read by Ann" in text
    after = yaml.safe_load(text)
    assert set(after["tables"]) - set(written["tables"]) == {"public.returns"}
    assert after["tables"]["public.returns"]["columns"]["iban"]["mask"] == "iban"
    assert "ship_name" not in after["tables"]["public.orders"]["columns"]
    assert {k: v for k, v in after["tables"].items() if k not in ("public.orders", "public.returns")} == {
        k: v for k, v in written["tables"].items() if k != "public.orders"
    }
    assert run(pg, source, playbook, file).result("Propose")["changed"] is False


def test_mariadb(mariadb: Any) -> None:
    name = mariadb.create_db()
    mariadb.sql(
        name,
        """
        create table customers (id int primary key, name varchar(80) not null, email varchar(120) not null unique, birth date, doc json,
          mood enum('good','bad') not null, active tinyint(1) not null, card bigint);
        create table orders (id int primary key, customer_id int not null, ship_name varchar(80), total decimal(10,2),
          foreign key (customer_id) references customers (id));
        insert into customers select seq, concat(elt(1 + seq % 7, 'Anna', 'Boris', 'Claire', 'Dmitri', 'Elena', 'Henry', 'Greta'), ' Number', seq),
          concat('c', seq, '@mail.example'), date('1960-01-01') + interval seq day, json_object('email', concat('c', seq, '@mail.example'), 'n', seq),
          'good', 1, null from seq_1_to_400;
        insert into orders select id, id, name, id from customers;
        """,
    )
    facts = of_mysql.gather(mariadb.place(name), rows=200, statement_timeout=60)
    found = propose(facts, name="shop", engine="mysql")
    assert found.open == []
    customers, orders = (found.policy["tables"][f"{name}.{table}"] for table in ("customers", "orders"))
    assert {key for key, entry in customers["columns"].items() if "keep" in entry} == {"id", "mood", "active"}
    assert customers["columns"]["doc"]["mask"] in ("json", "null")
    assert facts.leaves[(f"{name}.customers", "doc")]["$.email"].share("email") == 1
    assert customers["columns"]["name"]["domain"] == orders["columns"]["ship_name"]["domain"] == "person"
    assert orders["entity"] == {"name": "customer", "key": "customer_id"}
    assert orders["columns"]["total"] == {"keep": "an amount, no personal value"}
    assert "@mail.example" not in repr(facts)
    mariadb.sql("mysql", f"drop database {name}")
