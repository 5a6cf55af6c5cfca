# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy_model import Column
from ansible_collections.evenkeel.release.plugins.module_utils._sync.skew import (
    TOOLS_KNOWN,
    Record,
    additional_column,
    column_drift,
    compare,
    refusal,
    tool_of,
    type_drift,
    worst,
)


def history(tool: str, *versions: str, table: str = "public.history", **more: Any) -> Record:
    return Record(tool, table, versions, more.pop("checksums", {}), **more)


@pytest.mark.parametrize(
    ("here", "there", "state", "words"),
    [
        (("1", "2"), ("1", "2"), "equal", "2 versions"),
        (("1", "2", "3"), ("1",), "behind", "lacks 2, 3"),
        (("1",), ("1", "2"), "ahead", "only it has 2"),
        (("1", "2"), ("1", "3"), "diverged", "only the source has 2, only the target has 3"),
    ],
)
def test_histories(here: tuple[str, ...], there: tuple[str, ...], state: str, words: str) -> None:
    found = compare([history("flyway", *here)], [history("flyway", *there)])
    assert [one.state for one in found] == [state]
    assert words in found[0].text
    assert (words in refusal(found)) is (state != "equal")


def test_the_next_step_is_named() -> None:
    assert "run manage.py migrate on the target" in refusal(compare([history("django", "a", "b")], [history("django", "a")]))


def test_a_version_with_another_content_has_diverged() -> None:
    found = compare([history("flyway", "1", checksums={"1": "10"})], [history("flyway", "1", checksums={"1": "11"})])
    assert (found[0].state, found[0].altered) == ("diverged", ("1",))


def test_a_failed_migration_is_told_before_anything_else() -> None:
    found = compare([history("flyway", "1", "2")], [history("flyway", "1", failed=("1",))])
    assert found[0].state == "dirty"
    assert "left the target half migrated at 1" in found[0].text


@pytest.mark.parametrize(("here", "there", "state"), [("12", "9", "behind"), ("9", "12", "ahead"), ("9", "9", "equal")])
def test_a_head_that_is_a_number_has_an_order(here: str, there: str, state: str) -> None:
    found = compare([history("golang-migrate", here, heads=True)], [history("golang-migrate", there, heads=True)])
    assert found[0].state == state


def test_a_head_of_alembic_has_none() -> None:
    found = compare([history("alembic", "ab12", heads=True)], [history("alembic", "99ff", heads=True)])
    assert found[0].state == "diverged"
    assert "the source stands at ab12, the target at 99ff" in found[0].text


def test_one_side_without_a_record() -> None:
    assert compare([history("rails", "1")], [])[0].state == "behind"
    assert compare([], [history("rails", "1")])[0].state == "ahead"
    assert compare([], []) == []
    assert worst([]) == "none"
    assert refusal([]) == ""


def test_tools_that_differ() -> None:
    found = compare([history("rails", "1")], [history("django", "a")])
    assert worst(found) == "different_tools"
    assert "by rails, the target by django" in refusal(found)


def test_the_worst_of_several_records() -> None:
    here = [history("django", "a", "b"), history("goose", "1", table="other.goose_db_version")]
    there = [history("django", "a"), history("goose", "1", table="other.goose_db_version")]
    assert worst(compare(here, there)) == "behind"


def test_many_versions_are_not_all_listed() -> None:
    found = compare([history("rails", *map(str, range(40)))], [history("rails")])
    assert "and 30 more" in found[0].text


@pytest.mark.parametrize(
    ("table", "columns", "tool"),
    [
        ("alembic_version", ["version_num"], "alembic"),
        ("schema_migrations", ["version"], "rails"),
        ("schema_migrations", ["version", "dirty"], "golang-migrate"),
        ("schema_migrations", ["version", "name", "sha256"], "shop"),
        ("DATABASECHANGELOG", ["ID", "AUTHOR", "ORDEREXECUTED", "MD5SUM"], "liquibase"),
        ("changes", ["id", "text"], None),
    ],
)
def test_tools_are_told_apart(table: str, columns: list[str], tool: str | None) -> None:
    found = tool_of(table, columns)
    assert (found.name if found else None) == tool


def test_each_tool_has_a_next_step() -> None:
    assert all(tool.next_step for tool in TOOLS_KNOWN)


SAME, COMPATIBLE, INCOMPATIBLE = "same", "compatible", "incompatible"


