# SPDX-License-Identifier: GPL-3.0-or-later
"""The proof on shadows that are right, and on shadows in which somebody planted a leak."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy import make_plan
from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql import proof, statement
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.catalog import read_tables, shadow_of
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.driver import connect
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.runner import synchronize
from ansible_collections.evenkeel.release.tests.integration.data.conftest import KEY, POLICY, ROWS, SCHEMA

MORE = """
create table events (id bigint primary key, note text, payload jsonb, tags text[]);
"""
EVENTS = """
insert into events select i, 'order ' || i || ' was sent on Monday',
  jsonb_build_object('email', 'person' || i || '@mail.example', 'agent', 'Browser/' || i % 9,
    'deep', jsonb_build_array(jsonb_build_object('text', 'all is well ' || i))),
  array['red', 'green ' || i % 5]
from generate_series(1, 400) i;
"""
TABLES = copy.deepcopy(POLICY)
TABLES["tables"]["public.customers"]["quasi_identifiers"] = ["country", "postcode"]
TABLES["tables"]["public.events"] = {
    "columns": {
        "id": {"keep": "surrogate key"},
        "note": {"keep": "written by the system"},
        "payload": {"mask": "json", "paths": {"$.email": {"mask": "email"}}, "others": {"keep": "technical"}},
        "tags": {"keep": "colours"},
    }
}


class Shadow:
    """A source, and a target with a shadow that holds its masked rows, made as a synchronization does."""

    def __init__(self, pg: Any, policy: dict[str, Any] = TABLES, **options: Any) -> None:
        self.pg, self.names = pg, (pg.create_db(), pg.create_db())
        pg.psql(self.names[0], SCHEMA + MORE + ROWS.format(n=500) + EVENTS + "analyze;")
        pg.psql(self.names[1], SCHEMA + MORE)
        places = [{"host": "127.0.0.1", "port": pg.port, "user": pg.user, "password": pg.password, "dbname": name} for name in self.names]
        self.source, self.target = connect(places[0], role="source"), connect(places[1], role="target")
        self.source.execute("begin isolation level repeatable read, read only")
        here, there = read_tables(self.source), read_tables(self.target)
        plan = make_plan(policy, {name: table.columns for name, table in here.items()})
        assert not plan.faults, plan.faults
        rules = plan.tables
        self.job = SimpleNamespace(rules=rules, domains=statement.domains(rules), key=KEY, policy=policy, options={"proof": options})
        self.sides = SimpleNamespace(here={name: here[name] for name in rules}, there={name: there[name] for name in rules})
        statement.hand_over(self.source, key=KEY, names=self.job.domains)
        self.seal = proof.make_seal(self.source, self.target)
        self.sent = {name: self.fill(here[name]) for name in sorted(rules)}
        self.validated = True
        self.psql("analyze")

    def fill(self, table: Any) -> Any:
        new = shadow_of(table.schema)
        self.psql(f"create schema if not exists {new}; create table {new}.{table.name} (like public.{table.name} including all)")
        select = self.seal.wrap(statement.masked_select(table, self.job.rules[table.full], self.job.domains), table)
        text = statement.sql.SQL("copy ({}) to stdout").format(select)
        with self.source.cursor() as reader, self.target.cursor() as writer:
            with reader.copy(text) as rows, writer.copy(statement.copy_in(table, new, binary=False)) as into:
                for row in rows:
                    into.write(row)
            rows_sent = writer.rowcount
        return SimpleNamespace(rows=rows_sent, checksum=self.seal.read(self.source))

    def psql(self, text: str) -> str:
        return self.pg.psql(self.names[1], text)

    def prove(self, **words: Any) -> dict[str, Any]:
        keyless = {"orders": "orders_customer_id_fkey"}
        for name, key in keyless.items():  # LIKE doesn't copy foreign keys
            self.psql(
                f"alter table evenkeel_new_public.{name} drop constraint if exists {key}; alter table evenkeel_new_public.{name} add constraint {key} "
                f"foreign key (customer_id) references evenkeel_new_public.customers (id) on delete cascade {'' if self.validated else 'not valid'}"
            )
        return proof.prove(self.job, self.sides, self.sent, self.source, self.target, shadow_of, seal=self.seal, **words)

    def refused(self) -> str:
        with pytest.raises(SyncError) as caught:
            self.prove()
        message = str(caught.value)
        assert "person7" not in message
        assert "Person 7" not in message
        return message

    def close(self) -> None:
        self.source.close()
        self.target.close()
        for name in self.names:
            self.pg.psql("postgres", f"drop database {name} with (force)")


@pytest.fixture
def shadow(pg: Any) -> Iterator[Shadow]:
    found = Shadow(pg)
    yield found
    found.close()


def test_a_faithful_shadow_passes_and_the_evidence_says_what_was_looked_at(shadow: Shadow) -> None:
    record = shadow.prove()
    assert record["verdict"] == "passed"
    assert record["tables"]["public.orders"] == {"sent": 1500, "rows": 1500, "checksum": "equal"}
    assert record["sample"]["public.customers"]["rows"] == 500
    assert record["sample"]["public.customers"]["differs"] == []
    assert set(record["sample"]["public.customers"]["unchanged"].values()) == {0}
    assert "public.customers.email" in record["leaks"]["proved_by"]["form"]
    assert record["leaks"]["read_partly"] == {}
    assert record["keys"]["foreign_keys"] == 1
    assert record["k_anonymity"]["public.customers"]["columns"] == ["country", "postcode"]
    assert "person" not in str(record).replace("person@", "")


# Each in a row of its own, so that one run of the proof has to find them all.
LEAKS = [
    # in a kept column: within a sentence, between brackets, in capital letters, with signs of its own
    ("events set note = 'please write to person7@mail.example.' where id = 9", "public.events.note: holds 2 values of the source's public.customers.email"),
    ("events set note = 'PLEASE WRITE TO PERSON11@MAIL.EXAMPLE TODAY' where id = 14", ""),
    ("events set note = 'asked (by Person 7), twice' where id = 10", "public.events.note: holds 2 values of the source's public.customers.name"),
    ("events set note = 'FOR PERSON 12' where id = 11", ""),
    ("events set note = 'call +49 (30) 1000008 soon' where id = 12", "public.events.note: holds 1 values of the source's public.customers.phone"),
    # in a leaf of JSON that is kept, in a key, in a leaf that is masked
    (
        """events set payload = jsonb_set(payload, '{deep,0,text}', '"person7@mail.example"') where id = 15""",
        "public.events.payload: holds 2 values of the source's public.customers.email",
    ),
    ("""events set payload = payload || '{"mail to person8@mail.example now": 1}' where id = 16""", ""),
    (
        """events set payload = jsonb_set(payload, '{email}', '"person7@mail.example"') where id = 17""",
        "public.events.payload at $.email: 1 values aren't of the mask's form",
    ),
    # in an element of an array
    ("events set tags = tags || array['DE00123'] where id = 18", "public.events.tags: holds 1 values of the source's public.customers.iban"),
    # in masked columns: another's value, the row's own
    ("customers set iban = 'DE00123' where id = 3", "public.customers.iban: holds 1 values of the source's public.customers.iban"),
    ("customers set city = 'Realtown 7' where id = 7", "public.customers.city: isn't what the mask makes"),
]


def test_leaks_that_were_planted_are_found_wherever_they_are(shadow: Shadow) -> None:
    shadow.psql(";".join(f"update evenkeel_new_public.{planted}" for planted, _said in LEAKS))
    message = shadow.refused()
    assert [said for _planted, said in LEAKS if said not in message] == []
    assert "\n- public.orders" not in message


def test_a_mask_that_does_nothing_is_found_by_its_form(shadow: Shadow) -> None:
    shadow.psql("update evenkeel_new_public.customers set email = 'person' || id || '@mail.example'")
    assert "public.customers.email: 500 values aren't of the mask's form" in shadow.refused()


def test_rows_that_changed_went_or_came_twice_on_their_way_are_found(shadow: Shadow) -> None:
    orders, columns = "evenkeel_new_public.orders", "customer_id, status, amount, ship_name, payer_email"
    again = f"insert into {orders} (id, {columns}) select 7, {columns} from {orders} where id = 8"
    tampered = [
        (f"update {orders} set status = 'placed' where id = 7", "public.orders: the rows that are there aren't the rows that the source computed"),
        (f"delete from {orders} where id = 7", "public.orders: 1500 rows were sent, 1499 are there"),
        # One went and another came twice: as many as were sent.
        (again, "public.orders: the rows that are there aren't the rows that the source computed"),
        (again.replace("select 7", "select 9001"), "public.orders: 1500 rows were sent, 1501 are there"),
    ]
    for act, said in tampered:
        shadow.psql(act)
        assert said in shadow.refused(), act


def test_a_mask_that_is_off_is_found_by_values_and_by_rows(shadow: Shadow) -> None:
    shadow.psql("update evenkeel_new_public.customers set name = 'Person ' || id, card = '4111' || id, external = null")
    message = shadow.refused()
    assert "public.customers.name: isn't what the mask makes of the source" in message
    assert "public.customers.card: 500 values aren't of the mask's form" in message
    assert "public.customers.shout: holds 500 values of the source's public.customers.name" in message  # computed from the name


def test_keys_that_are_missing_or_unproved_and_a_sequence_that_lags(shadow: Shadow) -> None:
    shadow.psql("alter table evenkeel_new_public.orders drop constraint orders_status_check")
    shadow.psql("select setval(pg_get_serial_sequence('evenkeel_new_public.customers', 'id'), 3)")
    message = shadow.refused()
    assert "public.orders, constraint orders_status_check: is missing" in message
    assert "public.customers.id: its sequence would give a value again" in message
    shadow.validated = False
    shadow.psql("update pg_index set indisvalid = false where indexrelid = 'evenkeel_new_public.customers_email_key'::regclass")
    message = shadow.refused()
    assert "public.orders, constraint orders_customer_id_fkey: isn't validated" in message
    assert "public.customers, index customers_email_key: isn't valid" in message


def test_a_small_group_is_refused_when_the_policy_asks_for_it(shadow: Shadow) -> None:
    shadow.job.options["proof"]["minimum_k"] = 3
    assert "shares its quasi-identifiers, allowed are 3" in shadow.refused()


def test_changed_rows_alone_on_the_live_tables(shadow: Shadow) -> None:
    shadow.psql("insert into public.events select * from evenkeel_new_public.events")
    only = {"public.events": (statement.sql.SQL("t.id < 20"), statement.sql.SQL("t.id < 20"))}
    record = proof.prove(shadow.job, shadow.sides, {}, shadow.source, shadow.target, None, changed=only)
    assert record["scope"] == "changed rows"
    assert record["sample"]["public.events"]["rows"] == 19
    shadow.psql("update public.events set note = 'see person7@mail.example' where id = 7")
    with pytest.raises(SyncError, match=r"public\.events\.note: holds 1 values"):
        proof.prove(shadow.job, shadow.sides, {}, shadow.source, shadow.target, None, changed=only)


def test_a_finding_leaves_the_target_and_the_next_run_succeeds(pg: Any, shops: tuple[str, str]) -> None:
    source, target = shops
    place = {"host": "127.0.0.1", "port": pg.port, "user": pg.user, "password": pg.password, "sslmode": "disable"}
    params = {
        "source": {**place, "dbname": source},
        "target": {**place, "dbname": target},
        "target_tier": "staging",
        "policy": POLICY,
        "key": KEY,
        "workers": 2,
    }

    def tamper(event: dict[str, Any]) -> None:
        if event.get("phase") == "proof":
            pg.psql(target, "update evenkeel_new_public.customers set country = 'XX' where id = 7")

    with pytest.raises(SyncError, match=r"public\.customers: the rows that are there aren't the rows that the source computed"):
        synchronize(params, check_mode=False, tell=tamper)
    assert pg.psql(target, "select name from customers") == "Before"
    assert pg.psql(target, "select count(*) from pg_namespace where nspname ~ '^evenkeel_(new|old)'") == "0"
    found = synchronize(params, check_mode=False)
    assert found["proof"]["verdict"] == "passed"
    assert {table["checksum"] for table in found["proof"]["tables"].values()} == {"equal"}
    # Nothing changed: every row stays the version that it is, the synchronization's own note included.
    versions = "; ".join(f"select string_agg(xmin || ' ' || ctid, ',' order by ctid) from {name}" for name in ("customers", "orders", "evenkeel.data_sync"))
    before = pg.psql(target, versions)
    for mode in ("full", "incremental", "differential", "auto"):
        assert synchronize({**params, "mode": mode}, check_mode=False)["changed"] is False
    assert pg.psql(target, versions) == before
