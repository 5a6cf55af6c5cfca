# SPDX-License-Identifier: GPL-3.0-or-later
"""What the next run makes of a file that wasn't finished, and of a server that doesn't encrypt; without a server."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._migrate import mysql, record, statements
from ansible_collections.evenkeel.release.plugins.module_utils._migrate.errors import MigrateError
from ansible_collections.evenkeel.release.plugins.module_utils._migrate.record import BEGUN, DONE, FAILED, Limits, Step

CREATE, CALL = "create table a (id int);\n", "call fill();\n"


class Database(mysql.Database):
    def __init__(self) -> None:
        """Stands at one shape, without a connection."""

    def shape(self) -> str:
        return "now"


def after(text: str, number: int, state: str, shape: str = "", *, mended: str = "") -> tuple[int, str]:
    parts = statements.split(text, statements.MYSQL)
    step = Step("V2__x.sql", 1, number, len(parts), parts[number - 1].line, state, record.prefixes(parts, number, state), shape, "2026-05-01", "ci")
    return Database()._next(step, statements.split(mended or text, statements.MYSQL))


@pytest.mark.parametrize("one", ["call fill()", "load data local infile 'x' into table a", "execute s", "do release_all_locks()", "/* x */ CALL fill()"])
def test_what_the_schema_does_not_show_is_not_taken_for_undone(one: str) -> None:
    with pytest.raises(MigrateError, match=r"nobody knows whether statement 2 \(line 2\) is, .* set its state in evenkeel_migration_progress to failed"):
        after(f"{CREATE}{one};", 2, BEGUN, mended=CREATE + "select 1;")
    assert mysql._opaque(statements.split(one, statements.MYSQL)[0])


def test_what_the_server_refused_is_tried_again_as_it_reads_now() -> None:
    assert after(CREATE + CALL, 2, FAILED, mended=CREATE + "call mended();") == (2, "it failed, going on with it")
    assert after(CREATE + "create table b (id int);", 2, BEGUN, "now") == (2, "it isn't applied, going on with it")
    assert after(CREATE + "create table b (id int);", 2, BEGUN, "before")[0] == 3


@pytest.mark.parametrize(
    "one",
    [
        "create temporary table t (id int)",
        "prepare s from 'select 1'",
        "select max(id) into @top from a",
        "select @top := max(id) from a",
        "call highest(@top)",
    ],
)
def test_what_is_gone_with_the_session_stops_a_resume(one: str) -> None:
    with pytest.raises(MigrateError, match=r"variable of line 2 is gone with the session"):
        after(f"{CREATE}{one};\ninsert into a values (@top + 1);", 2, DONE)
    assert after(f"{CREATE}{one};", 2, DONE) == (3, "all of it is applied")


@pytest.mark.parametrize("one", ["set @top := 3", "create procedure p() select 1 into @x", "insert into a values ('me@here; x := 1')"])
def test_what_is_made_again_or_stays_does_not(one: str) -> None:
    assert after(f"{CREATE}{one};\ninsert into a values (1);", 2, DONE)[0] == 3


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
def test_a_server_that_does_not_encrypt_is_refused(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = []
    wire = SimpleNamespace(_sock=object(), close=lambda: closed.append(True))
    monkeypatch.setattr(mysql.driver, "AVAILABLE", True)
    monkeypatch.setattr(mysql.driver, "pymysql", SimpleNamespace(connect=lambda **_words: wire, MySQLError=OSError))
    with pytest.raises(MigrateError, match=f"doesn't encrypt, and sslmode {mode} was asked for"):
        mysql.Database({"dbname": "shop", "user": "owner", "sslmode": mode}, Limits(), by="ci")
    assert closed
