# SPDX-License-Identifier: GPL-3.0-or-later
"""Signed heads of one tree over all streams: what is in the ledger when one is made can't be changed any more without anybody noticing.

Writers don't meet: each stream has its own chain. A checkpoint takes what every stream has got since the one before it, stream after stream by
name, so the order of the leaves is settled then and costs an append nothing.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ansible_collections.evenkeel.release.plugins.module_utils._ledger import verifier
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import ids, proofs
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.schema import archived, entries
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.schema import checkpoints as table
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.signer import Signer
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import Store
from sqlalchemy import Connection, func, insert, select, text

HASH = 32
# So many entries are verified from the first one before each signature, which takes less than a second; a larger ledger from its last checkpoint on.
WHOLE = 100_000


class Made(NamedTuple):
    """A checkpoint. `added` are the entries that it took into the tree; none when there was nothing new, and the note is that of the last one then."""

    note: str
    size: int
    added: int


def make(store: Store, signer: Signer, *, kept: Sequence[str] = (), dry: bool = False) -> Made:
    """Sign everything that the ledger holds now. Refuses when what it holds does not fit what was signed before: a signature would hide that.

    kept: checkpoints that somebody else has, which the ledger must still have; empty ones are none. dry: nothing is signed, and the note is empty
    when it would be.
    """
    trust = verifier.Trust(signer.key)
    _verified(store, trust)
    with store.writing() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('evenkeel:checkpoint', 0))"))
        try:
            walk, last = _known(connection, trust)
            for note in filter(None, kept):
                _still_there(connection, trust.checkpoint(note))
            size = walk.tree.size
            parts = _new(connection, walk)
            for part in parts:
                walk.take(part, _rows(connection, part))
        except verifier.ProofError as exc:
            raise _refused(store, exc) from exc
        if not parts or dry:
            return Made("" if parts else last, walk.tree.size, walk.tree.size - size)
        note = signer.note(verifier.body(signer.key.name, walk.tree.size, walk.tree.root()))
        row = {
            "size": walk.tree.size,
            "time": ids.at(store.now(connection)),
            "parts": json.dumps(parts),
            "roots": b"".join(walk.tree.roots),
            "note": note,
        }
        connection.execute(insert(table), row)
        return Made(note, walk.tree.size, walk.tree.size - size)


def _verified(store: Store, trust: verifier.Trust) -> None:
    reader = Reader(store)
    made = reader.checkpoints()
    if made and verifier.Checkpoint.parse(made[-1][0]).size <= WHOLE:
        try:
            verifier.ledger(reader, trust)
        except verifier.ProofError as exc:
            raise _refused(store, exc) from exc


def _refused(store: Store, exc: verifier.ProofError) -> LedgerError:
    return LedgerError(f"Signing a checkpoint of {store.name} was refused: {exc}. Next: run evenkeel.release.ledger_verify, and keep the store as evidence.")


def _known(connection: Connection, trust: verifier.Trust) -> tuple[verifier.Walk, str]:
    """The tree as the last checkpoint left it, if that one is ours and the roots beside it are those that were signed."""
    walk, last = verifier.Walk(), ""
    for row in connection.execute(select(table.c.size, table.c.parts).order_by(table.c.size)):
        for stream, _first, end in json.loads(row.parts):
            walk.chains[stream] = (end, b"")
    newest = connection.execute(select(table).order_by(table.c.size.desc()).limit(1)).one_or_none()
    if newest is not None:
        signed = trust.checkpoint(newest.note)
        roots = bytes(newest.roots)
        walk.tree = verifier.Frontier(newest.size, [roots[at : at + HASH] for at in range(0, len(roots), HASH)])
        if (walk.tree.size, walk.tree.root()) != (signed.size, signed.root):
            raise verifier.ProofError(f"what the store keeps of the tree of {signed.size} entries is not what was signed")
        last = newest.note
    for stream, (end, _digest) in walk.chains.items():
        digest = connection.execute(select(entries.c.hash).where(entries.c.stream == stream, entries.c.seq == end)).scalar_one_or_none()
        if digest is None:
            digest = connection.execute(select(archived.c.head).where(archived.c.stream == stream, archived.c.last == end)).scalar_one_or_none()
        if digest is None:
            raise verifier.ProofError(f"stream {stream}: entry {end}, which was signed, is gone")
        walk.chains[stream] = (end, bytes(digest))
    return walk, last


def _still_there(connection: Connection, kept: verifier.Checkpoint) -> None:
    note = connection.execute(select(table.c.note).where(table.c.size == kept.size)).scalar_one_or_none()
    if note is None or verifier.Checkpoint.parse(note)[:3] != kept[:3]:
        raise verifier.ProofError(f"the checkpoint of {kept.size} entries that was kept elsewhere is not in it: it was cut off or rewritten")


def _new(connection: Connection, walk: verifier.Walk) -> list[verifier.Part]:
    """What no checkpoint has yet. The heads of streams that grow meanwhile are for the next one."""
    found = connection.execute(select(entries.c.stream, func.max(entries.c.seq).label("end")).group_by(entries.c.stream).order_by(entries.c.stream))
    known = {stream: end for stream, (end, _digest) in walk.chains.items()}
    return [verifier.Part(row.stream, known.get(row.stream, 0) + 1, row.end) for row in found if row.end > known.get(row.stream, 0)]


def _rows(connection: Connection, part: verifier.Part) -> Iterator[Sequence[verifier.Row]]:
    query = select(entries.c.seq, entries.c.bytes, entries.c.hash).where(entries.c.stream == part.stream, entries.c.seq.between(part.first, part.last))
    found = connection.execute(query.order_by(entries.c.seq), execution_options={"yield_per": verifier.CHUNK})
    for rows in found.partitions():
        yield [(row.seq, bytes(row.bytes), bytes(row.hash)) for row in rows]


class Reader:
    """A store as verifier.ledger() reads it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def checkpoints(self) -> list[tuple[str, list[verifier.Part]]]:
        with self._store.reading() as connection:
            rows = connection.execute(select(table.c.note, table.c.parts).order_by(table.c.size)).all()
        return [(row.note, verifier.parts(row.parts)) for row in rows]

    def pieces(self) -> list[verifier.Piece]:
        with self._store.reading() as connection:
            rows = connection.execute(select(*(archived.c[name] for name in verifier.Piece._fields)).order_by(archived.c.stream, archived.c.first)).all()
        return [verifier.Piece(*row)._replace(head=bytes(row.head), leaves=bytes(row.leaves)) for row in rows]

    def rows(self, part: verifier.Part) -> Iterator[Sequence[verifier.Row]]:
        with self._store.reading() as connection:
            yield from _rows(connection, part)


