# SPDX-License-Identifier: GPL-3.0-or-later
"""What the database administrator may try after a checkpoint was signed, seen by the auditor's program, which is run as he would run it."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._ledger import verifier
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import canonical, checkpoints, proofs
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import NewEntry
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.signer import Signer
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import Store, open_store
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

NAME = "ledger.example/production"


def made_signer(name: str = NAME) -> Signer:
    return Signer.load(name, Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode())


@pytest.fixture(scope="module")
def signer() -> Signer:
    return made_signer()


def write(store: Store, stream: str, count: int) -> None:
    store.append([NewEntry("switch", "fact", environment="staging", subject=f"s{number}", body={"t": "héllo"}, stream=stream) for number in range(count)])


@pytest.fixture
def store(tmp_path: Path, signer: Signer) -> Iterator[Store]:
    """Two streams that grew in turn, two checkpoints, and entries after them."""
    with open_store(f"sqlite:///{tmp_path}/ledger.sqlite", actor={"name": "ada", "source": "os"}) as opened:
        write(opened, "main", 5)
        write(opened, "audit", 3)
        assert checkpoints.make(opened, signer)[1:] == (8, 8)
        write(opened, "audit", 4)
        write(opened, "main", 2)
        write(opened, "runner-2", 1)
        assert checkpoints.make(opened, signer)[1:] == (15, 7)
        write(opened, "main", 1)
        yield opened


def path(store: Store) -> str:
    return str(store.url.database)


def audit(*args: str) -> subprocess.CompletedProcess[str]:
    """As a file of its own: neither Ansible nor the collection can be imported."""
    return subprocess.run([sys.executable, "-I", verifier.__file__, *args], capture_output=True, text=True, check=False, cwd="/")


def last(store: Store) -> str:
    return checkpoints.Reader(store).checkpoints()[-1][0]


def test_what_was_signed_verifies(store: Store, signer: Signer) -> None:
    found = audit("ledger", path(store), "--key", str(signer.key))
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout == f"verified: 15 entries in 3 streams are what {NAME} signed\n"
    checkpoint, walk = verifier.ledger(checkpoints.Reader(store), verifier.Trust(signer.key))
    assert (checkpoint.size, {name: end for name, (end, _hash) in walk.chains.items()}) == (15, {"main": 7, "audit": 7, "runner-2": 1})


def test_the_root_is_that_of_all_entries_in_their_order(store: Store, signer: Signer) -> None:
    rows = {(row[0], row[1]): bytes(row[2]) for batch in store.raw() for row in batch}
    order = [("audit", 1, 3), ("main", 1, 5), ("audit", 4, 7), ("main", 6, 7), ("runner-2", 1, 1)]
    leaves = [verifier.leaf(rows[stream, seq]) for stream, first, end in order for seq in range(first, end + 1)]
    assert verifier.Checkpoint.parse(last(store)).root == proofs.root(leaves)


def test_nothing_new_is_nothing_to_sign(store: Store, signer: Signer) -> None:
    assert checkpoints.make(store, signer)[1:] == (16, 1)
    assert checkpoints.make(store, signer) == (last(store), 16, 0)


def test_an_export_verifies_as_the_store(store: Store, signer: Signer, tmp_path: Path) -> None:
    lines = list(checkpoints.export(store))
    (tmp_path / "export").write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert audit("ledger", str(tmp_path / "export"), "--key", str(signer.key)).stdout.startswith("verified: 15 entries")
    (tmp_path / "export").write_text("\n".join(lines).replace("héllo", "hello", 1) + "\n", encoding="utf-8")
    assert audit("ledger", str(tmp_path / "export"), "--key", str(signer.key)).returncode == 1
    (tmp_path / "export").write_text("{}\n")
    assert "line 1 is no line of an export" in audit("ledger", str(tmp_path / "export"), "--key", str(signer.key)).stderr


def test_a_proof_of_each_entry(store: Store, signer: Signer, tmp_path: Path) -> None:
    entries = store.entries()
    for entry in entries[:-1]:
        proof, data = checkpoints.proof(store, entry.id)
        (tmp_path / "proof").write_text(str(proof))
        (tmp_path / "entry").write_bytes(data)
        assert json.loads(data)["id"] == entry.id
        assert proof.verify(data, verifier.Trust(signer.key)).size == 15
    assert audit("proof", str(tmp_path / "proof"), "--entry", str(tmp_path / "entry"), "--key", str(signer.key)).stdout.startswith(
        "verified: the entry is number"
    )
    (tmp_path / "entry").write_bytes(data + b" ")
    assert "the entry is not number" in audit("proof", str(tmp_path / "proof"), "--entry", str(tmp_path / "entry"), "--key", str(signer.key)).stderr
    with pytest.raises(LedgerError, match="younger than the last checkpoint"):
        checkpoints.proof(store, entries[-1].id)


# --- attacks ----------------------------------------------------------------------------------------------------------
def tamper(store: Store, *statements: tuple[str, tuple[object, ...]] | str) -> None:
    connection = sqlite3.connect(path(store), isolation_level=None)
    for (trigger,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {trigger}")
    for statement in statements:
        connection.execute(*([statement] if isinstance(statement, str) else statement))
    connection.close()


def rehash(store: Store, stream: str) -> None:
    """The chain is made to fit again: whoever may write may do that."""
    connection, before = sqlite3.connect(path(store), isolation_level=None), verifier.GENESIS
    for seq, data in connection.execute("SELECT seq, bytes FROM evenkeel_entries WHERE stream = ? ORDER BY seq", (stream,)).fetchall():
        before = canonical.link(before, data)
        connection.execute("UPDATE evenkeel_entries SET hash = ? WHERE stream = ? AND seq = ?", (before, stream, seq))
    connection.close()


def edit(store: Store) -> None:
    tamper(store, "UPDATE evenkeel_entries SET bytes = CAST(replace(CAST(bytes AS TEXT), 's1', 's9') AS BLOB) WHERE stream = 'main' AND seq = 2")


def edit_and_rehash(store: Store) -> None:
    edit(store)
    rehash(store, "main")


def delete(store: Store) -> None:
    tamper(store, "DELETE FROM evenkeel_entries WHERE stream = 'main' AND seq = 3")


def delete_and_close(store: Store) -> None:
    delete(store)
    tamper(store, "UPDATE evenkeel_entries SET seq = seq - 1 WHERE stream = 'main' AND seq > 3")
    rehash(store, "main")


def insert(store: Store) -> None:
    tamper(
        store,
        "UPDATE evenkeel_entries SET seq = -seq - 1 WHERE stream = 'main' AND seq > 3",
        "UPDATE evenkeel_entries SET seq = -seq WHERE stream = 'main' AND seq < 0",
        "INSERT INTO evenkeel_entries SELECT stream, 4, 'x', time, kind, phase, environment, release, subject, bytes, hash"
        " FROM evenkeel_entries WHERE stream = 'main' AND seq = 3",
    )
    rehash(store, "main")


def swap(store: Store) -> None:
    tamper(
        store,
        "UPDATE evenkeel_entries SET seq = -1 WHERE stream = 'main' AND seq = 2",
        "UPDATE evenkeel_entries SET seq = 2 WHERE stream = 'main' AND seq = 3",
        "UPDATE evenkeel_entries SET seq = 3 WHERE stream = 'main' AND seq = -1",
    )
    rehash(store, "main")


def cut(store: Store) -> None:
    tamper(store, "DELETE FROM evenkeel_entries WHERE stream = 'main' AND seq > 5")


def cut_with_its_checkpoint(store: Store) -> None:
    cut(store)
    tamper(store, "DELETE FROM evenkeel_checkpoints WHERE size > 8")


def one_stream_less(store: Store) -> None:
    tamper(store, "DELETE FROM evenkeel_entries WHERE stream = 'runner-2'")


def other_parts(store: Store) -> None:
    """Another stream's entries are said to be the signed ones."""
    tamper(store, ("UPDATE evenkeel_checkpoints SET parts = ? WHERE size = 15", (json.dumps([["audit", 4, 7], ["main", 6, 8]]),)))


