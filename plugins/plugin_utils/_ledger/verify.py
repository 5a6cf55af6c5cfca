# SPDX-License-Identifier: GPL-3.0-or-later
"""Proof that the ledger holds what was written: one pass over the stored bytes, no parsing, no serializing."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import canonical, state
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import Head, Store

MAX_FAULTS = 100


class Fault(NamedTuple):
    stream: str
    seq: int
    id: str
    what: str

    def __str__(self) -> str:
        return f"stream {self.stream}, entry {self.seq} ({self.id or 'no id'}): {self.what}"


@dataclass
class Report:
    """`entries` counts all rows; `heads` are what to remember for the next verification."""

    entries: int = 0
    heads: dict[str, Head] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.faults

    def as_dict(self) -> dict[str, Any]:
        return {
            "entries": self.entries,
            "heads": {name: head._asdict() for name, head in self.heads.items()},
            "faults": [{**fault._asdict(), "text": str(fault)} for fault in self.faults],
        }


@dataclass
class _Stream:
    name: str
    seq: int = 0
    id: str = ""
    time: str = ""
    hash: bytes = canonical.GENESIS
    expected: Mapping[str, Any] | None = None


def verify(store: Store, *, expect: Mapping[str, Mapping[str, Any]] | None = None, batch: int = 5000) -> Report:
    """Every stream from its first entry. `expect` are heads remembered from before, {stream: {seq, hash}}: without them a
    tail that was cut off leaves no trace in the store itself."""
    report, stream, expect = Report(), _Stream(""), dict(expect or {})
    archives = store.archives()
    for rows in store.raw(batch=batch):
        report.entries += len(rows)
        for row in rows:
            if row[0] != stream.name:
                stream = _begin(report, stream, row[0], expect, archives)
            _check(report, stream, row)
    _begin(report, stream, "", expect, archives)
    for name, head in expect.items():
        _fault(report, name, int(head["seq"]), str(head.get("id", "")), "the whole stream is gone; its head was remembered")
    if report.ok:  # else it could not be read, and more faults would say nothing new
        with store.reading() as connection:
            for what in state.faults(connection):
                _fault(report, "evenkeel_state", 0, "", f"the memory aid of how things stand differs from the entries: {what}")
    return report


def _begin(report: Report, done: _Stream, name: str, expect: dict[str, Mapping[str, Any]], archives: Mapping[str, tuple[int, bytes]]) -> _Stream:
    if done.name:
        report.heads[done.name] = Head(done.name, done.seq, done.id, done.time, done.hash.hex())
        if done.expected is not None and int(done.expected["seq"]) > done.seq:
            what = f"the tail was cut off: the last entry is {done.seq}, the remembered head is {done.expected['seq']}"
            _fault(report, done.name, int(done.expected["seq"]), str(done.expected.get("id", "")), what)
    seq, digest = archives.get(name, (0, canonical.GENESIS))
    return _Stream(name, seq=seq, hash=digest, expected=expect.pop(name, None))


def _check(report: Report, stream: _Stream, row: Any) -> None:
    name, seq, data, stored, entry_id, time = row[:6]
    if seq != stream.seq + 1:
        lost = f"entry {stream.seq + 1} is" if seq == stream.seq + 2 else f"entries {stream.seq + 1} to {seq - 1} are"
        _fault(report, name, stream.seq + 1, "", f"{lost} missing before {entry_id}")
    digest = hashlib.sha256(stream.hash + data).digest()
    if digest != stored and (seq == stream.seq + 1 or not data.endswith(_tail(row))):
        _fault(report, name, seq, entry_id, _what_changed(data, seq, entry_id))
    elif not data.endswith(_tail(row)):
        _fault(report, name, seq, entry_id, "a column differs from the entry's bytes: " + _columns(row))
    elif stream.expected is not None and int(stream.expected["seq"]) == seq and stored.hex() != stream.expected["hash"]:
        _fault(report, name, seq, entry_id, "it is not the remembered head: the stream was rewritten at or before this entry")
    # Going on from the stored hash names each damaged entry once, not all that follow it.
    stream.seq, stream.id, stream.time, stream.hash = seq, entry_id, time, bytes(stored)


def _tail(row: Any) -> bytes:
    """How the canonical bytes must end: the indexed columns are the last members of the object, sorted by name."""
    name, seq, _data, _stored, entry_id, time, kind, phase, environment, release, subject = row
    return (
        f',"environment":{_text(environment)},"id":"{entry_id}","kind":{_text(kind)},"phase":{_text(phase)},"release":{_text(release)}'
        f',"seq":{seq},"stream":{_text(name)},"subject":{_text(subject)},"time":"{time}"}}'
    ).encode(errors="surrogatepass")


@functools.lru_cache(maxsize=4096)
def _text(value: str) -> str:
    return canonical.dumps(value).decode()


def _what_changed(data: bytes, seq: int, entry_id: str) -> str:
    try:
        content = json.loads(data)
        own = (content["seq"], content["id"])
    except (ValueError, KeyError, TypeError):
        return "its bytes were changed; they are no longer an entry"
    if own != (seq, entry_id):
        return f"another entry's bytes stand here ({own[1]}, entry {own[0]}): entries were swapped or inserted"
    return "its bytes or its hash were changed, or an entry before it was replaced"


def _columns(row: Any) -> str:
    try:
        content = json.loads(row[2])
    except ValueError:
        return "the bytes can't be read"
    names = ("stream", "seq", None, None, "id", "time", "kind", "phase", "environment", "release", "subject")
    pairs = [(name, value, content.get(name)) for name, value in zip(names, row, strict=True) if name]
    return ", ".join(f"{name} is {value!r}, was written as {written!r}" for name, value, written in pairs if value != written) or "the form of the bytes"


def _fault(report: Report, *fields: Any) -> None:
    if len(report.faults) < MAX_FAULTS:
        report.faults.append(Fault(*fields))
