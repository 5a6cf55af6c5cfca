# SPDX-License-Identifier: GPL-3.0-or-later
"""The beginning of a stream moves into a file. Its leaves stay, so every checkpoint, old and new, verifies as before; the file proves itself by them.

Only what tasks did is moved: decisions stay, since every view is made of them.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.module_utils._ledger import verifier
from ansible_collections.evenkeel.release.plugins.plugin_utils import _files
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import checkpoints
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.canonical import GENESIS
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import NewEntry
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.schema import archived
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.schema import entries as table
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import Store
from sqlalchemy import Connection, delete, func, insert, select

KINDS = ("task", "play", "run")
LARGEST = 50_000  # entries of one file


class Archived(NamedTuple):
    file: str
    first: int
    last: int
    sha256: str


def move(store: Store, stream: str, *, before: str, folder: Path, key: verifier.Key, dry: bool = False) -> list[Archived]:
    """before: RFC 3339 in UTC with six digits, as entries have it. key: that of the checkpoints, since only what was signed is moved."""
    try:
        _checkpoint, walk = verifier.ledger(checkpoints.Reader(store), verifier.Trust(key))
    except verifier.ProofError as exc:
        raise LedgerError(f"Nothing was archived: {exc}. Next: run evenkeel.release.ledger_verify.") from exc
    signed = walk.chains.get(stream, (0, b""))[0]
    seq, head = store.archives().get(stream, (0, GENESIS))
    moved = []
    while (last := _until(store, stream, seq, before, signed)) > seq:
        made = Archived(f"{stream.replace(':', '_')}-{seq + 1:012d}-{last:012d}.jsonl", seq + 1, last, "")
        if not dry:
            made, head = _piece(store, stream, made, head, folder)
        moved.append(made)
        seq = last
    return moved


def _until(store: Store, stream: str, seq: int, before: str, signed: int) -> int:
    """The last entry that may go now. The newest one of a stream stays, as the one that the next follows."""
    with store.reading() as connection:
        newest = connection.execute(select(func.max(table.c.seq)).where(table.c.stream == stream)).scalar_one() or 0
        range_ = (table.c.stream == stream, table.c.seq > seq)
        stays = select(func.min(table.c.seq)).where(*range_, (table.c.kind.not_in(KINDS)) | (table.c.time >= before))
        first = connection.execute(stays).scalar_one()
    end = min(signed, newest - 1, seq + LARGEST)
    return max(seq, end if first is None else min(end, first - 1))


def _piece(store: Store, stream: str, made: Archived, head: bytes, folder: Path) -> tuple[Archived, bytes]:
    part = verifier.Part(stream, made.first, made.last)
    rows = [row for batch in checkpoints.Reader(store).rows(part) for row in batch]
    walk = verifier.Walk(chains={stream: (made.first - 1, head)})
    try:
        walk.take(part, [rows])
    except verifier.ProofError as exc:
        raise LedgerError(f"Nothing more was archived: {exc}. Next: run evenkeel.release.ledger_verify.") from exc
    made = made._replace(sha256=_write(folder / made.file, stream, rows))
    piece = verifier.Piece(stream, made.first, made.last, rows[-1][2], b"".join(verifier.leaf(row[1]) for row in rows), made.file, made.sha256)
    fact = NewEntry("archive", "fact", subject=stream, body=made._asdict())
    ready = [store.clean(fact)]
    with store.writing() as connection:
        store.append_in(connection, ready)
        _take(connection, piece)
    return made, rows[-1][2]


def _take(connection: Connection, piece: verifier.Piece) -> None:
    connection.execute(insert(archived), piece._asdict())
    gone = connection.execute(delete(table).where(table.c.stream == piece.stream, table.c.seq.between(piece.first, piece.last)))
    if gone.rowcount != piece.last - piece.first + 1:
        raise LedgerError(f"Archiving {piece.file} was given up: {gone.rowcount} entries were there. Somebody archives the same stream. Nothing was removed.")


def _write(path: Path, stream: str, rows: Sequence[Any]) -> str:
    """It is on the disk, under its name, before anything is removed. One of a run that was killed is the same, byte for byte."""
    text = "".join(f"{checkpoints.line(stream, *row)}\n" for row in rows)
    digest = hashlib.sha256(text.encode()).hexdigest()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and _files.differs(path, text):
            raise LedgerError(f"{path} is there with other content. Nothing was removed. Next: name another folder.")
        _files.write(path, text, mode=0o600)
        descriptor = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as exc:
        raise LedgerError(f"Writing the archive {path} failed: {exc}. Nothing was removed. Next: make that folder writable, with room.") from exc
    return digest