def no_parts(store: Store) -> None:
    tamper(store, "UPDATE evenkeel_checkpoints SET parts = '[]' WHERE size = 15")


def all_checkpoints(store: Store) -> None:
    tamper(store, "DELETE FROM evenkeel_checkpoints")


ATTACKS = [edit, edit_and_rehash, delete, delete_and_close, insert, swap, cut, cut_with_its_checkpoint, one_stream_less, other_parts, no_parts, all_checkpoints]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_an_attack_is_seen_with_the_last_checkpoint_alone(store: Store, signer: Signer, tmp_path: Path, attack: Callable[[Store], None]) -> None:
    (tmp_path / "kept").write_text(last(store), encoding="utf-8")
    args = ("ledger", path(store), "--key", str(signer.key), "--checkpoint", str(tmp_path / "kept"))
    assert audit(*args).returncode == 0
    attack(store)
    found = audit(*args)
    assert (found.returncode, found.stdout) == (1, "")
    assert found.stderr.startswith("NOT VERIFIED: ")


@pytest.mark.parametrize("attack", [edit, delete, cut, one_stream_less, other_parts, no_parts], ids=lambda attack: attack.__name__)
def test_what_is_kept_beside_the_entries_shows_the_clumsy_ones(store: Store, signer: Signer, attack: Callable[[Store], None]) -> None:
    attack(store)
    assert audit("ledger", path(store), "--key", str(signer.key)).returncode == 1


