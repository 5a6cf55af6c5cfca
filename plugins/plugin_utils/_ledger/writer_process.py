# SPDX-License-Identifier: GPL-3.0-or-later
"""The process behind writer.py: a line is a batch, its answer a fault or nothing."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import Store, open_store


def run(settings: dict[str, Any]) -> None:
    """Until nobody says any more. What came before that is written, also when ansible-playbook was killed meanwhile."""
    store = None
    for line in sys.stdin.buffer:
        fault = ""
        try:
            store = store or open_store(settings["url"])
            _write(store, **json.loads(line))
        except LedgerError as exc:
            fault = str(exc)
        except Exception as exc:  # whatever it is, the run is told and decides
            fault = f"{type(exc).__name__}: {exc}"
        with contextlib.suppress(OSError):  # nobody listens any more
            os.write(sys.stdout.fileno(), json.dumps(fault).encode() + b"\n")
    if store:
        store.close()


def _write(store: Store, *, entries: list[dict[str, Any]], durable: bool) -> None:
    store.append_clean([{**fields, "stream": store.own_stream(fields["stream"])} for fields in entries], durable=durable)
