# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of the MariaDB and MySQL engine that need no server."""

from __future__ import annotations

import io
import struct

import pymysql
import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy_model import Column, Rule
from ansible_collections.evenkeel.release.plugins.module_utils._sync import drivers, engines
from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql import catalog, delta, drift, driver, masks, runner, statement

KEY = "00112233445566778899aabbccddeeff" * 2
COLUMNS = [Column("id", "int(11)", not_null=True, key=1), Column("ma`il", "varchar(60)", not_null=False)]
TABLE = catalog.Table("sh`op", "order", "", "InnoDB", 0, 0, COLUMNS, {"id": "int", "ma`il": "varchar"}, {"id": "", "ma`il": "utf8mb4"}, ("id",), [], 0)
RULES = {"id": Rule(None, "", {}), "ma`il": Rule("email", "email", {}, hashed=True)}


def test_names_and_texts_are_quoted() -> None:
    assert driver.name("a`b", "order") == "`a``b`.`order`"
    assert driver.literal("plain text-1") == "'plain text-1'"
    assert driver.literal("it's \\") == "_utf8mb4 x'69742773205c'"


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (pymysql.err.IntegrityError(1062, "Duplicate entry 'jane@x for key' for key 'email'"), "for key 'email'"),
        (pymysql.err.DataError(1406, "Data too long for column `a`.`b`.`c` at row 7"), "for column `a`.`b`.`c` at row 7"),
        (pymysql.err.DataError(1366, "Incorrect string value: 'jane@x' for column 'c' at row 1"), "for column 'c' at row 1"),
        (pymysql.err.OperationalError(1205, "Lock wait timeout exceeded"), "Lock wait timeout exceeded"),
        (pymysql.err.OperationalError(9999, "jane@x"), "error 9999"),
    ],
)
def test_errors_without_values(error: Exception, shown: str) -> None:
    assert shown in driver.describe(error)
    assert "jane" not in driver.describe(error)


def _packets(*bodies: bytes) -> io.BytesIO:
    return io.BytesIO(b"".join(struct.pack("<I", len(body))[:3] + b"\0" + body for body in bodies))


def test_rows_of_any_length() -> None:
    rows = [b"", b"short", b"x" * 250, b"y" * 251, b"z" * 70000]
    heads = [bytes((len(row),)) if len(row) < 251 else b"\xfc" + struct.pack("<H", len(row)) if len(row) < 65536 else b"\xfd\x70\x11\x01" for row in rows]
    end = b"\xfe\0\0\0\0"
    found = [row for batch in driver._batches(_packets(*[head + row for head, row in zip(heads, rows)], end).read) for row in batch]
    assert found == rows


def test_a_connection_that_ends_in_the_middle() -> None:
    with pytest.raises(pymysql.OperationalError, match="Lost connection"):
        list(driver._batches(_packets(b"\x05short").read))


def test_a_row_that_the_server_couldnt_make() -> None:
    with pytest.raises(SyncError, match="max_allowed_packet"):
        list(driver._batches(_packets(b"\xfb").read))


def test_buckets_are_ranges_of_the_key_on_both_sides_of_zero() -> None:
    assert statement.inside(TABLE, 10, [2, 3]) == "(`t`.`id` >= 20 and `t`.`id` < 40)"
    assert statement.inside(TABLE, 10, [-1, 0, 1]) == "(`t`.`id` >= -19 and `t`.`id` < 20)"
    assert statement.inside(TABLE, 10, [0]) == "(`t`.`id` >= -9 and `t`.`id` < 10)"
    assert statement.inside(TABLE, 0, [0]) == "true"


def test_the_statement_holds_names_of_keys_and_no_key() -> None:
    text = statement.masked_select(TABLE, RULES, part=statement.Range("id", 5, None))
    assert "from `sh``op`.`order` t where (`t`.`id` >= 5)" in text
    assert "@`evenkeel_i_domain/email`" in text
    for secret in masks.keys(KEY, masks.purposes({"t": RULES})).values():
        assert secret.hex() not in text


