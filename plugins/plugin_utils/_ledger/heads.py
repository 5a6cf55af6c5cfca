# SPDX-License-Identifier: GPL-3.0-or-later
"""The remembered heads: a small file, best kept on another machine than the ledger."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils import _files
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError


def read(path: str) -> dict[str, dict[str, Any]]:
    """{stream: {seq, hash, ...}}; empty when there is no file yet."""
    try:
        heads = json.loads(Path(path).read_text(encoding="utf-8"))
        return {str(name): {**head, "seq": int(head["seq"]), "hash": str(head["hash"])} for name, head in heads.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
        raise LedgerError(
            f"Reading the remembered heads from {path} failed: {exc}. Allowed: a file that ledger_verify wrote. Next: name that file, or remove it."
        ) from exc


def write(path: str, heads: Mapping[str, Any]) -> None:
    place = Path(path).absolute()
    try:
        _files.write(place, json.dumps(heads, indent=2, sort_keys=True), mode=0o600)
    except OSError as exc:
        raise LedgerError(f"Writing the heads to {path} failed: {exc}. Next: make {place.parent} writable for this user.") from exc
