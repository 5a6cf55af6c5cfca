# SPDX-License-Identifier: GPL-3.0-or-later
"""How the modules of data describe a place: a database of a server, or a file."""

from __future__ import annotations

from typing import Any

SERVER: dict[str, dict[str, Any]] = {
    "host": {"type": "str", "default": "127.0.0.1"},
    "port": {"type": "int"},
    "dbname": {"type": "str"},
    "user": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "sslmode": {"type": "str", "default": "prefer", "choices": ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]},
}
ANY = {**SERVER, "path": {"type": "path"}}
# Where no engine is a file, the server's names can be asked for at once.
NAMED = {name: {**option, "required": True} if name in ("dbname", "user") else option for name, option in SERVER.items()}
