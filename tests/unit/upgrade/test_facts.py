# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._pgnode import facts
from ansible_collections.evenkeel.release.plugins.module_utils._pgnode.errors import NodeError
from hypothesis import given
from hypothesis import strategies as st

CONTROL = """pg_control version number:            1800
Database system identifier:           7511111111111111111
Database cluster state:               shut down
pg_control last modified:             Sat 21 Nov 2026 10:00:00 PM UTC
Latest checkpoint location:           0/3000148
Latest checkpoint's REDO location:    0/3000148
Latest checkpoint's TimeLineID:       2
"""


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("postgres (PostgreSQL) 18.6", "18.6"),
        ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n", "15.18"),
        ("postgres (PostgreSQL) 13.0", "13.0"),
    ],
)
def test_program_version(text: str, version: str) -> None:
    assert facts.program_version(text) == version


@pytest.mark.parametrize("text", ["", "postgres (PostgreSQL) 19devel", "postgres (PostgreSQL) 9.6.24", "postgres (PostgreSQL) 18beta1", "mysqld 8.0"])
def test_what_is_no_released_version(text: str) -> None:
    with pytest.raises(NodeError, match="postgres --version says"):
        facts.program_version(text)


def test_versions_compare_as_numbers() -> None:
    assert facts.version("15.9") < facts.version("15.10") < facts.version("16.0")
    assert facts.number_version(150018) == "15.18"
    with pytest.raises(NodeError, match="'18'"):
        facts.version("18")


@given(st.integers(0, 2**64 - 1))
def test_lsn(place: int) -> None:
    assert facts.lsn(f"{place >> 32:X}/{place & 0xFFFFFFFF:X}") == place


def test_control() -> None:
    assert facts.control(CONTROL) == {"state": "shut down", "system_identifier": "7511111111111111111", "checkpoint": "0/3000148", "timeline": 2}
    with pytest.raises(NodeError, match="Latest checkpoint location"):
        facts.control(CONTROL.replace("Latest checkpoint location", "x"))


@given(st.dictionaries(st.sampled_from(["host", "user", "password", "application_name"]), st.text(st.characters(codec="ascii", min_codepoint=32), min_size=1)))
def test_a_connection_string_keeps_its_values(words: dict[str, str]) -> None:
    found = {key: quoted.replace("\\'", "'").replace("\\\\", "\\") for key, quoted, _plain in facts.WORD.findall(facts.conninfo(words))}
    assert set(found) == set(words)
    assert facts.upstream(facts.conninfo({"host": "db1", "port": 5433, **{key: words[key] for key in words if key != "host"}}))["port"] == 5433


def test_upstream_leaves_the_password_behind() -> None:
    assert facts.upstream("user=repl password='host=evil port=1' host=db1 port=5433") == {"host": "db1", "port": 5433}
    assert facts.upstream("") == {"host": "", "port": 0}


def test_settings_files() -> None:
    text = "# Do not edit\nprimary_conninfo = 'a'\n primary_conninfo='b'\nprimary_conninfo_x = 'c'\nwork_mem = '4MB'\n"
    assert facts.without(text, ["primary_conninfo"]) == "# Do not edit\nprimary_conninfo_x = 'c'\nwork_mem = '4MB'\n"
    assert facts.setting("a", "it's \\") == "a = 'it''s \\\\'\n"
    for value in ("it's \\", "", "''", "host='db 2' password='x\\'y'"):
        text = facts.setting("ab", "z") + facts.setting("a", "old") + facts.setting("a", value) + facts.setting("aa", "z")
        assert facts.set_to(text, "a") == value
    assert facts.set_to("b = 'x'\n", "a") == ""


def test_segments() -> None:
    names = ["000000010000000000000001", "000000010000000000000002", "000000010000000000000003", "000000020000000000000003", "archive_status"]
    assert facts.segments(names, after=names[0], until=names[2]) == names[1:3]


def left(**changed: Any) -> dict[str, Any]:
    return {"state": "shut down", "timeline": 1, "checkpoint": "0/3000148", **changed}


NEW = {"timeline": 2, "history": [{"timeline": 1, "end": "0/30001C0"}]}


@pytest.mark.parametrize(
    ("control", "new", "answer"),
    [
        (left(), NEW, ""),
        (left(timeline=2), NEW, ""),
        (left(state="shut down in recovery"), NEW, ""),
        (left(checkpoint="0/30001C0"), NEW, "went on to 0/30001C0"),
        (left(checkpoint="0/5000000"), NEW, "went on to 0/5000000"),
        (left(timeline=3), NEW, "no ancestor"),
        (left(state="in production"), NEW, None),
    ],
)
def test_diverged(control: dict[str, Any], new: dict[str, Any], answer: str | None) -> None:
    found = facts.diverged(control, new)
    assert found == answer if not answer else answer in str(found)


def test_history() -> None:
    text = "1\t0/30001C0\tno recovery target specified\n\n2\t0/5000000\tx\n"
    assert facts.history(text) == [{"timeline": 1, "end": "0/30001C0"}, {"timeline": 2, "end": "0/5000000"}]
