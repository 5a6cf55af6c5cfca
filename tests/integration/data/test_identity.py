# SPDX-License-Identifier: GPL-3.0-or-later
"""Python, PostgreSQL, MariaDB and SQLite give the same bytes for the same value: ten thousand of them, by value and by entity."""

from __future__ import annotations

import functools
import random
import sqlite3
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pymysql
import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._masking import keys
from ansible_collections.evenkeel.release.plugins.module_utils._masking.dialect import Dialect, placeholders
from ansible_collections.evenkeel.release.plugins.module_utils._masking.dialect_mysql import MySQL
from ansible_collections.evenkeel.release.plugins.module_utils._masking.dialect_postgresql import PostgreSQL
from ansible_collections.evenkeel.release.plugins.module_utils._masking.reference import mask_value
from ansible_collections.evenkeel.release.plugins.module_utils._masking.transformers import TEXT, TRANSFORMERS
from ansible_collections.evenkeel.release.plugins.module_utils._sync.engines import synchronize
from ansible_collections.evenkeel.release.tests.integration.data.conftest import KEY

ENTITY = "customer"
TEXTS = sorted(name for name, found in TRANSFORMERS.items() if TEXT in found.families)
NEEDED: dict[str, list[dict[str, Any]]] = {
    "national_id": [{"country": country} for country in TRANSFORMERS["national_id"].options["country"].choices],
    "card": [{}, {"network": "mastercard"}, {"unique": True}],
    "ip": [{}, {"prefix": 0, "prefix6": 0}, {"prefix": 24, "prefix6": 16}],
    "token": [{}, {"bytes": 32}],
    "username": [{}, {"unique": True}],
    "email": [{}, {"host": "shop.example.com"}],
    **{name: [{}, {"unique": True}] for name in ("phone", "digits", "postcode")},
}
CASES = [(name, options) for name in TEXTS for options in NEEDED.get(name, [{}]) if set(options) <= set(TRANSFORMERS[name].options)]


def is_permuted(name: str, options: dict[str, Any]) -> bool:
    return bool(options.get("unique")) and not TRANSFORMERS[name].unique_bits


RUNS = [(name, options, by) for name, options in CASES for by in ("value", "entity") if by == "value" or not is_permuted(name, options)]
NASTY = ["", " ", "  ", "'", '"', "\\", "\\x41", "\t\n", "\r\n", "\x01\x02\x1f\x7f", "é", "e\u0301", "😀", "👩\u200d👩\u200d👧", "漢字", "שלום", "مرحبا 123"]
NASTY += ["٠١٢", "%s {v} {{h}}", "$1 :name ?", "--;/*", "null", "NULL", "0", "00", "007", "-1", "1e5", "NaN", "{}", "[]", '{"a": ["b", 1]}', '"x"']
NASTY += ["a\u0300\u0301\u0302", "Å", "A\u030a", "ﬁ", "\u0131", "İ", "ß", "ẞ", "\u200b", "\ufeff", "\U0010ffff", "\ue000", "~" * 16, "@[`{", "/0:9;?"]
NASTY += ["+49 (30) 123-456 x7", "AB1 2CD", "sw1a 1aa", "DE89370400440532013000", "FR7630006000011234567890189", "fr76", "PL61109010140000071219812874"]
NASTY += ["4111111111111111", "4111-1111-1111-1111", "123-45-6789", "123456789", "0" * 17, "0" * 18, "9" * 18, "9" * 19, "1" * 40]
NASTY += ["10.0.0.1", "192.168.1.300", "10.0.0.0/8", "1.2.3", "1.2.3.4\n", "::", "::1", "2001:db8::1", "fe80::1/64", "2001:DB8:0:0:8:800:200C:417A", ":"]
NASTY += ["http://a.example/b?c=d", "https://", "ftp://x", "HTTPS://X", "ws://y", "wss://", "mailto:a@b.example", "a@b.example", "jane.doe@example.com"]
LENGTHS = (1, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 54, 55, 56, 57, 63, 64, 65, 119, 120, 121, 128, 255, 256, 1000)
ALPHABETS = ("0123456789", "0123456789 ()+-./", "abcXYZ 019-", "".join(map(chr, range(1, 128))), "aé漢😀ß\u0301 1", "\u05d0\u0628٣ 7-")


