# SPDX-License-Identifier: GPL-3.0-or-later
"""The new tables take the place of the old ones in one transaction, or the old ones theirs again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql import shadow_dressing, shadow_objects
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.catalog import OLD, kept_of, shadow_of
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.driver import sql
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.shadow import Relation, clean, quoted

SET_SCHEMA = "alter {} {} set schema {}"


def swap(connection: Any, found: list[Relation], *, numbers: Mapping[str, Any], remember: Callable[[dict[str, Any]], None]) -> None:
    """`numbers`: values of sequences that no table owns. `remember` is told what was moved, in the same transaction."""
    with connection.transaction():
        connection.execute("set local synchronous_commit to default")
        # What else is in the way now may not have been there when the shadow was made.
        faults = shadow_objects.obstacles(connection, found)
        if faults:
            raise SyncError("\n".join(["Nothing was switched; since the preparation the target has what a swap would lose:", *faults]))
        connection.execute(sql.SQL("lock table {} in access exclusive mode").format(sql.SQL(", ").join(relation.live for relation in found)))
        bound = shadow_objects.attached(connection, found)
        places = shadow_objects.schemas_kept(found, bound)
        for name in places.values():
            connection.execute(sql.SQL("create schema {}").format(sql.Identifier(name)))
        for view in reversed(bound.views):
            _move(connection, view.word, view.schema, view.name, kept_of(view.schema))
        for relation in found:
            for schema, name in bound.statistics[relation.full]:
                _move(connection, "statistics", schema, name, kept_of(schema))
            _move(connection, "table", relation.schema, relation.name, kept_of(relation.schema))
        for relation in found:
            _move(connection, "table", shadow_of(relation.schema), relation.name, relation.schema)
            for schema, name in bound.statistics[relation.full]:
                _move(connection, "statistics", shadow_of(relation.schema), name, schema)
        for view in bound.views:
            shadow_objects.make_view(connection, view)
        for text in [*bound.statements, *bound.on_views]:
            connection.execute(text)
        pairs = {one.full: (one.oid, quoted(one.schema, one.name)) for one in found}
        pairs.update({f"{view.schema}.{view.name}": (view.oid, quoted(view.schema, view.name)) for view in bound.views})
        shadow_dressing.compare(connection, pairs, places=places)
        before = _set_numbers(connection, numbers)
        for name in sorted({shadow_of(relation.schema) for relation in found}):
            connection.execute(sql.SQL("drop schema {}").format(sql.Identifier(name)))
        remember(
            {
                "tables": [[relation.schema, relation.name, relation.kind, relation.partition] for relation in found],
                "views": [[view.word, view.schema, view.name] for view in bound.views],
                "statistics": [[schema, name] for found_ones in bound.statistics.values() for schema, name in found_ones],
                "numbers": before,
            }
        )


def _move(connection: Any, word: str, schema: str, name: str, place: str) -> None:
    connection.execute(sql.SQL(SET_SCHEMA).format(sql.SQL(word), sql.Identifier(schema, name), sql.Identifier(place)))


def _set_numbers(connection: Any, numbers: Mapping[str, Any]) -> dict[str, Any]:
    """ALTER SEQUENCE, unlike setval(), is undone with its transaction. The values before."""
    before = {}
    for name, (schema, sequence, last, called) in numbers.items():
        place = sql.Identifier(schema, sequence)
        now = connection.execute(sql.SQL("select last_value, is_called from {}").format(place)).fetchone()
        before[name] = [schema, sequence, now[0], now[1]]
        if list(now) != [last, called]:
            connection.execute(sql.SQL("alter sequence {} restart with {}").format(place, sql.Literal(last)))
            if called:
                connection.execute("select nextval(%s::regclass)", (place.as_string(connection),))
    return before


def revert(connection: Any, moved: Mapping[str, Any], *, remember: Callable[[], None]) -> None:
    with connection.transaction():
        connection.execute("set local synchronous_commit to default")
        for word, schema, name in reversed(moved["views"]):
            connection.execute(sql.SQL("drop {} {}").format(sql.SQL(word), sql.Identifier(schema, name)))
        # Partitions go with their roots; foreign keys among the tables with all of them.
        tops = [sql.Identifier(schema, name) for schema, name, _kind, partition in moved["tables"] if not partition]
        connection.execute(sql.SQL("drop table {}").format(sql.SQL(", ").join(tops)))
        for schema, name, *_rest in moved["tables"]:
            _move(connection, "table", kept_of(schema), name, schema)
        for schema, name in moved["statistics"]:
            _move(connection, "statistics", kept_of(schema), name, schema)
        for word, schema, name in moved["views"]:
            _move(connection, word, kept_of(schema), name, schema)
        _set_numbers(connection, moved["numbers"])
        clean(connection, pattern=f"^{OLD}(_|$)")
        remember()


def confirm(connection: Any, *, remember: Callable[[], None]) -> None:
    with connection.transaction():
        clean(connection, pattern=f"^{OLD}(_|$)")
        remember()
