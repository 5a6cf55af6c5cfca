# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import functools
import hashlib
import sqlite3
import sys
import uuid

import pytest
import rfc8785
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import canonical, ids
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import NewEntry
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import open_store
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.verify import verify
from hypothesis import given, settings
from hypothesis import strategies as st

SCALARS = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
JSON = st.recursive(SCALARS | TEXT, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=12)


@given(JSON)
@settings(max_examples=300, deadline=None)
def test_canonical_bytes_are_those_of_the_reference(data):
    assert canonical.dumps(data) == rfc8785.dumps(data)


def test_every_character_is_written_as_the_reference_writes_it():
    text = "".join(chr(number) for number in range(sys.maxunicode + 1) if not 0xD800 <= number <= 0xDFFF)
    assert canonical.dumps({"text": text, text[:128]: 1}) == rfc8785.dumps({"text": text, text[:128]: 1})
    nested = functools.reduce(lambda inner, _number: [inner], range(300), "x")
    assert canonical.dumps(nested) == rfc8785.dumps(nested)


@given(st.integers(0, 2**47))
def test_time_survives_its_text_and_ids_sort_by_time(moment):
    moment = moment % 253_000_000_000_000_000
    assert ids.microseconds(ids.at(moment)) == moment
    assert uuid.UUID(ids.new_id(moment)).version == 7
    assert ids.new_id(moment) < ids.new_id(moment + 1)


@pytest.fixture
def ledger(tmp_path):
    with open_store(f"sqlite:///{tmp_path}/state/ledger.sqlite", actor={"name": "ada", "source": "os"}) as store:
        store.append([NewEntry("switch", "fact", environment="staging", subject=f"s{n}", body={"n": n, "t": "héllo"}) for n in range(6)])
        yield store


def tamper(store, *statements):
    connection = sqlite3.connect(store.url.database, isolation_level=None)
    connection.execute("DROP TRIGGER IF EXISTS evenkeel_entries_no_update")
    connection.execute("DROP TRIGGER IF EXISTS evenkeel_entries_no_delete")
    for statement in statements:
        connection.execute(*statement) if isinstance(statement, tuple) else connection.execute(statement)
    connection.close()


def faults(store, **options):
    return [(fault.seq, fault.what) for fault in verify(store, **options).faults]


def test_chain_is_plain_sha256_over_the_stored_bytes(ledger):
    previous = bytes(32)
    connection = sqlite3.connect(ledger.url.database)
    for data, digest in connection.execute("SELECT bytes, hash FROM evenkeel_entries ORDER BY seq"):
        previous = hashlib.sha256(previous + data).digest()
        assert digest == previous
    assert verify(ledger).ok


def test_entries_come_back_as_they_were_written(ledger):
    entries = ledger.entries()
    assert [entry.seq for entry in entries] == [1, 2, 3, 4, 5, 6]
    assert [entry.prev for entry in entries[1:]] == [entry.hash for entry in entries[:-1]]
    assert entries[0].actor == {"name": "ada", "source": "os"}
    assert ledger.find(entries[3].id) == entries[3]
    assert [entry.seq for entry in ledger.entries(after=entries[3].id)] == [5, 6]
    assert [entry.seq for entry in ledger.entries(newest_first=True, limit=2)] == [6, 5]
    assert ledger.entries(kind=["gate"]) == []
    assert [entry.subject for entry in ledger.entries(subject="s2", environment="staging", kind="switch")] == ["s2"]


def test_every_flipped_bit_is_found_and_named(ledger):
    connection = sqlite3.connect(ledger.url.database)
    data = connection.execute("SELECT bytes FROM evenkeel_entries WHERE seq = 3").fetchone()[0]
    connection.close()
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= 1 << (place % 8)
        tamper(ledger, ("UPDATE evenkeel_entries SET bytes = ? WHERE seq = 3", (bytes(changed),)))
        assert [seq for seq, _what in faults(ledger)] == [3], f"byte {place}"
    tamper(ledger, ("UPDATE evenkeel_entries SET bytes = ? WHERE seq = 3", (data,)))
    assert verify(ledger).ok


