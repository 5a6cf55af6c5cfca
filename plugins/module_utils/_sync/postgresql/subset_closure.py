# SPDX-License-Identifier: GPL-3.0-or-later
"""The closure of a subset: start rows, their children, and every parent that any of them needs.

Only values of keys that others refer to are gathered, and only where the child's own columns can't tell. So a chain without
cycles is decided row by row while it is copied, and a cycle goes round with what was new in the last round.
"""

from __future__ import annotations

from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.subset_crew import Crew
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.subset_down import Down
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.subset_rows import Book
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.subset_up import Up
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.subset_walk import Counts
from ansible_collections.evenkeel.release.plugins.module_utils._sync.subset_plan import Order


def close(book: Book, crew: Crew, order: Order) -> Counts:
    counts = Counts({}, {}, {})
    down, up = Down(book, crew, counts), Up(book, crew, counts)
    for component in order.down:
        down.base(component)
    for name in order.whole:
        book.rows[name].whole = True
    for component in order.up:
        up.need(component)
    return counts
