# SPDX-License-Identifier: GPL-3.0-or-later
"""What the target remembers of its synchronizations, one row for each policy, in a schema of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.catalog import STATE
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.driver import sql

# A shadow that is ready; the new tables are live and the old ones kept; nothing is open.
PREPARED, SWAPPED, CONFIRMED = "prepared", "swapped", "confirmed"


def remember(connection: Any, *, policy: str, state: Mapping[str, Any]) -> None:
    connection.execute(sql.SQL("create schema if not exists {}").format(sql.Identifier(STATE)))
    place = sql.Identifier(STATE, "data_sync")
    connection.execute(sql.SQL("create table if not exists {} (policy text primary key, state jsonb not null)").format(place))
    text = sql.SQL("insert into {} values (%s, %s::jsonb) on conflict (policy) do update set state = excluded.state")
    connection.execute(text.format(place), (policy, json.dumps(state)))


def remembered(connection: Any, policy: str) -> dict[str, Any]:
    return all_remembered(connection).get(policy, {})


def all_remembered(connection: Any) -> dict[str, dict[str, Any]]:
    if connection.execute("select to_regclass(%s)", (f"{STATE}.data_sync",)).fetchone()[0] is None:
        return {}
    rows = connection.execute(sql.SQL("select policy, state from {}").format(sql.Identifier(STATE, "data_sync"))).fetchall()
    return {policy: dict(state) for policy, state in rows}


def phase_of(state: Mapping[str, Any]) -> str:
    return str(state.get("phase", CONFIRMED))


def open_policies(states: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """{policy: phase} of those whose shadow or old tables wait."""
    return {policy: phase_of(state) for policy, state in states.items() if phase_of(state) != CONFIRMED}