def test_two_columns_of_one_entity_share_a_hash_and_nothing_else() -> None:
    rule = Rule("iban", "iban", {}, by="entity", entity="c", key="id", hashed=True)
    kept = masks.Kept()
    first, second = (masks.masked(TABLE, COLUMNS[1], rule, kept) for _time in range(2))
    assert first != second
    assert len(kept.hashes) == 1
    assert len(set(kept)) == len(kept)


def test_labels() -> None:
    assert catalog.labels("enum('a','it''s','x,y')") == ("a", "it's", "x,y")


def test_names_of_the_databases_beside() -> None:
    assert catalog.new_of("shop") == "shop_evenkeel_new"
    with pytest.raises(SyncError, match="too long"):
        catalog.new_of("x" * 60)


@pytest.mark.parametrize(
    ("params", "said"),
    [({"mode": "slot"}, "mode slot: isn't there"), ({"mode": "subset"}, "needs the option subset"), ({"phase": "later"}, "no phase 'later'")],
)
def test_what_isnt_there_is_refused_by_name(params: dict[str, str], said: str) -> None:
    with pytest.raises(SyncError, match=said):
        runner.synchronize({"key": KEY, **params}, check_mode=False, tell=lambda _event: None)


def test_a_python_without_pymysql_says_so_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "AVAILABLE", False)
    needs = r"needs PyMySQL 1.0 or newer in the Python that runs it .*\(pip install PyMySQL\)\.$"
    with pytest.raises(SyncError, match=f"^data_sync {needs}"):
        engines.synchronize({"engine": "mysql"}, check_mode=False, tell=lambda _event: None)
    with pytest.raises(SyncError, match=f"^data_lag {needs}"):
        drivers.ready("mysql", asks="data_lag")


@pytest.mark.parametrize(
    ("here", "there", "becomes"),
    [
        ("int(11)", "bigint(20)", ""),
        ("int unsigned", "bigint", ""),
        ("int", "bigint unsigned", None),
        ("bigint", "int", None),
        ("int", "decimal(12,2)", "decimal(12,2)"),
        ("int", "decimal(11,2)", None),
        ("decimal(6,2)", "decimal(8,2)", ""),
        ("decimal(6,2)", "decimal(8,3)", "decimal(8,3)"),
        ("decimal(6,2)", "decimal(7,4)", None),
        ("varchar(9)", "varchar(10)", ""),
        ("varchar(9)", "char(10)", None),
        ("varchar(300)", "tinytext", None),
        ("varchar(300)", "text", ""),
        ("text", "varchar(60)", None),
        ("mediumtext", "longtext", ""),
        ("datetime", "datetime(3)", "datetime(3)"),
        ("datetime(6)", "datetime(3)", None),
        ("timestamp", "timestamp(3)", "datetime(3)"),
        ("date", "datetime", "datetime(0)"),
        ("float", "double", ""),
        ("double", "float", None),
        ("varbinary(9)", "blob", ""),
    ],
)
def test_which_types_take_every_value(here: str, there: str, becomes: str | None) -> None:
    assert drift.wider(Column("c", here, not_null=True), Column("c", there, not_null=True)) == becomes


def test_labels_are_only_added_behind() -> None:
    columns = [Column("c", f"enum({labels})", not_null=True, labels=catalog.labels(labels)) for labels in ("'a','b'", "'a','b','c'", "'b','a','c'")]
    assert [drift.wider(columns[0], other) for other in columns[1:]] == ["", None]
    assert drift.wider(columns[1], columns[0]) is None


def test_very_many_buckets_are_a_list() -> None:
    few, many = statement.within("`k`", 10, [0, 1, 7]), statement.within("`k`", 10, list(range(0, 4000, 2)))
    assert few == "(`k` >= -9 and `k` < 20) or (`k` >= 70 and `k` < 80)"
    assert many.startswith("`k` >= -9 and `k` < 39990 and `k` div 10 in (0, 2, ")


def test_what_deletes_may_be() -> None:
    class Job:
        options = {"deletes": "never"}

    with pytest.raises(SyncError, match="deletes: found 'never', allowed are counts, scan, off"):
        delta.deletes(Job)