@pytest.mark.parametrize(
    ("column", "value"),
    [("kind", "gate"), ("phase", "outcome"), ("environment", "production"), ("release", "9.9.9"), ("subject", 'x"y'), ("time", "2020-01-01T00:00:00.000000Z")],
)
def test_a_changed_column_is_found(ledger, column, value):
    tamper(ledger, (f"UPDATE evenkeel_entries SET {column} = ? WHERE seq = 4", (value,)))
    [(seq, what)] = faults(ledger)
    assert seq == 4
    assert f"{column} is {value!r}" in what


def test_a_changed_hash_a_removed_and_a_swapped_entry_are_found(ledger):
    tamper(ledger, "UPDATE evenkeel_entries SET hash = zeroblob(32) WHERE seq = 2")
    assert {2, 3} >= {seq for seq, _what in faults(ledger)} >= {2}


def test_a_removed_entry_is_named(ledger):
    tamper(ledger, "DELETE FROM evenkeel_entries WHERE seq = 2")
    assert any(seq == 2 and "entry 2 is missing" in what for seq, what in faults(ledger))
    tamper(ledger, "DELETE FROM evenkeel_entries WHERE seq = 1")
    assert any("entries 1 to 2 are missing" in what for _seq, what in faults(ledger))


def test_swapped_entries_are_named(ledger):
    tamper(
        ledger,
        "UPDATE evenkeel_entries SET seq = 99 WHERE seq = 2",
        "UPDATE evenkeel_entries SET seq = 2 WHERE seq = 3",
        "UPDATE evenkeel_entries SET seq = 3 WHERE seq = 99",
    )
    found = dict(faults(ledger))
    assert "swapped" in found[2]
    assert "swapped" in found[3]


def test_an_inserted_entry_is_named(ledger):
    tamper(
        ledger,
        "UPDATE evenkeel_entries SET seq = -seq WHERE seq > 3",
        "UPDATE evenkeel_entries SET seq = 1 - seq WHERE seq < 0",
        "INSERT INTO evenkeel_entries SELECT stream, 4, 'forged', time, kind, phase, environment, release, subject, bytes, hash"
        " FROM evenkeel_entries WHERE seq = 3",
    )
    assert 4 in dict(faults(ledger))


def test_a_cut_tail_shows_against_the_remembered_head_only(ledger):
    heads = {name: head._asdict() for name, head in verify(ledger).heads.items()}
    tamper(ledger, "DELETE FROM evenkeel_entries WHERE seq > 4")
    assert faults(ledger) == []
    [(seq, what)] = faults(ledger, expect=heads)
    assert seq == 6
    assert "cut off" in what
    tamper(ledger, "DELETE FROM evenkeel_entries")
    assert "whole stream is gone" in faults(ledger, expect=heads)[0][1]


def test_a_rewritten_stream_shows_against_the_remembered_head(ledger):
    heads = {name: head._asdict() for name, head in verify(ledger).heads.items()}
    tamper(ledger, "DELETE FROM evenkeel_entries")
    ledger.append([NewEntry("gate", "fact", body={"n": n}) for n in range(8)])
    assert "rewritten" in faults(ledger, expect=heads)[0][1]


def test_the_database_itself_refuses_edits(ledger):
    connection = sqlite3.connect(ledger.url.database)
    for statement in ("UPDATE evenkeel_entries SET kind = 'gate'", "DELETE FROM evenkeel_entries"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute(statement)


def test_all_faults_of_an_entry_come_at_once_and_nothing_is_written(ledger):
    with pytest.raises(LedgerError) as caught:
        ledger.append([NewEntry("gate", "fact"), NewEntry("party", "outcome", stream="Main!")])
    for part in ("'party'", "'Main!'", "body.intent", "body.verdict"):
        assert part in str(caught.value)
    assert len(ledger.entries()) == 6


def test_a_clock_that_goes_backwards_does_not_reorder(tmp_path):
    moments = iter([5_000_000, 1_000_000, 2_000_000])
    with open_store(f"sqlite:///{tmp_path}/l.sqlite", clock=lambda: next(moments)) as store:
        for _ in range(3):
            store.append([NewEntry("gate", "fact")])
        assert [entry.seq for entry in store.entries()] == [1, 2, 3]


@pytest.mark.parametrize("url", ["mysql://u:sesame1@h/d", "nonsense", "sqlite://", "sqlite:///:memory:"])
def test_other_stores_are_refused_without_a_password_in_the_message(url):
    with pytest.raises(LedgerError, match="evenkeel_ledger_url") as caught:
        open_store(url)
    assert "sesame1" not in str(caught.value)
