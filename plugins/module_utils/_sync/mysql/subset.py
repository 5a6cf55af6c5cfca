# SPDX-License-Identifier: GPL-3.0-or-later
"""A part of the source that is whole in itself: start rows, their children, and every parent that any of them refers to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._sync import subset_plan
from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql import subset_keys
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql.subset_walk import Walk

# MariaDB has JSON_TABLE from 10.6 on, MySQL from 8.0 on.
NEEDED = {True: (10, 6), False: (8, 0)}


class Selection(NamedTuple):
    """What is copied of each table."""

    request: subset_plan.Request
    order: subset_plan.Order
    copies: dict[str, Optional[list[subset_keys.Batch]]]  # None: all rows
    rows: dict[str, int]  # of the tables that aren't copied whole
    brought: list[dict[str, Any]]

    def finish(self, copied: Mapping[str, int]) -> list[dict[str, Any]]:
        """How many rows each edge brought; before the swap, as `max_rows` may refuse it."""
        check_size(self.request, sum(copied.values()))
        found = list(self.brought)
        found += [_note("whole", "", full, copied.get(full, 0)) for full in self.order.whole]
        return found + [_note("unreached", "", full, 0) for full in self.order.unreached]


def _note(direction: str, edge: str, table: str, rows: int) -> dict[str, Any]:
    return {"direction": direction, "edge": edge, "table": table, "rows": rows}


def check_size(request: subset_plan.Request, rows: int) -> None:
    if request.max_rows is not None and rows > request.max_rows:
        raise SyncError(
            f"The subset has at least {rows} rows, subset.max_rows allows {request.max_rows}. The target is as it was. "
            "Take fewer start rows, set limits on edges, or stop edges that bring too much."
        )


def read(job: Any, sides: Any) -> tuple[subset_plan.Request, subset_plan.Order]:
    _check_server(sides.source)
    document = job.options.get("subset") or {}
    request, faults = subset_plan.read(document, subset_keys.plain(sides.here), subset_keys.edges(sides.here))
    if faults:
        raise SyncError("\n".join(["Nothing was moved: the subset document and the source don't fit.", *[f"- {fault}" for fault in faults]]))
    return request, subset_plan.arrange(request)


def _check_server(connection: Any) -> None:
    text = str(connection.one("select version()")[0])
    numbers = tuple(int(one) for one in re.findall(r"\d+", text)[:2])
    needed = NEEDED[connection.mariadb]
    if numbers < needed:
        raise SyncError(f"mode subset reads with JSON_TABLE, which the source ({text}) lacks; it is there from {'.'.join(map(str, needed))} on.")


def select(job: Any, sides: Any, connection: Any) -> Selection:
    """Reads the source, in the snapshot of its connection; writes nothing anywhere."""
    request, order = read(job, sides)
    walk = Walk(sides.here, request, connection, seed=subset_plan.seed(job.key))
    walk.down(order)
    walk.up(order)
    copies: dict[str, Optional[list[subset_keys.Batch]]] = {}
    rows: dict[str, int] = {}
    for full, table in walk.tables.items():
        keys = walk.chosen(full)
        copies[full] = None if full in walk.whole else table.copies(sorted(keys))
        if full not in walk.whole:
            rows[full] = len(keys)
    check_size(request, sum(rows.values()))
    brought = [_note(direction, edge, full, count) for (direction, edge, full), count in walk.brought.items()]
    return Selection(request, order, copies, rows, brought)


def plan(job: Any, sides: Any) -> dict[str, Any]:
    """For check mode; reads catalogs only."""
    return subset_plan.outline(*read(job, sides))