@functools.cache
def vectors() -> tuple[str, ...]:
    """The same in every run."""
    draw = random.Random(20260101)
    found = [*NASTY, *(unicodedata.normalize(form, text) for form in ("NFC", "NFD") for text in ("Zoë Ångström", "Đặng Thị Mỹ", "각"))]
    found += [char * length for length in LENGTHS for char in ("a", "1", " ", "é", "漢", "😀")]
    found += ["".join(draw.choices(alphabet, k=draw.randint(0, 40))) for alphabet in ALPHABETS for _ in range(1200)]
    found += ["".join(draw.choices(alphabet, k=draw.randint(41, 300))) for alphabet in ALPHABETS for _ in range(40)]
    found += [f"+{draw.randint(1, 99)} {draw.randint(10**4, 10**9)}" for _ in range(1000)] + [f"{n:05d}" for n in range(1500)]
    found += [f"Person {n}" for n in range(600)] + ["".join(draw.choices(ALPHABETS[3] + ALPHABETS[4], k=2**20))]
    return tuple(dict.fromkeys(found))


@functools.cache
def _reference(name: str, options: tuple[tuple[str, Any], ...], by: str) -> list[Any]:
    if by == "value":
        return [mask_value(value, name, key=KEY, **dict(options)) for value in vectors()]
    return [mask_value(value, name, key=KEY, entity=str(place), entity_name=ENTITY, **dict(options)) for place, value in enumerate(vectors())]


def reference(name: str, options: dict[str, Any], by: str) -> list[Any]:
    return _reference(name, tuple(options.items()), by)


def secret(name: str, by: str) -> bytes:
    return keys.entity_subkey(KEY, ENTITY) if by == "entity" else keys.subkey(KEY, name)


def expression(dialect: Dialect, name: str, options: dict[str, Any], *, h: str, v: str, k: str) -> tuple[dict[str, str], str]:
    """(what is computed before, the mask), with all names filled in."""
    template = TRANSFORMERS[name].sql(dialect, options)
    words = {"h": h, "v": v, "k": k, "constant": "'x'"}
    assert placeholders(template) <= {*words, *dialect.lets}
    before = {alias: text.format(**words) for alias, text in dialect.lets.items()}
    return before, template.format(**words, **{alias: f"s.{alias}" for alias in before})


def differences(name: str, options: dict[str, Any], by: str, found: list[Any]) -> list[tuple[Any, Any, Any]]:
    wanted = reference(name, options, by)
    assert len(found) == len(wanted)
    return [(value[:40], str(one)[:60], str(other)[:60]) for value, one, other in zip(vectors(), wanted, found) if one != other][:5]


@pytest.fixture(scope="module")
def postgresql(pg: Any) -> Iterator[Any]:
    with psycopg.connect(pg.url(), autocommit=True, prepare_threshold=None) as found:
        found.execute("set client_encoding = 'UTF8'; set jit = off; create temporary table vectors (n int, v text)")
        with found.cursor().copy("copy vectors from stdin") as copy:
            for row in enumerate(vectors()):
                copy.write_row(row)
        yield found


def test_there_are_ten_thousand() -> None:
    assert len(vectors()) >= 10000


@pytest.mark.parametrize(("name", "options", "by"), RUNS, ids=str)
def test_postgresql(postgresql: Any, name: str, options: dict[str, Any], by: str) -> None:
    # Servers before 18 get other casts from bytes to numbers; each half of the runs proves one of the two.
    version = 0 if by == "value" else postgresql.info.server_version
    dialect = PostgreSQL(rotation=keys.rotation(name) if by == "entity" else 0, version=version)
    inner, outer = (f"'\\x{block.hex()}'::bytea" for block in keys.pads(secret(name, by)))
    key = f"'\\x{keys.permutation_subkey(KEY, name).hex()}'::bytea"
    before, mask = expression(dialect, name, options, h="s.h", v="s.v", k=key)
    hashed = f"select n, v, sha256({outer}||sha256({inner}||textsend({'v' if by == 'value' else 'n::text'}))) as h from vectors offset 0"
    shared = "".join(f", {text} as {alias}" for alias, text in before.items())
    query = f"select {mask} from (select s.*{shared} from ({hashed}) s offset 0) s order by n"
    found = [row[0] for row in postgresql.execute(query).fetchall()]
    assert differences(name, options, by, found) == []


@pytest.fixture(scope="module")
def maria(mariadb: Any) -> Iterator[Any]:
    found = pymysql.connect(
        host="127.0.0.1", port=mariadb.port, user=mariadb.user, password=mariadb.password, database=mariadb.create_db(), charset="utf8mb4", autocommit=True
    )
    with found.cursor() as cursor:
        cursor.execute("set names utf8mb4 collate utf8mb4_bin")
        cursor.execute("create temporary table vectors (n int primary key, v longtext character set utf8mb4 collate utf8mb4_general_ci)")
        cursor.execute("create temporary table hashed (n int primary key, v longtext character set utf8mb4 collate utf8mb4_general_ci, h binary(32))")
        cursor.executemany("insert into vectors values (%s, %s)", list(enumerate(vectors())))
    yield found
    found.close()


