# SPDX-License-Identifier: GPL-3.0-or-later
"""Python and PostgreSQL give the same bytes for the same value."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._masking.keys import pads, subkey
from ansible_collections.evenkeel.release.plugins.module_utils._masking.reference import mask_value
from ansible_collections.evenkeel.release.plugins.module_utils._masking.transformers import TEXT, TRANSFORMERS
from ansible_collections.evenkeel.release.tests.integration.data.conftest import KEY
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

NASTY = ["", " ", "'", '"', "\\", "\t\n", "é", "e\u0301", "😀", "漢字", "٠١٢", "+49 (30) 123-456 x7", "AB1 2CD", "%s {v}"]
NASTY += ["a" * length for length in (54, 55, 56, 63, 64, 65, 1000)] + ["1" * length for length in (12, 23, 24, 25, 40)]
TEXTS = sorted(name for name, found in TRANSFORMERS.items() if TEXT in found.families)


@pytest.fixture(scope="module")
def connection(pg: Any) -> Any:
    with psycopg.connect(pg.url(), autocommit=True, prepare_threshold=None) as found:
        yield found


def in_sql(connection: Any, transformer: str, values: list[str]) -> list[str]:
    """The digest comes from SQL as well, from the pads that a synchronization hands over."""
    inner, outer = pads(subkey(KEY, transformer))
    body = sql.SQL(TRANSFORMERS[transformer].sql({})).format(h=sql.SQL("s.h"), v=sql.SQL("s.v"), b=sql.SQL("s.b"))
    query = sql.SQL(
        "select {} from (select v, sha256({}::bytea || sha256({}::bytea || convert_to(v, 'UTF8'))) h, convert_to(v, 'UTF8') b, n"
        " from unnest({}::text[]) with ordinality u(v, n)) s order by n"
    ).format(body, sql.Literal(outer), sql.Literal(inner), sql.Literal(values))
    return [row[0] for row in connection.execute(query).fetchall()]


@pytest.mark.parametrize("transformer", TEXTS)
def test_nasty_values(connection: Any, transformer: str) -> None:
    values = NASTY + [f"{transformer} {number}" for number in range(300)]
    assert in_sql(connection, transformer, values) == [mask_value(value, transformer, key=KEY) for value in values]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), min_size=1, max_size=30))
def test_any_value(connection: Any, values: list[str]) -> None:
    for transformer in TEXTS:
        assert in_sql(connection, transformer, values) == [mask_value(v, transformer, key=KEY) for v in values]


def test_equal_mask_gives_way_in_both(connection: Any) -> None:
    for transformer in ("first_name", "last_name", "city"):
        words = [str(mask_value(f"{n}", transformer, key=KEY)) for n in range(400)]
        masked = in_sql(connection, transformer, words)
        assert masked == [mask_value(word, transformer, key=KEY) for word in words]
        assert all(before != after for before, after in zip(words, masked))


@pytest.mark.parametrize("value", ["2000-02-29", "1999-12-31 23:59:59.5+00", "infinity"])
def test_dates(connection: Any, value: str) -> None:
    inner, outer = pads(subkey(KEY, "date_shift"))
    kind = "date" if len(value) < 12 else "timestamptz"
    connection.execute("set timezone = 'UTC'")
    shift = sql.SQL(TRANSFORMERS["date_shift"].sql({})).format(h=sql.SQL("s.h"))
    unit = "" if kind == "date" else " * interval '1 day'"
    query = sql.SQL("select ({}::{} + {}{})::text from (select sha256({}::bytea || sha256({}::bytea || {}::bytea)) h) s").format(
        sql.Literal(value), sql.SQL(kind), shift, sql.SQL(unit), sql.Literal(outer), sql.Literal(inner), sql.Literal(value.encode())
    )
    assert connection.execute(query).fetchone()[0] == mask_value(value, "date_shift", key=KEY)
