# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._smoke.migrations import (
    MigrationsFault,
    alembic_heads,
    chosen,
    compare,
    expected,
    read_folder,
    waiting,
)
from ansible_collections.evenkeel.release.plugins.module_utils._sync.skew import Record
from hypothesis import given
from hypothesis import strategies as st

FLYWAY = ["V1__a.sql", "V1_2__b.sql", "V01.10__c.sql", "R__view.sql", "readme.md"]


def record(*versions: str, tool: str = "flyway", **more: Any) -> Record:
    return Record(tool, "public.history", versions, {}, **more)


@pytest.mark.parametrize(
    ("tool", "names", "versions"),
    [
        ("flyway", FLYWAY, {"1", "1.2", "1.10"}),
        ("rails", ["20240101000000_create.rb", "20240202000000_more.rb", "schema.rb"], {"20240101000000", "20240202000000"}),
        ("golang-migrate", ["000001_a.up.sql", "000001_a.down.sql", "000012_b.up.sql", "000009_c.up.sql"], {"12"}),
        ("goose", ["00001_a.sql", "20240101_b.go"], {"1", "20240101"}),
        ("shop", ["001_a.sql", "002_b.sql"], {"1", "2"}),
    ],
)
def test_names_of_files_tell_the_versions(tool: str, names: list[str], versions: set[str]) -> None:
    assert expected(tool, names, []) == versions


def test_a_pattern_of_ones_own_wins() -> None:
    assert expected("liquibase", ["step-7.xml", "step-8.xml"], [], r"step-(\d+)\.xml") == {"7", "8"}


@pytest.mark.parametrize(("tool", "words"), [("liquibase", "say a pattern"), ("django", "say which versions"), ("flyway", "no file has a name like")])
def test_what_files_do_not_tell_is_said(tool: str, words: str) -> None:
    with pytest.raises(MigrationsFault, match=words):
        expected(tool, ["other.txt"], [])


REVISIONS = [
    'revision = "a1"\ndown_revision = None\n',
    'revision: str = "b2"\ndown_revision: str = "a1"\n',
    'revision = "c3"\ndown_revision = "a1"\n',
    'revision = "d4"\ndown_revision = ("b2", "c3")\nimport os\n',
    "this is no python (",
]


def test_the_heads_of_alembic() -> None:
    assert alembic_heads(REVISIONS) == {"d4"}
    assert alembic_heads(REVISIONS[:3]) == {"b2", "c3"}
    with pytest.raises(MigrationsFault, match="no file has a revision"):
        alembic_heads(["x = 1"])


@pytest.mark.parametrize(
    ("applied", "wanted", "ahead", "verdict", "words"),
    [
        (["1", "2"], {"1", "2"}, False, "passed", "all and only"),
        (["1"], {"1", "2"}, False, "failed", "lacks 2"),
        (["1", "2", "3"], {"1", "2"}, False, "failed", "has 3, which the release does not know"),
        (["1", "2", "3"], {"1", "2"}, True, "passed", "and 3 of a later release"),
        (["1", "3"], {"1", "2"}, True, "failed", "lacks 2"),
        (["1", "2", "R__view.sql"], {"1", "2"}, False, "passed", ""),
        (["1_2", "01.10"], {"1.2", "1.10"}, False, "passed", ""),
        ([], {"1"}, False, "failed", "lacks 1"),
    ],
)
def test_a_database_against_a_release(applied: list[str], wanted: set[str], ahead: bool, verdict: str, words: str) -> None:
    answer = compare(record(*applied), wanted, ahead=ahead)
    assert (answer.verdict, words in answer.reason) == (verdict, True), answer


def test_a_database_that_stands_elsewhere_or_halfway() -> None:
    elsewhere = compare(record("a1", tool="alembic", heads=True), {"d4"})
    assert "stands at a1, and the release at d4" in elsewhere.reason
    assert compare(record("1", "2", failed=("2",)), {"1", "2"}).verdict == "failed"


@given(st.sets(st.integers(1, 20).map(str)), st.sets(st.integers(1, 20).map(str)))
def test_only_the_same_versions_pass(applied: set[str], wanted: set[str]) -> None:
    assert (compare(record(*applied), wanted).verdict == "passed") == (applied == wanted)
    assert (compare(record(*applied), wanted, ahead=True).verdict == "passed") == (applied >= wanted)


def test_one_record_has_to_be_chosen() -> None:
    two = [record("1"), record("a1", tool="alembic")]
    assert chosen(two, "alembic").tool == "alembic"
    for records, words in ((two, "name one with tool"), ([], "was it ever migrated")):
        with pytest.raises(MigrationsFault, match=words):
            chosen(records)


def test_a_folder(tmp_path: Path) -> None:
    (tmp_path / "b.py").write_text("revision = 'b'")
    (tmp_path / "a.sql").write_text("select 1")
    (tmp_path / "sub").mkdir()
    assert read_folder(str(tmp_path)) == (["a.sql", "b.py"], ["revision = 'b'"])
    with pytest.raises(MigrationsFault, match="no such file"):
        read_folder(str(tmp_path / "none"))


def test_the_database_lacks_files_of_the_contract_phase_until_the_release_is_confirmed(tmp_path: Path) -> None:
    (tmp_path / "later").mkdir()
    (tmp_path / "V1__a.sql").write_text("select 1;\n-- evenkeel: contract\n")
    (tmp_path / "later/V1_2__b.sql").write_text("-- evenkeel: contract, one_way\ndrop table a;\n")
    names, texts = read_folder(str(tmp_path), tool="flyway")
    wanted, later = expected("flyway", names, texts), waiting(str(tmp_path))
    assert (wanted, later) == ({"1", "1.2"}, {"1.2"})
    between = compare(record("1"), wanted, later=later)
    assert (between.verdict, between.reason) == ("passed", "public.history of flyway has what the release says, but for 1.2 of its contract phase")
    assert compare(record("1", "1.2"), wanted, later=later).reason.endswith("all and only what the release says")
    assert compare(record("1.2"), wanted, later=later).verdict == "failed"