def test_a_fork_is_seen_by_whoever_kept_a_checkpoint(store: Store, signer: Signer, tmp_path: Path) -> None:
    """The ledger's own key signs another history from the beginning, as somebody could who has both."""
    (tmp_path / "kept").write_text(last(store), encoding="utf-8")
    all_checkpoints(store)
    edit_and_rehash(store)
    checkpoints.make(store, signer)
    assert audit("ledger", path(store), "--key", str(signer.key)).returncode == 0
    found = audit("ledger", path(store), "--key", str(signer.key), "--checkpoint", str(tmp_path / "kept"))
    assert "the ledger has no checkpoint of that size: it was cut off or rewritten" in found.stderr


@pytest.mark.parametrize("attack", [one_stream_less, cut], ids=lambda attack: attack.__name__)
@pytest.mark.parametrize("whole", [0, checkpoints.WHOLE])
def test_no_signature_hides_what_was_taken_away(
    store: Store, signer: Signer, attack: Callable[[Store], None], whole: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither of a ledger that is small enough to be verified each time, nor of a larger one."""
    monkeypatch.setattr(checkpoints, "WHOLE", whole)
    attack(store)
    write(store, "audit", 1)
    with pytest.raises(LedgerError, match=r"Signing a checkpoint of .* was refused: stream .*(which was signed, is gone|the entries from \d to \d are gone)"):
        checkpoints.make(store, signer)


def test_no_signature_of_a_tree_that_was_not_signed(store: Store, signer: Signer) -> None:
    tamper(store, ("UPDATE evenkeel_checkpoints SET roots = ? WHERE size = 15", (bytes(4 * 32),)))
    with pytest.raises(LedgerError, match="what the store keeps of the tree of 15 entries is not what was signed"):
        checkpoints.make(store, signer)
    tamper(store, ("UPDATE evenkeel_checkpoints SET roots = ? WHERE size = 15", (bytes(32),)))
    with pytest.raises(LedgerError, match="complete subtrees"):
        checkpoints.make(store, signer)


def test_no_signature_under_that_of_another_key(store: Store) -> None:
    with pytest.raises(LedgerError, match=f"is not signed by {NAME}"):
        checkpoints.make(store, made_signer())


def test_a_new_entry_must_follow_those_that_were_signed(store: Store, signer: Signer) -> None:
    tamper(store, ("UPDATE evenkeel_entries SET hash = ? WHERE stream = 'main' AND seq = 8", (bytes(32),)))
    with pytest.raises(LedgerError, match="stream main, entry 8: its bytes or its hash were changed"):
        checkpoints.make(store, signer)


def test_the_checkpoints_are_append_only_too(store: Store) -> None:
    connection = sqlite3.connect(path(store), isolation_level=None)
    for statement in ("UPDATE evenkeel_checkpoints SET note = ''", "DELETE FROM evenkeel_checkpoints"):
        with pytest.raises(sqlite3.IntegrityError, match="the ledger is append-only"):
            connection.execute(statement)
    connection.close()
