# SPDX-License-Identifier: GPL-3.0-or-later
"""Triggers stay with their tables, and a table with triggers can't leave its database: they are taken off and put on again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql.driver import SETTINGS, describe, is_error, name

FOUND = """
select trigger_name, event_object_table, action_timing, event_manipulation, definer, sql_mode, character_set_client, collation_connection,
       action_statement
from information_schema.triggers where trigger_schema = %s order by event_object_table, action_timing, event_manipulation, action_order
"""
Trigger = Mapping[str, str]
FIELDS = ("name", "table", "timing", "event", "definer", "sql_mode", "charset", "collation", "statement")


def read(connection: Any, tables: Sequence[str]) -> list[dict[str, str]]:
    rows = connection.rows(FOUND, (connection.database,))
    return [dict(zip(FIELDS, map(str, row))) for row in rows if row[1] in tables]


def take_off(connection: Any, triggers: Sequence[Trigger]) -> None:
    for trigger in triggers:
        connection.run(f"drop trigger if exists {name(connection.database, trigger['name'])}")


def put_on(connection: Any, triggers: Sequence[Trigger], *, database: str = "") -> None:
    """Those that aren't there, as they were, their definer and their session's modes included."""
    place = database or connection.database
    there = {row[0] for row in connection.rows(FOUND, (place,))}
    try:
        for trigger in triggers:
            if trigger["name"] not in there:
                connection.run(f"set names {name(trigger['charset'])} collate {name(trigger['collation'])}")
                connection.run("set session sql_mode = %s", (trigger["sql_mode"],))
                _create(connection, trigger, place)
    finally:
        for text in SETTINGS:
            connection.run(text)


def _create(connection: Any, trigger: Trigger, database: str) -> None:
    user, _at, host = trigger["definer"].rpartition("@")
    when = f"{trigger['timing']} {trigger['event']}"  # of information_schema: two of a few fixed words
    definer = f"{name(user)}@{name(host)}"
    connection.run(
        f"create definer = {definer} trigger {name(database, trigger['name'])} {when} on {name(database, trigger['table'])} for each row {trigger['statement']}"
    )


def try_on(connection: Any, triggers: Sequence[Trigger], *, database: str) -> None:
    """Says before anything is swapped that a trigger could not be put on again."""
    for trigger in triggers:
        try:
            put_on(connection, [trigger], database=database)
        except Exception as exc:
            if not is_error(exc):
                raise
            raise SyncError(
                f"{connection.database}.{trigger['table']}: trigger {trigger['name']} of {trigger['definer']} can't be made again by this account "
                f"({describe(exc)}). Grant it what that needs (SET USER, or SUPER), or drop the trigger. The target is as it was."
            ) from None
    for trigger in triggers:
        connection.run(f"drop trigger {name(database, trigger['name'])}")
