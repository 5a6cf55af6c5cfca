# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules that only look at a database share: how a place is described, and whether there is a driver for its server."""

from __future__ import annotations

from ansible_collections.evenkeel.release.plugins.module_utils._sync.drivers import missing
from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError

PLACE = {
    "host": {"type": "str", "default": "127.0.0.1"},
    "port": {"type": "int"},
    "dbname": {"type": "str", "required": True},
    "user": {"type": "str", "required": True},
    "password": {"type": "str", "no_log": True},
    "sslmode": {"type": "str", "default": "prefer", "choices": ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]},
}


def ready(engine: str) -> None:
    """Says in one line which driver is missing, before anything else is tried."""
    fault = missing(engine)
    if fault:
        raise SyncError(fault)
