# SPDX-License-Identifier: GPL-3.0-or-later
"""A ledger for an emergency: a file that takes entries while the store can't be reached, and gives them back later as they were written.

What it takes goes into streams of its own, so merging moves whole chains: no hash is made anew, and nobody else has ever written to them.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.module_utils._ledger import verifier
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import checkpoints, state, verify, views
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import NewEntry
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.schema import entries as table
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.signer import Signer
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import Head, Store
from sqlalchemy import Connection, insert, select, text

BATCH = 1000
COLUMNS = ("id", "stream", "seq", "time", "kind", "phase", "environment", "release", "subject")
# Acts of two controllers on one environment at the same time: somebody has to look at them.
ACTING = (*views.DEPLOYING, "provision", "teardown", "data_sync", "migration", "flag", "switch")


class Merged(NamedTuple):
    """entries: how many were new to the store. conflicts: ids of what the store took meanwhile for the same environments."""

    stream: str
    entries: int
    conflicts: tuple[str, ...]


def key_of(ledger: verifier.Key, prefix: str) -> verifier.Key:
    """A spool signs with the ledger's key under a name of its own: two trees of one name would look like a forged history."""
    return ledger._replace(name=f"{ledger.name}/{prefix}")


def sign(store: Store, signer: Signer, *, dry: bool = False) -> checkpoints.Made:
    return checkpoints.make(store, signer._replace(key=key_of(signer.key, store.prefix)), dry=dry)


def streams(spool: Store) -> dict[str, Head]:
    """Those that it has taken itself, not those of the copy."""
    return {name: head for name, head in spool.heads().items() if name.startswith(f"{spool.prefix}:")}


def begin(store: Store, *, reason: str, signer: Signer, copied: int, instead_of: str) -> None:
    """Makes a new file a spool. `store` holds nothing but what was copied."""
    prefix = f"spool.{secrets.token_hex(4)}"
    with store.writing() as connection:
        connection.execute(text("CREATE TABLE evenkeel_spool (prefix TEXT NOT NULL)"))
        connection.execute(text("INSERT INTO evenkeel_spool VALUES (:prefix)"), {"prefix": prefix})
    store.prefix = prefix
    store.append([NewEntry(kind="spool", phase="fact", body={"state": "opened", "reason": reason, "copied": copied, "instead_of": instead_of})])
    sign(store, signer)


def copy(store: Store, lines: verifier.Export, trust: verifier.Trust) -> int:
    """Takes over what an export says, which must be what was signed. Entries that are younger than its last checkpoint have their chain only."""
    verifier.ledger(lines, trust)
    taken = 0
    with store.writing() as connection:
        for stream, rows in lines.streams():
            for batch in _batches([_row(stream, *row) for row in rows]):
                connection.execute(insert(table), batch)
                taken += len(batch)
        state.rebuild(connection)
    found = verify.verify(store)
    if not found.ok:
        raise LedgerError(f"The copy of the ledger is damaged: {found.faults[0]}. Next: name a younger or an older copy.")
    return taken


def merge(spool: Store, store: Store, key: verifier.Key) -> Merged:
    """key: that of the ledger. Moves the streams of the spool into the store, all or nothing; what is there already stays, so that it may be done again."""
    prefix = spool.prefix
    if not prefix:
        raise LedgerError(f"{spool.name} is no spool: nothing was merged. Next: name the file that ledger_spool made.")
    try:
        checkpoint, walk = verifier.ledger(checkpoints.Reader(spool), verifier.Trust(key_of(key, prefix)))
    except verifier.ProofError as exc:
        raise LedgerError(f"The spool {spool.name} was not merged: {exc}. Next: keep the file as evidence.") from exc
    heads = streams(spool)
    unsigned = sorted(name for name, head in heads.items() if walk.chains.get(name, (0, b""))[0] < head.seq)
    if unsigned or not heads:
        raise LedgerError(f"The spool {spool.name} was not merged: not all of its entries are signed. Next: close it where its key is, then merge it.")
    with store.writing() as connection:
        added = sum(_add(connection, store, rows) for name in heads for rows in _read(spool, name))
        if added:
            state.rebuild(connection)
    conflicts = _conflicts(spool, store, heads)
    if added:
        body = {
            "state": "merged",
            "stream": prefix,
            "entries": added,
            "signed": {"name": checkpoint.origin, "size": checkpoint.size, "root": checkpoint.root.hex()},
            "conflicts": list(conflicts),
        }
        store.append([NewEntry(kind="spool", phase="fact", subject=prefix, body=body)])
    return Merged(prefix, added, conflicts)


def _conflicts(spool: Store, store: Store, streams: Iterable[str]) -> tuple[str, ...]:
    own = [entry for stream in streams for entry in spool.entries(stream=stream)]
    ids, touched = {entry.id for entry in own}, {entry.environment for entry in own if entry.kind in ACTING}
    meanwhile = store.entries(kind=ACTING, after=min(ids))  # ids sort by time
    return tuple(entry.id for entry in meanwhile if entry.environment in touched and entry.id not in ids)


def _read(store: Store, stream: str) -> Iterator[Sequence[dict[str, Any]]]:
    query = select(*(table.c[name] for name in (*COLUMNS, "bytes", "hash"))).where(table.c.stream == stream).order_by(table.c.seq)
    with store.reading() as connection:
        for rows in connection.execution_options(yield_per=BATCH).execute(query).partitions():
            yield [dict(row._mapping) for row in rows]


def _add(connection: Connection, store: Store, rows: Sequence[Mapping[str, Any]]) -> int:
    stream, first, last = rows[0]["stream"], rows[0]["seq"], rows[-1]["seq"]
    store.lock(connection, stream)
    there = select(table.c.seq, table.c.hash).where(table.c.stream == stream, table.c.seq.between(first, last))
    known = {row.seq: bytes(row.hash) for row in connection.execute(there)}
    forked = [row["seq"] for row in rows if known.get(row["seq"], bytes(row["hash"])) != bytes(row["hash"])]
    if forked:
        raise LedgerError(f"The spool was not merged: entry {forked[0]} of {stream} is in {store.name} with other content. Next: keep both as evidence.")
    new = [row for row in rows if row["seq"] not in known]
    if new:
        connection.execute(insert(table), new)
    return len(new)


def _row(stream: str, seq: int, data: bytes, digest: bytes) -> dict[str, Any]:
    said = json.loads(data)
    return {**{name: said[name] for name in COLUMNS}, "stream": stream, "seq": seq, "bytes": data, "hash": digest}


def _batches(rows: Sequence[dict[str, Any]]) -> Iterable[list[dict[str, Any]]]:
    return (list(rows[at : at + BATCH]) for at in range(0, len(rows), BATCH))
