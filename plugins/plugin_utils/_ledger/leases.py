# SPDX-License-Identifier: GPL-3.0-or-later
"""Locks with an end. Each lives in one row; taking, freeing and taking over are entries of the ledger, in the same transaction."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import ids, process, waiting
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import NewEntry
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LeaseError, LedgerError
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.schema import leases as table
from sqlalchemy import Connection, insert, select, text, update

if TYPE_CHECKING:
    from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import Store

DEFAULT_TTL = 900.0
POLL_SECONDS = 0.5
LEFT_OVER = " (the run is gone, a task of it still runs)"
_SHOWN = ("name", "token", "holder", "host", "pid", "job", "since", "until", "heartbeat", "release", "message")


def acquire(
    store: Store,
    name: str,
    *,
    ttl: float = DEFAULT_TTL,
    wait: float = 0,
    release: str = "",
    message: str = "",
    environment: str = "",
    priority: str = "normal",
    limit: int | None = None,
    pid: int | None = None,
    sleep: Callable[[float], None] = time.sleep,
    monotonic: Callable[[], float] = time.monotonic,
    told: Callable[[str], None] = lambda _text: None,
) -> dict[str, Any]:
    """The lease, with its fencing `token`, and `taken_over_from` when its last holder died or let it expire.

    ttl, wait: seconds. Asking again from the same process renews it under the same token. Whoever waits has a place in a queue; `limit` is how many may
    wait, an emergency not counted, and `told` is called with a text whenever the place changes. Raises LeaseError after `wait`, or when the queue is full.
    """
    owner = os.getpid() if pid is None else pid
    wish = _Wish(name, ttl, release, message, environment, owner, process.started(owner), waiting.PRIORITIES[priority], limit, queues=wait > 0)
    began = monotonic()
    place = 0
    try:
        while True:
            found = _try(store, wish)
            if found["acquired"]:
                return dict(found["lease"])
            waited = monotonic() - began
            if found["full"] or waited >= wait or not process.is_running(owner, wish.begun):
                raise LeaseError(refusal(found["lease"], waited=min(waited, wait), queue=found["ahead"], full=found["full"]), lease=found["lease"])
            if (now := len(found["ahead"]) + 1) != place:
                place = now
                told(f"Place {place} in the queue for {name}. {_holder(found['lease'])}")
            sleep(min(POLL_SECONDS, wait - waited))
    except BaseException:
        if wait > 0:
            with contextlib.suppress(LedgerError), store.writing(durable=False) as connection:
                waiting.leave(connection, name, owner, wish.begun)
        raise


class _Wish(NamedTuple):
    name: str
    ttl: float
    release: str
    message: str
    environment: str
    owner: int
    begun: str
    priority: int
    limit: int | None
    queues: bool


def _try(store: Store, wish: _Wish) -> dict[str, Any]:
    with store.writing() as connection:
        old = _lock(connection, wish.name)
        now = store.now(connection)
        again = bool(old and old["held"] and _is_ours(old, wish.owner, wish.begun))
        lost = _end_of(old, now) if old and old["held"] and not again else ""
        queue = waiting.live(connection, wish.name, now)
        own = waiting.mine(queue, wish.owner, wish.begun)
        ahead = [] if again else waiting.ahead(queue, own, wish.priority)
        if ahead or (old and old["held"] and not again and not lost):
            full = wish.queues and own is None and not wish.priority and wish.limit is not None and len(queue) >= wish.limit
            if wish.queues and not full:
                waiting.join(connection, wish.name, now, own, _queued(store, wish))
            lease = {**shown(old), "held": bool(old["held"])} if old else {"name": wish.name, "held": False}
            return {"acquired": False, "full": full, "ahead": waiting.shown(ahead), "lease": lease}
        waiting.leave(connection, wish.name, wish.owner, wish.begun)
        token = old["token"] if old else 0
        values = {
            **_who(store, wish),
            "token": token if again else token + 1,
            "held": 1,
            "since": old["since"] if old and again else ids.at(now),
            "until": ids.at(now + int(wish.ttl * 1_000_000)),
            "heartbeat": ids.at(now),
        }
        connection.execute(update(table).where(table.c.name == wish.name).values(**values) if old else insert(table).values(name=wish.name, **values))
        lease = shown({"name": wish.name, **values})
        if old and lost:
            lease["taken_over_from"] = {**shown(old), "why": lost}
        if own or wish.priority:
            lease["queue"] = {"since": own["since"] if own else ids.at(now), "overtook": sum(1 for row in queue if row is not own and _before(row, own, now))}
        if not again:
            _record(store, connection, "taken_over" if "taken_over_from" in lease else "acquired", lease, wish.environment)
        return {"acquired": True, "lease": lease}


def _before(row: dict[str, Any], own: dict[str, Any] | None, now: int) -> bool:
    """Whether that one had come earlier."""
    return bool(row["since"] < (own["since"] if own else ids.at(now)))


def _who(store: Store, wish: _Wish) -> dict[str, Any]:
    return {
        "holder": str(store.actor["name"]),
        "host": process.host_name(),
        "host_id": process.host_id(),
        "pid": wish.owner,
        "started": wish.begun,
        "job": str(store.actor.get("job", "")),
        "release": wish.release,
        "message": store.redact(wish.message),
    }


def _queued(store: Store, wish: _Wish) -> dict[str, Any]:
    return {**_who(store, wish), "priority": wish.priority}


def renew(store: Store, name: str, token: int, *, ttl: float = DEFAULT_TTL) -> dict[str, Any]:
    """Not an entry: a heartbeat says nothing that the lease does not. Raises LeaseError when the lease is another's by now."""
    with store.writing(durable=False) as connection:
        row = _ours(connection, name, token, "Renewing")
        now = store.now(connection)
        values = {"heartbeat": ids.at(now), "until": ids.at(now + int(ttl * 1_000_000))}
        connection.execute(update(table).where(table.c.name == name).values(**values))
        return shown({**row, **values})


