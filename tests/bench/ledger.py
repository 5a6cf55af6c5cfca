# SPDX-License-Identifier: GPL-3.0-or-later
"""Appending and verifying, against what bare Python does with the same bytes."""

from __future__ import annotations

import hashlib
import json
import os
import time
from contextlib import closing
from typing import TYPE_CHECKING

import rfc8785
from ansible_collections.evenkeel.release.plugins.module_utils._ledger import verifier
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import checkpoints
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import NewEntry
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.signer import Signer
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import open_store
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.verify import verify
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

if TYPE_CHECKING:
    from ._runner import Bench

EVENTS, BATCH = int(os.environ.get("EVENKEEL_BENCH_ENTRIES", "50000")), 1000


def _body(number: int) -> dict[str, object]:
    return {"host": f"web{number % 50:02}", "task": "Install the packages", "action": "ansible.builtin.package", "status": "ok", "changed": False, "ms": number}


def run(bench: Bench) -> None:
    new = [NewEntry("task", "fact", environment="staging", stream="audit", body=_body(number)) for number in range(EVENTS)]
    store = open_store(f"sqlite:///{bench.tmp}/ledger/bench.sqlite")

    def append() -> float:
        began = time.perf_counter()
        for first in range(0, EVENTS, BATCH):
            store.append(new[first : first + BATCH], durable=False)
        return EVENTS / (time.perf_counter() - began)

    def bare_append() -> float:
        previous, began = bytes(32), time.perf_counter()
        for entry in new:
            data = json.dumps({"actor": {"name": "x", "source": "os"}, "body": entry.body, "stream": "audit"}, sort_keys=True).encode()
            previous = hashlib.sha256(previous + data).digest()
        return EVENTS / (time.perf_counter() - began)

    bench.row("append events/s, batches of 1000", ours=append, reference=bare_append, bar=0.1, better="higher", unit="/s")
    rows = [bytes(row[2]) for batch in store.raw() for row in batch]

    def whole() -> None:
        assert verify(store).ok

    def bare_hash() -> None:
        previous = bytes(32)
        for data in rows:
            previous = hashlib.sha256(previous + data).digest()

    def reserialise() -> None:
        previous = bytes(32)
        for batch in store.raw():
            for row in batch:
                previous = hashlib.sha256(previous + rfc8785.dumps(json.loads(row[2]))).digest()

    bench.row("verify, against one bare SHA-256 pass in memory", ours=whole, reference=bare_hash, bar=12, unit="s")
    bench.row("verify, against re-serialising every entry", ours=whole, reference=reserialise, bar=0.25, unit="s")
    signer = Signer.load("bench", Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode())
    assert checkpoints.make(store, signer).size == len(rows)

    def signed() -> None:
        with closing(verifier.Sqlite(str(store.url.database))) as place:
            assert verifier.ledger(place, verifier.Trust(signer.key))[0].size == len(rows)

    bench.row("verify chain and tree of a file, against one bare SHA-256 pass in memory", ours=signed, reference=bare_hash, bar=5, unit="s")
    store.close()
