# SPDX-License-Identifier: GPL-3.0-or-later
"""Which code speaks to which server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable

from ansible_collections.evenkeel.release.plugins.module_utils._sync.drivers import ready
from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError

ENGINES = ("postgresql", "mysql", "sqlite")


# Imported by name and inside the function for the same reasons as the drivers.
def _runner(engine: str) -> Any:
    if engine == "postgresql":
        from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql import runner as postgresql

        return postgresql
    if engine == "mysql":
        from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql import runner as mysql

        return mysql
    from ansible_collections.evenkeel.release.plugins.module_utils._sync.sqlite import runner as sqlite

    return sqlite


def synchronize(params: Mapping[str, Any], *, check_mode: bool, tell: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    engine = params["engine"]
    if engine not in ENGINES:
        raise SyncError(f"There is no engine {engine!r}; there are {', '.join(ENGINES)}.")
    ready(engine, asks="data_sync")
    found: dict[str, Any] = _runner(engine).synchronize(params, check_mode=check_mode, tell=tell)
    return found
