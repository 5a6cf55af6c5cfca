# SPDX-License-Identifier: GPL-3.0-or-later
"""Old entries of the audit trail move into files, on both stores, and an auditor still verifies everything."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._ledger import verifier
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import archive, checkpoints
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import NewEntry
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.signer import Signer
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.verify import verify
from sqlalchemy import text

NAME, EVER = "ledger.example/production", "2999-01-01T00:00:00.000000Z"


@pytest.fixture
def signer(tmp_path):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")], check=True)
    return Signer.load(NAME, (tmp_path / "key").read_text())


def fill(store, first, count):
    store.append([NewEntry("task", "fact", subject=f"host{number}", body={"n": number}, stream="audit") for number in range(first, first + count)])
    store.append([NewEntry("gate", "fact", subject=f"g{first}")])


@pytest.fixture
def signed(store, signer):
    """Twelve tasks in two checkpoints, and three that nobody has signed."""
    fill(store, 0, 7)
    checkpoints.make(store, signer)
    fill(store, 7, 5)
    checkpoints.make(store, signer)
    fill(store, 12, 3)
    return store


def audit(store, signer, folder, *words):
    """By the auditor's program, from an export, so that both stores are seen by it."""
    lines = folder / "ledger.jsonl"
    lines.write_text("".join(f"{line}\n" for line in checkpoints.export(store)))
    argv = [sys.executable, "-I", verifier.__file__, "ledger", str(lines), "--key", str(signer.key), *words]
    return subprocess.run(argv, capture_output=True, text=True, check=False, cwd="/")


def test_every_checkpoint_verifies_as_before(signed, signer, tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "LARGEST", 5)  # several files, whose ends are not those of the checkpoints
    before = audit(signed, signer, tmp_path).stdout
    hashes = [entry.hash for entry in signed.entries(stream="audit")]
    folder = tmp_path / "archive"
    moved = archive.move(signed, "audit", before=EVER, folder=folder, key=signer.key)
    assert [(piece.first, piece.last) for piece in moved] == [(1, 5), (6, 10), (11, 12)]
    assert [hashlib.sha256((folder / piece.file).read_bytes()).hexdigest() for piece in moved] == [piece.sha256 for piece in moved]
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}

    left = signed.entries(stream="audit")
    assert [entry.body["n"] for entry in left] == [12, 13, 14]
    assert left[0].prev == hashes[11]
    assert verify(signed).ok
    assert before == f"verified: 14 entries in 2 streams are what {NAME} signed\n"
    assert audit(signed, signer, tmp_path).stdout == before.rstrip() + ", 12 of them in archives that were not read\n"
    assert audit(signed, signer, tmp_path, "--archives", str(folder)).stdout == before.rstrip() + ", 12 of them in archives that were read\n"
    assert [entry.body["last"] for entry in signed.entries(kind="archive")] == [5, 10, 12]
    # It goes on: new entries, checkpoints, proofs, another move.
    fill(signed, 15, 2)
    assert checkpoints.make(signed, signer).size == 14 + 3 + 2 + 2 + 3
    proof, data = checkpoints.proof(signed, signed.entries(stream="audit")[0].id)
    assert proof.verify(data, verifier.Trust(signer.key)).size == 24
    assert checkpoints.consistency(signed, 14, 24)
    assert [(piece.first, piece.last) for piece in archive.move(signed, "audit", before=EVER, folder=folder, key=signer.key)] == [(13, 16)]
    assert audit(signed, signer, tmp_path, "--archives", str(folder)).returncode == 0
    assert verify(signed).ok
    assert archive.move(signed, "audit", before=EVER, folder=folder, key=signer.key) == []