@pytest.mark.parametrize(("name", "options", "by"), RUNS, ids=str)
def test_mariadb(maria: Any, name: str, options: dict[str, Any], by: str) -> None:
    dialect = MySQL(rotation=keys.rotation(name) if by == "entity" else 0)
    inner, outer = (f"x'{block.hex()}'" for block in keys.pads(secret(name, by)))
    before, mask = expression(dialect, name, options, h="s.h", v="s.v", k=f"x'{keys.permutation_subkey(KEY, name).hex()}'")
    assert not before
    text = "cast(v as binary)" if by == "value" else "cast(cast(n as char) as binary)"
    with maria.cursor() as cursor:
        cursor.execute("delete from hashed")
        cursor.execute(f"insert into hashed select n, v, unhex(sha2(concat({outer},unhex(sha2(concat({inner},{text}),256))),256)) from vectors")
        cursor.execute(f"select {mask} from hashed s order by n")
        found = [row[0] for row in cursor.fetchall()]
    assert differences(name, options, by, found) == []


def columns_of(by: str) -> dict[str, dict[str, Any]]:
    """A column for each run, as a policy says it."""
    said = {"text": {}}
    return {f"c{place}": {"mask": name, **options, **said.get(name, {"by": by})} for place, (name, options, mode) in enumerate(RUNS) if mode == by}


@pytest.mark.parametrize("by", ["value", "entity"])
def test_sqlite(tmp_path: Path, by: str) -> None:
    """A synchronization of its own engine, a column for each mask."""
    columns = columns_of(by)
    for file in ("source.db", "target.db"):
        with sqlite3.connect(tmp_path / file) as connection:
            connection.execute(f"create table vectors (n integer primary key, {', '.join(f'{name} text' for name in columns)})")
            if file == "source.db":
                marks = ",".join("?" * (len(columns) + 1))
                connection.executemany(f"insert into vectors values ({marks})", ((place, *[value] * len(columns)) for place, value in enumerate(vectors())))
        connection.close()
    table = {"columns": {"n": {"keep": "key"}, **columns}, **({"entity": {"name": ENTITY, "key": "n"}} if by == "entity" else {})}
    params = {
        "engine": "sqlite",
        "source": {"path": str(tmp_path / "source.db")},
        "target": {"path": str(tmp_path / "target.db")},
        "target_tier": "test",
        "policy": {"name": "p", "version": 1, "tables": {"main.vectors": table}},
        "key": KEY,
        "mode": "full",
        "phase": "all",
        "lock_timeout": 5.0,
        "proof": {"enabled": False},
    }
    synchronize(params, check_mode=False, tell=lambda _event: None)
    with sqlite3.connect(tmp_path / "target.db") as connection:
        for place, (name, options, mode) in enumerate(RUNS):
            if mode == by:
                found = [row[0] for row in connection.execute(f"select c{place} from vectors order by n")]
                assert differences(name, options, by, found) == []
    connection.close()
    for file in ("source.db", "target.db"):
        (tmp_path / file).unlink()


def test_equal_mask_gives_way(postgresql: Any) -> None:
    """Where a mask would be the value itself, the next one is taken, by entity too."""
    for name, options in CASES:
        if is_permuted(name, options) or not TRANSFORMERS[name].hashed:
            continue
        place = "7"
        mask = str(mask_value("some value", name, key=KEY, entity=place, entity_name=ENTITY, **options))
        again = mask_value(mask, name, key=KEY, entity=place, entity_name=ENTITY, **options)
        dialect = PostgreSQL(rotation=keys.rotation(name))
        inner, outer = (f"'\\x{block.hex()}'::bytea" for block in keys.pads(secret(name, "entity")))
        before, text = expression(dialect, name, options, h="s.h", v="s.v", k="''")
        shared = "".join(f", {one} as {alias}" for alias, one in before.items())
        hashed = f"select %s::text as v, sha256({outer}||sha256({inner}||textsend('{place}'::text))) as h offset 0"
        query = f"select {text} from (select s.*{shared} from ({hashed}) s offset 0) s"
        assert postgresql.execute(query, [mask]).fetchone()[0] == again


EDGES = ["0001-01-01", "0010-12-31", "0011-01-01", "1582-10-10", "1900-02-28", "2000-02-29", "9989-12-31", "9990-01-01", "9999-12-30", "9999-12-31"]
FAR = ["4713-11-24 BC", "4713-12-31 BC", "0044-03-15 BC", "0001-12-31 BC", "10000-01-01", "5874897-12-31", "infinity", "-infinity"]
TIMES = ["00:00:00", "23:59:59", "23:59:59.999999", "12:30:00.5"]


