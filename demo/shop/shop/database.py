# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import queue
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.rows import dict_row

from shop.settings import Database


class Pool:
    """At most `size` connections, opened when first needed; the latest used is taken first."""

    def __init__(self, database: Database, size: int) -> None:
        self._arguments = database.connect_arguments()
        self._free: queue.LifoQueue = queue.LifoQueue()
        for _slot in range(size):
            self._free.put(None)

    def _open(self) -> psycopg.Connection[Any]:
        return psycopg.connect(autocommit=True, row_factory=dict_row, **self._arguments)

    @contextmanager
    def connection(self, wait: float = 10.0) -> Iterator[psycopg.Connection[Any]]:
        try:
            connection = self._free.get(timeout=wait)
        except queue.Empty:
            raise psycopg.OperationalError(f"no free database connection within {wait} s") from None
        try:
            if connection is None or connection.closed:
                connection = None
                connection = self._open()
            yield connection
        finally:
            # A broken connection goes back as an empty slot: the next request opens a new one.
            self._free.put(None if connection is None or connection.closed else connection)

    def close(self) -> None:
        while True:
            try:
                connection = self._free.get_nowait()
            except queue.Empty:
                return
            if connection is not None:
                connection.close()