def hand_over(store: Store, name: str, token: int, *, pid: int, started: str) -> None:
    """To a process that goes on when its run was killed: until it ends nobody else may begin. The lease gets no longer by that."""
    with store.writing(durable=False) as connection:
        row = _ours(connection, name, token, "Handing over")
        message = row["message"] if row["message"].endswith(LEFT_OVER) else f"{row['message']}{LEFT_OVER}"
        connection.execute(update(table).where(table.c.name == name).values(pid=pid, started=started, message=message))


def release(store: Store, name: str, token: int, *, environment: str = "") -> dict[str, Any]:
    with store.writing() as connection:
        row = _ours(connection, name, token, "Releasing")
        now = ids.at(store.now(connection))
        connection.execute(update(table).where(table.c.name == name).values(held=0, until=now, heartbeat=now))
        lease = shown({**row, "until": now, "heartbeat": now})
        _record(store, connection, "released", lease, environment)
        return lease


def find(store: Store, name: str) -> dict[str, Any] | None:
    """The lease while somebody holds it, expired or not."""
    return next((lease for lease in held(store) if lease["name"] == name), None)


def held(store: Store) -> list[dict[str, Any]]:
    """With `stale`, why it may be taken over, and `waiting`, the queue for it."""
    with store.reading() as connection:
        now = store.now(connection)
        rows = connection.execute(select(table).where(table.c.held == 1).order_by(table.c.name)).mappings().all()
        return [{**shown(dict(row)), "stale": _end_of(dict(row), now), "waiting": waiting.seen(connection, row["name"], now)} for row in rows]


def shown(row: dict[str, Any]) -> dict[str, Any]:
    return {key: row[key] for key in _SHOWN}


def refusal(lease: dict[str, Any], *, waited: float, queue: Sequence[dict[str, Any]] = (), full: bool = False) -> str:
    before = ""
    if queue:
        first = queue[0]
        what = "The queue for it is full" if full else "Before this run"
        before = f" {what}: {len(queue)} waiting, the first is {first['holder']} on {first['host']} (pid {first['pid']}) since {first['since']}."
    next_step = "Next: wait for that run to end, or run again with a longer wait; a lease of a run that died is taken over by itself."
    return f"{_holder(lease)} Waited {waited:g} s.{before} {next_step}"


def _holder(lease: dict[str, Any]) -> str:
    if not lease.get("held", True):
        return f"The lease {lease['name']} is free and goes to who has waited longest."
    job = f", job {lease['job']}" if lease["job"] else ""
    release_text = f" for release {lease['release']}" if lease["release"] else ""
    return (
        f"The lease {lease['name']} is held by {lease['holder']} on {lease['host']} (pid {lease['pid']}{job}){release_text}"
        f" since {lease['since']}: {lease['message'] or 'no reason given'}. It lasts until {lease['until']} and is renewed"
        f" while that run lives (last heartbeat {lease['heartbeat']})."
    )


def _lock(connection: Connection, name: str) -> dict[str, Any] | None:
    """The row, for this transaction alone. SQLite has one writer anyway; PostgreSQL also has to hold off a second first holder."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 1))"), {"key": f"evenkeel:lease:{name}"})
    row = connection.execute(select(table).where(table.c.name == name)).mappings().one_or_none()
    return dict(row) if row else None


def _ours(connection: Connection, name: str, token: int, doing: str) -> dict[str, Any]:
    row = _lock(connection, name)
    if row and row["held"] and row["token"] == token:
        return row
    fault = "nobody holds it"
    if row and row["held"]:
        fault = f"{row['holder']} on {row['host']} holds it with token {row['token']} since {row['since']}"
    raise LeaseError(
        f"{doing} the lease {name} with token {token} was refused: {fault}. This run lost it; it must not change anything more."
        " Next: see the ledger for who took over, then run evenkeel.release.recover.",
        lease=shown(row) if row else {"name": name},
    )


def _is_ours(row: dict[str, Any], owner: int, begun: str) -> bool:
    return bool(row["host_id"] == process.host_id() and row["pid"] == owner and row["started"] == begun)


def _end_of(row: dict[str, Any], now: int) -> str:
    """Why a held lease may be taken over; empty when it may not."""
    if ids.microseconds(row["until"]) <= now:
        return f"it expired at {row['until']}"
    if row["host_id"] == process.host_id() and not process.is_running(row["pid"], row["started"]):
        return f"its process {row['pid']} on {row['host']} is gone"
    return ""


def _record(store: Store, connection: Connection, event: str, lease: dict[str, Any], environment: str) -> None:
    # "token" is a word for secrets, and this number is none.
    body = {"event": event, "lease": lease["name"], "fence": lease["token"], "until": lease["until"], "message": lease["message"]}
    body |= {"host": lease["host"], "pid": lease["pid"]}
    if queue := lease.get("queue"):
        body["queue"] = queue
    if last := lease.get("taken_over_from"):
        body["taken_over_from"] = {("fence" if key == "token" else key): value for key, value in last.items()}
    entry = NewEntry(kind="lease", phase="fact", environment=environment, release=lease["release"], subject=lease["name"], body=body)
    store.append_in(connection, [store.clean(entry)])