def days() -> list[str]:
    draw = random.Random(7)
    return [*EDGES, *(f"{draw.randint(1, 9999):04d}-{draw.randint(1, 12):02d}-{draw.randint(1, 28):02d}" for _ in range(500))]


def moments() -> list[str]:
    return [f"{day} {TIMES[place % len(TIMES)]}" for place, day in enumerate(days())]


def shifted(values: list[str], by: str) -> list[Any]:
    words = {"entity_name": ENTITY} if by == "entity" else {}
    return [mask_value(value, "date_shift", key=KEY, days=3650, **({**words, "entity": str(place)} if words else {})) for place, value in enumerate(values)]


@pytest.mark.parametrize("by", ["value", "entity"])
@pytest.mark.parametrize("kind", ["date", "timestamp", "timestamptz"])
def test_dates_in_postgresql(postgresql: Any, kind: str, by: str) -> None:
    postgresql.execute("set timezone = 'UTC'; set datestyle = 'ISO, YMD'")
    values = {
        "date": [*days(), *FAR],
        "timestamp": [*moments(), "4713-11-24 00:00:00 BC", "294276-12-31 23:59:59", *FAR[-2:]],
        "timestamptz": [*(f"{moment}+00" for moment in moments()), "0044-03-15 12:00:00+00 BC", "10000-01-01 00:00:00.5+00", *FAR[-2:]],
    }[kind]
    dialect = PostgreSQL(rotation=keys.rotation("date_shift") if by == "entity" else 0, family="date" if kind == "date" else "timestamp")
    inner, outer = (f"'\\x{block.hex()}'::bytea" for block in keys.pads(secret("date_shift", by)))
    mask = TRANSFORMERS["date_shift"].sql(dialect, {"days": 3650}).format(h="s.h", v="s.v", s="s.d")
    source = "v" if by == "value" else "(n-1)::text"
    hashed = f"select v::{kind} as d, v, n, sha256({outer}||sha256({inner}||textsend({source}))) as h from unnest(%s::text[]) with ordinality u(v, n) offset 0"
    found = [row[0] for row in postgresql.execute(f"select ({mask})::text from ({hashed}) s order by n", [values]).fetchall()]
    wanted = shifted(values, by)
    assert [pair for pair in zip(values, wanted, found) if pair[1] != pair[2]] == []


@pytest.mark.parametrize("by", ["value", "entity"])
@pytest.mark.parametrize("kind", ["date", "datetime(6)"])
def test_dates_in_mariadb(maria: Any, kind: str, by: str) -> None:
    values = [*days(), "0000-00-00", "2020-00-00", "2020-02-00"] if kind == "date" else [f"{day} 12:30:00.500000" for day in days()]
    dialect = MySQL(rotation=keys.rotation("date_shift") if by == "entity" else 0, family="date" if kind == "date" else "timestamp")
    inner, outer = (f"x'{block.hex()}'" for block in keys.pads(secret("date_shift", by)))
    mask = TRANSFORMERS["date_shift"].sql(dialect, {"days": 3650}).format(h="s.h", v="s.v", s="s.d")
    source = "cast(v as binary)" if by == "value" else "cast(cast(n as char) as binary)"
    with maria.cursor() as cursor:
        cursor.execute("set session sql_mode = 'STRICT_ALL_TABLES,ALLOW_INVALID_DATES'")
        cursor.execute(f"create or replace temporary table dates (n int primary key, v varchar(40), d {kind}, h binary(32))")
        cursor.executemany("insert into dates (n, v, d) values (%s, %s, %s)", [(place, value, value) for place, value in enumerate(values)])
        cursor.execute(f"update dates set h = unhex(sha2(concat({outer},unhex(sha2(concat({inner},{source}),256))),256))")
        cursor.execute(f"select cast({mask} as char) from dates s order by n")
        found = [row[0] for row in cursor.fetchall()]
    wanted = shifted(values, by)
    assert [pair for pair in zip(values, wanted, found) if pair[1] != pair[2]] == []


def test_a_permutation_reaches_every_number_once(postgresql: Any) -> None:
    """All numbers of one to four digits, in SQL."""
    template = TRANSFORMERS["digits"].sql(PostgreSQL(version=postgresql.info.server_version), {"unique": True})
    key = f"'\\x{keys.permutation_subkey(KEY, 'digits').hex()}'::bytea"
    for digits in (1, 2, 3, 4):
        value = f"lpad(n::text, {digits}, '0')"
        mask = template.format(v="s.v", k=key)
        query = f"select count(distinct m), count(*) filter (where m = v), count(*) filter (where m !~ '^[0-9]{{{digits}}}$') from "
        query += f"(select v, {mask} as m from (select {value} as v from generate_series(0, {10**digits - 1}) n) s) q"
        assert postgresql.execute(query).fetchone() == (10**digits, 0, 0)
