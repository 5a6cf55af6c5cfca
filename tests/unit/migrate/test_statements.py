# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._migrate.statements import MYSQL, POSTGRESQL, Statement, alone, faults, kind, split
from hypothesis import given
from hypothesis import strategies as st


def texts(sql: str, dialect: str = POSTGRESQL) -> list[str]:
    return [one.text for one in split(sql, dialect)]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("", []),
        (";;\n;", []),
        ("select 1", ["select 1"]),
        ("select 1; select 2;", ["select 1", "select 2"]),
        ("select ';'; select ''';';", ["select ';'", "select ''';'"]),
        (r"select E'\';'; select '\';", [r"select E'\';'", r"select '\'"]),
        ('select 1 as "a;""b"; select 2', ['select 1 as "a;""b"', "select 2"]),
        ("-- a; comment\nselect 1; -- b;\n", ["select 1"]),
        ("/* a; /* b; */ c; */ select 1;", ["select 1"]),
        ("select $$a;b$$; select $x$ $$;$$ ;$x$;", ["select $$a;b$$", "select $x$ $$;$$ ;$x$"]),
        ("select a$1;b$1; select 2", ["select a$1", "b$1", "select 2"]),
        ("select $1; select 2", ["select $1", "select 2"]),
        (
            "create function f() returns int language sql begin atomic select 1; select case when true then 2 else 3 end; end; select 4;",
            ["create function f() returns int language sql begin atomic select 1; select case when true then 2 else 3 end; end", "select 4"],
        ),
        ('create table "begin" (atomic int); select 1', ['create table "begin" (atomic int)', "select 1"]),
        ("\ufeffselect 1", ["select 1"]),
    ],
)
def test_statements_of_postgresql(sql: str, expected: list[str]) -> None:
    assert texts(sql) == expected


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        (r"""select '\';'; select ";";""", [r"select '\';'", 'select ";"']),
        ("select `a;``b`; select 2", ["select `a;``b`", "select 2"]),
        ("# a;\nselect 1; -- b;\nselect 2--1;", ["select 1", "select 2--1"]),
        ("/* a; */ select 1; /*! set x = 1 */; /*M! set y = 1 */;", ["select 1", "/*! set x = 1 */", "/*M! set y = 1 */"]),
        (
            "select 1;\nDELIMITER //\ncreate procedure p() begin select 1; select 2; end//\ndelimiter ;\nselect 3;",
            ["select 1", "create procedure p() begin select 1; select 2; end", "select 3"],
        ),
        ("select 'a'';b'; select 2", ["select 'a'';b'", "select 2"]),
    ],
)
def test_statements_of_mysql(sql: str, expected: list[str]) -> None:
    assert texts(sql, MYSQL) == expected


def test_a_statement_has_the_line_of_its_first_word() -> None:
    assert [one.line for one in split("-- title\n\nselect 1;\r\nselect\n2; /* x\n*/ select 3", POSTGRESQL)] == [3, 4, 6]


part = st.one_of(
    st.text("abc \n1", min_size=1).map(lambda text: f"x{text}"),
    st.text("ab;'\n", max_size=5).map(lambda text: "'" + text.replace("'", "''") + "'"),
    st.text("ab;\n$", max_size=5).map(lambda text: f"$q$ {text} $q$").filter(lambda text: text.count("$q$") == 2),
    st.text('ab;"\n', max_size=5).map(lambda text: '"' + text.replace('"', '""') + '"'),
    st.text("ab;\n", max_size=5).map(lambda text: f"/* {text} */"),
    st.text("ab;'", max_size=5).map(lambda text: f"-- {text}\n"),
)


@given(st.lists(st.lists(part, min_size=1, max_size=4).map(lambda parts: "x " + " ".join(parts)), min_size=1, max_size=5))
def test_statements_that_are_put_together_come_apart_again(made: list[str]) -> None:
    found = texts(";\n".join(made) + "\n;")
    assert found == [one.strip() for one in made]


@given(st.text("a;'\"`$\\-/*#\n delimitr", max_size=40), st.sampled_from([POSTGRESQL, MYSQL]))
def test_nothing_hangs_or_is_invented(sql: str, dialect: str) -> None:
    for one in split(sql, dialect):
        assert one.text in sql
        assert one.text == one.text.strip() != ""


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("create index concurrently i on t (a)", True),
        ("CREATE /* x */ UNIQUE\nINDEX CONCURRENTLY i ON t (a)", True),
        ("create index i on t (a)", False),
        ("drop index concurrently i", True),
        ("reindex index concurrently i", True),
        ("vacuum analyze t", True),
        ("alter table t detach partition p concurrently", True),
        ("alter table t add column concurrently int", False),
        ("insert into t values ('vacuum')", False),
        ("alter system set x = 1", True),
    ],
)
def test_what_cant_run_in_a_transaction(sql: str, expected: bool) -> None:
    assert alone(Statement(sql, 1)) is expected


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("-- x\nINSERT INTO t values (1)", "dml"),
        ("with a as (select 1) update t set b = 1", "dml"),
        ("set @a = 1", "session"),
        ("set global x = 1", "ddl"),
        ("use other", "session"),
        ("alter table t add c int", "ddl"),
        ("call p()", "ddl"),
        ("/*! set x = 1 */", "session"),
        ("truncate t", "ddl"),
    ],
)
def test_kinds(sql: str, expected: str) -> None:
    assert kind(Statement(sql, 1)) == expected


@pytest.mark.parametrize(
    ("sql", "dialect", "transaction", "told"),
    [
        ("select 1;\ncommit;", POSTGRESQL, True, "V1.sql, line 2: commit would end the runner's own transaction"),
        ("begin; select 1;", MYSQL, True, "line 1: begin would end"),
        ("\\copy t from x;", POSTGRESQL, True, r"\copy is a command of psql"),
        ("copy t (a) from stdin;", POSTGRESQL, True, "copy from stdin"),
        ("select 1; create index concurrently i on t (a);", POSTGRESQL, True, "create index concurrently i can't run in a transaction"),
        ("select 1; select 2;", POSTGRESQL, False, "has 2 statements, allowed: one"),
        ("lock tables t write;", MYSQL, True, "lock tables"),
        ("create index concurrently i on t (a);", POSTGRESQL, True, ""),
        ("select 1;", POSTGRESQL, False, ""),
        ("savings; select 1", POSTGRESQL, True, ""),
    ],
)
def test_faults(sql: str, dialect: str, transaction: bool, told: str) -> None:
    found = "; ".join(faults(split(sql, dialect), "V1.sql", dialect, transaction=transaction))
    assert (told in found) if told else not found
