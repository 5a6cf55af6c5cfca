# SPDX-License-Identifier: GPL-3.0-or-later
"""Reasons not to start: the wrong target, a log that would keep the key."""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._sync.catalog import identity
from ansible_collections.evenkeel.release.plugins.module_utils._sync.driver import SyncError

LOGGING = (
    "log_statement",
    "log_min_duration_statement",
    "log_min_duration_sample",
    "log_transaction_sample_rate",
    "log_parameter_max_length",
    "log_parameter_max_length_on_error",
    "pgaudit.log",
    "pgaudit.log_parameter",
    "auto_explain.log_min_duration",
    "auto_explain.log_parameter_max_length",
)
MARK = re.compile(r"evenkeel:\s*tier\s*=\s*production")


def check_target(source: Any, target: Any, *, tier: str) -> None:
    if tier == "production":
        raise SyncError("Won't write into the target: its tier is production, and masked data never goes there.")
    here, there = identity(source), identity(target)
    if here == there:
        raise SyncError(
            f"Won't write into the target: source and target are the same database {there[1]!r} of cluster {there[0]}. Name two different databases."
        )
    mark = "select shobj_description(oid, 'pg_database') from pg_database where datname = current_database()"
    comment = target.execute(mark).fetchone()[0] or ""
    if MARK.search(comment):
        raise SyncError(f"Won't write into the target: the comment of database {there[1]!r} marks it as production.")


def _reasons(found: dict[str, str]) -> str:
    """Which settings, together, would write bound values into the server's log."""
    whole = found.get("log_parameter_max_length", "-1") != "0"
    statement = found.get("log_statement") == "all"
    slow = any(found.get(name, "-1") != "-1" for name in ("log_min_duration_statement", "log_min_duration_sample"))
    sampled = float(found.get("log_transaction_sample_rate", "0")) > 0
    if whole and (statement or slow or sampled):
        return "log_statement, log_min_duration_* or log_transaction_sample_rate together with log_parameter_max_length"
    if found.get("log_parameter_max_length_on_error", "0") != "0":
        return "log_parameter_max_length_on_error"
    if found.get("pgaudit.log_parameter") == "on" and found.get("pgaudit.log", "none") != "none":
        return "pgaudit.log_parameter"
    explained = found.get("auto_explain.log_min_duration", "-1") != "-1"
    return "auto_explain" if explained and found.get("auto_explain.log_parameter_max_length", "-1") != "0" else ""


def check_logging(source: Any) -> None:
    rows = source.execute("select name, setting from pg_settings where name = any(%s)", (list(LOGGING),)).fetchall()
    reasons = _reasons(dict(rows))
    if reasons:
        raise SyncError(
            f"Won't hand the key to the source: its log would keep bound parameters ({reasons}). "
            "Set log_parameter_max_length to 0 for the role that reads (alter role ... set log_parameter_max_length = 0)."
        )