def test_what_may_not_go_stays(signed, signer, tmp_path):
    """Decisions, what is young, what nobody signed; and nothing goes without an archive."""
    folder = tmp_path / "archive"
    assert archive.move(signed, "main", before=EVER, folder=folder, key=signer.key) == []
    third = signed.entries(stream="audit")[3].time
    assert [(piece.first, piece.last) for piece in archive.move(signed, "audit", before=third, folder=folder, key=signer.key, dry=True)] == [(1, 3)]
    assert len(signed.entries(stream="audit")) == 15
    for statement in ("DELETE FROM evenkeel_entries", "UPDATE evenkeel_entries SET subject = ''", "DELETE FROM evenkeel_archived"):
        archive.move(signed, "audit", before=third, folder=folder, key=signer.key)
        with pytest.raises(LedgerError, match="append-only"), signed.writing() as connection:
            connection.execute(text(statement))
    with signed.writing() as connection:
        assert connection.execute(text("DELETE FROM evenkeel_entries WHERE stream = 'audit' AND seq <= 3")).rowcount == 0
    assert len(signed.entries()) == 15 - 3 + 3 + 1


@pytest.mark.parametrize("fault", ["changed", "gone", "shorter"])
def test_an_archive_that_was_changed_is_found(signed, signer, tmp_path, fault):
    folder = tmp_path / "archive"
    archive.move(signed, "audit", before=EVER, folder=folder, key=signer.key)
    path = next(folder.iterdir())
    if fault == "changed":
        path.write_text(path.read_text().replace("host3", "host4"))
    elif fault == "shorter":
        path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    else:
        path.unlink()
    found = audit(signed, signer, tmp_path, "--archives", str(folder))
    assert (found.returncode, found.stdout) == (1, "")
    assert audit(signed, signer, tmp_path).returncode == 0


def test_an_archive_that_hides_a_change_is_found(store, signer, tmp_path):
    """The administrator writes other leaves, or says that something lies in an archive that never did."""
    fill(store, 0, 7)
    checkpoints.make(store, signer)
    archive.move(store, "audit", before=EVER, folder=tmp_path / "archive", key=signer.key)
    lines = [json.loads(line) for line in checkpoints.export(store)]
    piece = next(line for line in lines if "archived" in line)["archived"]
    for change in ({"leaves": piece["leaves"][::-1]}, {"leaves": ""}, {"first": 2}, {"last": 9}, {"head": "00" * 32}, {"file": "../x"}):
        path = tmp_path / "export"
        path.write_text("".join(f"{json.dumps({'archived': {**piece, **change}} if 'archived' in line else line)}\n" for line in lines))
        argv = [sys.executable, "-I", verifier.__file__, "ledger", str(path), "--key", str(signer.key), "--archives", str(tmp_path / "archive")]
        found = subprocess.run(argv, capture_output=True, text=True, check=False, cwd="/")
        assert found.returncode == 1, change


def test_a_full_disk_removes_nothing(signed, signer):
    before = len(signed.entries())
    with pytest.raises(LedgerError, match="Nothing was removed"):
        archive.move(signed, "audit", before=EVER, folder=Path("/dev/full/archive"), key=signer.key)
    assert len(signed.entries()) == before


def test_by_playbook(playbook, tmp_path, signer):
    state = tmp_path / "state"
    tasks = [{"evenkeel.release.record": {"kind": "task", "subject": f"h{number}", "stream": "audit"}} for number in range(3)]
    sign = {"evenkeel.release.ledger_checkpoint": {"name": NAME, "key": (tmp_path / "key").read_text()}}
    move = {"name": "Move", "evenkeel.release.ledger_archive": {"days": 0, "dest": str(tmp_path / "archive"), "verifier_key": str(signer.key)}}

    def run(*steps, **options):
        return playbook([{"hosts": "localhost", "gather_facts": False, "tasks": list(steps)}], extra_vars={"evenkeel_state_dir": str(state)}, **options)

    assert run(*tasks, sign).rc == 0
    dry = run(move, check=True)
    assert (dry.rc, dry.result("Move")["archived"], (tmp_path / "archive").exists()) == (0, 2, False)
    done = run(move, {"evenkeel.release.ledger_verify": {"key": str(signer.key)}})
    assert (done.rc, done.result("Move")["archived"]) == (0, 2), done.stdout
    assert run(move).changed == 0
    with sqlite3.connect(state / "ledger.sqlite") as ledger:
        assert ledger.execute("SELECT count(*) FROM evenkeel_entries WHERE stream = 'audit'").fetchone() == (1,)
