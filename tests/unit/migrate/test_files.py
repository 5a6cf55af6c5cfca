# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import zlib
from pathlib import Path

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._migrate import files
from ansible_collections.evenkeel.release.plugins.module_utils._migrate.errors import MigrateError
from hypothesis import given
from hypothesis import strategies as st


def signed(data: bytes) -> int:
    found = zlib.crc32(data)
    return found - (1 << 32) if found >= 1 << 31 else found


@pytest.mark.parametrize(
    ("text", "same_as"),
    [
        ("", b""),
        ("\n", b""),
        ("create table t (id int);\n", b"create table t (id int);"),
        ("a\nb\n", b"ab"),
        ("a\r\nb", b"ab"),
        ("a\rb\r", b"ab"),
        ("a\n\nb\n", b"ab"),
        ("\ufeffa\nb", b"ab"),
        ("ü\n\u2028\x0bb", "ü\u2028\x0bb".encode()),  # Python would take these for the ends of lines, Java doesn't
    ],
)
def test_the_checksum_is_flyways(text: str, same_as: bytes) -> None:
    assert files.checksum(text) == signed(same_as)


@given(st.text(), st.sampled_from(["\n", "\r\n", "\r"]))
def test_the_ends_of_lines_dont_count_and_everything_else_does(text: str, end: str) -> None:
    plain = text.replace("\r\n", "\n").replace("\r", "\n").lstrip("\ufeff")
    assert files.checksum(plain.replace("\n", end)) == files.checksum(plain) == signed(plain.replace("\n", "").encode("utf-8", "surrogatepass"))


def test_files_come_in_the_order_of_their_versions() -> None:
    names = ["V10__j.sql", "V2__b.sql", "R__z.sql", "sub/V1.10__c.sql", "V1_2__a.sql", "R__a_view.sql", "V003__x.sql", "U2__b.sql"]
    found, faults = files.parse(dict.fromkeys(names, "select 1;"))
    assert faults == []
    assert [file.script for file in found] == [
        "V1_2__a.sql",
        "sub/V1.10__c.sql",
        "V2__b.sql",
        "V003__x.sql",
        "V10__j.sql",
        "R__a_view.sql",
        "R__z.sql",
    ]
    assert [(file.version, file.description) for file in found[:1] + found[3:4] + found[5:6]] == [("1.2", "a"), ("003", "x"), ("", "a view")]


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        ({"V1_init.sql": ""}, "V1_init.sql is no name of a migration"),
        ({"afterMigrate.sql": ""}, "afterMigrate.sql is no name"),
        ({"v1__a.sql": ""}, "v1__a.sql is no name"),
        ({"V1__a.sql": "", "V1.0__b.sql": ""}, "V1__a.sql and V1.0__b.sql have the same version"),
        ({"R__a.sql": "", "sub/R__a.sql": ""}, "have the same description"),
        ({"V1__a.sql": "-- evenkeel: contrct\n"}, "V1__a.sql says contrct, allowed"),
        ({"V1__a.sql": "-- evenkeel: contract expand\n"}, "of the phases expand and contract"),
    ],
)
def test_faults_of_names_and_words(texts: dict[str, str], told: str) -> None:
    assert told in "; ".join(files.parse(texts)[1])


def test_what_a_file_says_of_itself() -> None:
    found, faults = files.parse(
        {
            "V1__a.sql": "-- a title\n\n-- evenkeel: contract, one_way\nselect 1;\n-- evenkeel: no_transaction\n",
            "V2__b.sql": "--evenkeel:no_transaction\nvacuum;",
            "V3__c.sql": "select 1;",
            "V3__c.sql.conf": "executeInTransaction=false\n",
            "V4__d.sql": "select '-- evenkeel: contract';",
        }
    )
    assert faults == []
    assert [(file.phase, file.one_way, file.transaction) for file in found] == [
        ("contract", True, True),
        ("expand", False, False),
        ("expand", False, False),
        ("expand", False, True),
    ]


def test_the_digest_is_of_all_that_counts() -> None:
    one, two = (files.parse({"V1__a.sql": text})[0] for text in ("select 1;", "select 2;"))
    assert files.digest(one) == files.digest(files.parse({"V1__a.sql": "select 1;\n"})[0])
    assert files.digest(one) != files.digest(two)


def test_a_folder_is_read_with_all_its_faults(tmp_path: Path) -> None:
    with pytest.raises(MigrateError, match="There is no folder"):
        files.read(str(tmp_path / "none"))
    (tmp_path / "V1__a.sql").write_bytes(b"select '\xff';")
    (tmp_path / "V2_b.sql").write_text("")
    with pytest.raises(MigrateError, match=r"V1__a.sql can't be read as UTF-8.*V2_b.sql is no name"):
        files.read(str(tmp_path))


@given(st.lists(st.integers(0, 99), min_size=1, max_size=4), st.integers(0, 3))
def test_zeros_at_the_end_of_a_version_count_nothing(numbers: list[int], zeros: int) -> None:
    text = ".".join(map(str, numbers))
    assert files.order(text) == files.order(text.replace(".", "_") + "_0" * zeros)