def export(store: Store) -> Iterator[str]:
    """Lines of JSON that verifier.py reads: every entry, signed or not, then what lies in archives, and the checkpoints."""
    for batch in store.raw():
        for row in batch:
            yield line(*row[:4])
    for piece in Reader(store).pieces():
        yield json.dumps({"archived": {**piece._asdict(), "head": piece.head.hex(), "leaves": base64.b64encode(piece.leaves).decode()}})
    for note, taken in Reader(store).checkpoints():
        yield json.dumps({"checkpoint": note, "parts": taken}, ensure_ascii=False)


def line(stream: str, seq: int, data: bytes, digest: bytes) -> str:
    return json.dumps({"stream": stream, "seq": seq, "bytes": bytes(data).decode(), "hash": bytes(digest).hex()}, ensure_ascii=False)


def proof(store: Store, entry_id: str) -> tuple[verifier.Proof, bytes]:
    """That the entry is in the last checkpoint's tree, and its bytes."""
    wanted = store.find(entry_id)
    if wanted is None:
        raise LedgerError(f"There is no entry {entry_id!r} in {store.name}. Next: pass the id of one.")
    made, number, data = Reader(store).checkpoints(), -1, b""
    leaves: list[bytes] = []
    for row in _signed(store, made):
        if (row.stream, row.seq) == (wanted.stream, wanted.seq):
            number, data = len(leaves), row.data
        leaves.append(row.leaf)
    if number < 0:
        raise LedgerError(f"Entry {entry_id} is younger than the last checkpoint of {store.name}. Next: make a checkpoint, then ask again.")
    return verifier.Proof(number, tuple(proofs.inclusion(leaves, number)), made[-1][0]), data


def consistency(store: Store, old: int, new: int) -> list[bytes]:
    """That the tree of so many entries begins with the older one."""
    leaves = [row.leaf for row in _signed(store, Reader(store).checkpoints())][:new]
    if not 0 <= old <= new == len(leaves):
        raise LedgerError(f"{store.name} has no checkpoints of {old} and {new} entries: its last one has {len(leaves)}.")
    return proofs.consistency(leaves, old)


class _Signed(NamedTuple):
    stream: str
    seq: int
    leaf: bytes
    data: bytes  # empty when it lies in an archive


def _signed(store: Store, made: Sequence[tuple[str, Sequence[verifier.Part]]]) -> Iterator[_Signed]:
    """Every entry that a checkpoint took into the tree, in the tree's order."""
    elsewhere = verifier.archives(Reader(store).pieces())
    with store.reading() as connection:
        for part in (part for _note, taken in made for part in taken):
            archive = elsewhere.get(part.stream)
            for seq in range(part.first, min(part.last, archive.last) + 1 if archive else part.first):
                yield _Signed(part.stream, seq, archive.leaves[32 * (seq - 1) : 32 * seq] if archive else b"", b"")
            for rows in _rows(connection, part):
                for seq, data, _digest in rows:
                    yield _Signed(part.stream, seq, verifier.leaf(data), data)
