# SPDX-License-Identifier: GPL-3.0-or-later
"""Many small questions in one transaction."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import NewEntry
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import Store, open_store
from sqlalchemy import Connection, event

FACT = NewEntry("verification", "fact", "test", "1.0.0", "", {"verdict": "passed"})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path}/ledger.sqlite") as opened:
        opened.append([FACT])
        yield opened


def transactions(store: Store) -> list[Connection]:
    begun: list[Connection] = []
    event.listen(store._engine, "begin", begun.append)
    return begun


def test_what_is_read_together_is_read_in_one_transaction(store: Store) -> None:
    begun = transactions(store)
    with store.together():
        for _ in range(3):
            assert len(store.entries()) == 1
        with store.together():
            assert store.heads()["main"].seq == 1
        assert len(store.entries()) == 1
    assert len(begun) == 1
    store.entries()
    store.entries()
    assert len(begun) == 3


def test_what_others_write_meanwhile_is_seen_afterwards(store: Store, tmp_path: Path) -> None:
    with store.together():
        assert len(store.entries()) == 1
        with open_store(f"sqlite:///{tmp_path}/ledger.sqlite") as other:
            other.append([FACT])
        assert len(store.entries()) == 1
    assert len(store.entries()) == 2


def test_another_thread_reads_by_itself(store: Store) -> None:
    begun, seen = transactions(store), []
    with store.together():
        thread = threading.Thread(target=lambda: seen.append(len(store.entries())))
        thread.start()
        thread.join()
    assert (seen, len(begun)) == ([1], 2)


def test_a_fork_reads_by_itself(store: Store) -> None:
    with store.together():
        child = os.fork()
        if child == 0:
            with store.reading() as connection:
                os._exit(0 if connection is not store._together.reader[1] and len(store.entries()) == 1 else 1)
        assert os.waitpid(child, 0)[1] == 0


def test_a_fault_ends_it(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), store.together():
        1 / 0  # noqa: B018
    store.append([FACT])
    assert len(store.entries()) == 2
