# SPDX-License-Identifier: GPL-3.0-or-later
"""Reasons not to start: the wrong target, a log that would keep the key."""

from __future__ import annotations

import re
import secrets
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql.driver import is_error

MARK = re.compile(r"evenkeel:\s*tier\s*=\s*production")
COMMENTS = "select table_comment from information_schema.tables where table_schema = %s"
DATABASE_COMMENT = "select schema_comment from information_schema.schemata where schema_name = %s"
AUDITS = """
select plugin_name from information_schema.plugins where plugin_status = 'ACTIVE' and plugin_type = 'AUDIT'
and plugin_name not in ('QUERY_RESPONSE_TIME_AUDIT', 'SQL_ERROR_LOG')
"""


def check_target(source: Any, target: Any, *, tier: str) -> None:
    if tier == "production":
        raise SyncError("Won't write into the target: its tier is production, and masked data never goes there.")
    if same_server(source, target) and source.database.lower() == target.database.lower():
        raise SyncError(f"Won't write into the target: source and target are the same database {target.database!r}. Name two different databases.")
    comments = [row[0] or "" for row in target.rows(COMMENTS, (target.database,))]
    if target.mariadb:
        comments += [row[0] or "" for row in target.rows(DATABASE_COMMENT, (target.database,))]
    if any(MARK.search(comment) for comment in comments):
        raise SyncError(f"Won't write into the target: a comment in database {target.database!r} marks it as production.")


def same_server(source: Any, target: Any) -> bool:
    """A lock taken through one connection is seen through the other, whatever addresses they used."""
    lock = f"evenkeel_{secrets.token_hex(12)}"
    source.run("select get_lock(%s, 0)", (lock,))
    try:
        return bool(target.one("select is_free_lock(%s)", (lock,)) == (0,))
    finally:
        source.run("select release_lock(%s)", (lock,))


def check_logging(source: Any) -> None:
    """Also keeps what can be kept out of logs by the session itself out of them."""
    reasons = []
    if _on(source, "global.general_log") and not _on(source, "session.sql_log_off"):
        reasons.append("general_log is on")
    if _on(source, "global.slow_query_log") and not _without_slow_log(source):
        reasons.append("slow_query_log is on")
    for (plugin,) in source.rows(AUDITS):
        if plugin.upper() != "SERVER_AUDIT" or _on(source, "global.server_audit_logging"):
            reasons.append(f"the audit plugin {plugin} is active")
    if reasons:
        raise SyncError(
            f"Won't hand the key to the source: its logs would keep bound values ({'; '.join(reasons)}). "
            "Read from a replica without these logs, or turn them off for the time of the synchronization."
        )


def _on(source: Any, variable: str) -> bool:
    return str(source.one(f"select @@{variable}")[0]).upper() in ("1", "ON")


def _without_slow_log(source: Any) -> bool:
    if not source.mariadb:
        return False
    try:
        source.run("set session slow_query_log = 0")
    except Exception as exc:
        if not is_error(exc):
            raise
        return False
    return not _on(source, "session.slow_query_log")