@pytest.mark.parametrize(
    ("here", "there", "found"),
    [
        ("integer", "integer", SAME),
        ("integer", "bigint", COMPATIBLE),
        ("bigint", "integer", INCOMPATIBLE),
        ("integer", "numeric", COMPATIBLE),
        ("integer", "numeric(12,2)", COMPATIBLE),
        ("integer", "numeric(11,2)", INCOMPATIBLE),
        ("bigint", "double precision", INCOMPATIBLE),
        ("integer", "double precision", COMPATIBLE),
        ("integer", "text", INCOMPATIBLE),
        ("character varying(40)", "character varying(80)", COMPATIBLE),
        ("character varying(80)", "character varying(40)", INCOMPATIBLE),
        ("character varying(40)", "text", COMPATIBLE),
        ("text", "character varying(40)", INCOMPATIBLE),
        ("character varying", "text", COMPATIBLE),
        ("character(2)", "character varying(2)", COMPATIBLE),
        ("character varying(2)", "character(2)", INCOMPATIBLE),
        ("numeric(10,2)", "numeric(12,2)", COMPATIBLE),
        ("numeric(10,2)", "numeric(12,4)", COMPATIBLE),
        ("numeric(10,2)", "numeric(11,4)", INCOMPATIBLE),
        ("numeric(10,2)", "numeric", COMPATIBLE),
        ("numeric", "numeric(10,2)", INCOMPATIBLE),
        ("real", "double precision", COMPATIBLE),
        ("double precision", "real", INCOMPATIBLE),
        ("date", "timestamp without time zone", COMPATIBLE),
        ("timestamp without time zone", "timestamp with time zone", INCOMPATIBLE),
        ("timestamp(3) without time zone", "timestamp without time zone", COMPATIBLE),
        ("timestamp without time zone", "timestamp(3) without time zone", INCOMPATIBLE),
        ("integer[]", "bigint[]", COMPATIBLE),
        ("bigint[]", "integer[]", INCOMPATIBLE),
        ("json", "jsonb", INCOMPATIBLE),
        ("jsonb", "json", COMPATIBLE),
        ("uuid", "text", INCOMPATIBLE),
    ],
)
def test_types_of_postgresql(here: str, there: str, found: str) -> None:
    assert type_drift(here, there)[0] == found


@pytest.mark.parametrize(
    ("here", "there", "found"),
    [
        ("int(11)", "int(10)", SAME),
        ("int(11)", "bigint(20)", COMPATIBLE),
        ("int(10) unsigned", "int(11)", INCOMPATIBLE),
        ("int(10) unsigned", "bigint(20)", COMPATIBLE),
        ("int(11)", "bigint(20) unsigned", INCOMPATIBLE),
        ("varchar(40)", "varchar(80)", COMPATIBLE),
        ("varchar(80)", "text", COMPATIBLE),
        ("text", "varchar(80)", INCOMPATIBLE),
        ("mediumtext", "text", INCOMPATIBLE),
        ("text", "longtext", COMPATIBLE),
        ("decimal(10,2)", "decimal(12,2)", COMPATIBLE),
        ("decimal(10,2)", "decimal", INCOMPATIBLE),
        ("datetime", "datetime(6)", COMPATIBLE),
        ("datetime(6)", "datetime", INCOMPATIBLE),
        ("varchar(40)", "int(11)", INCOMPATIBLE),
    ],
)
def test_types_of_mariadb(here: str, there: str, found: str) -> None:
    assert type_drift(here, there, engine="mysql")[0] == found


def test_columns() -> None:
    plain = Column("c", "text", not_null=False)
    assert column_drift(plain, plain) == ("same", "")
    assert column_drift(plain, plain._replace(not_null=True)) == ("incompatible", "may be NULL in the source and not in the target")
    assert column_drift(plain._replace(not_null=True), plain) == ("compatible", "may be NULL in the target")
    assert column_drift(plain, plain._replace(generated=True))[0] == "incompatible"
    assert "wider" in column_drift(plain._replace(type="integer"), plain._replace(type="bigint"))[1]


def test_enums() -> None:
    here = Column("c", "mood", not_null=False, labels=("a", "b"))
    assert column_drift(here, here)[0] == "same"
    assert column_drift(here, here._replace(labels=("a", "b", "c")))[0] == "compatible"
    assert column_drift(here, here._replace(labels=("a",))) == ("incompatible", "is an enum whose label b the target doesn't have")
    assert column_drift(here, Column("c", "text", not_null=False))[0] == "incompatible"


@pytest.mark.parametrize(
    ("column", "found"),
    [
        (Column("c", "text", not_null=False), "compatible"),
        (Column("c", "text", not_null=True), "incompatible"),
        (Column("c", "text", not_null=True, default="'x'::text"), "compatible"),
        (Column("c", "bigint", not_null=True, identity="a"), "compatible"),
        (Column("c", "text", not_null=True, generated=True), "compatible"),
        (Column("c", "text", not_null=True, default="None"), "incompatible"),
    ],
)
def test_a_column_that_only_the_target_has(column: Column, found: str) -> None:
    assert additional_column(column)[0] == found
