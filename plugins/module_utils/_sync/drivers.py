# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether there is a driver for a server. Apart from the engines: a module that only asks a question needn't send those to a host."""

from __future__ import annotations

from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError


# Written out, because Ansible sends along to a host what it finds imported by name; inside the functions, because only the
# driver of the engine that is used has to be there.
def _driver(engine: str) -> Any:
    if engine == "postgresql":
        from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql import driver as postgresql

        return postgresql
    if engine == "mysql":
        from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql import driver as mysql

        return mysql
    from ansible_collections.evenkeel.release.plugins.module_utils._sync.sqlite import driver as sqlite

    return sqlite


def ready(engine: str, *, asks: str) -> None:
    """Says in one line which driver the module that asks misses in this Python, before anything else is tried."""
    driver = _driver(engine)
    if not driver.AVAILABLE:
        raise SyncError(f"{asks} needs {driver.NEEDS}")
