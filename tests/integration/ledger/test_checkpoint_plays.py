# SPDX-License-Identifier: GPL-3.0-or-later
"""Checkpoints by playbook: a real key, real witnesses with openssl, the auditor's program, and what a witness refuses."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._ledger import verifier
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.signer import Signer

NAME = "ledger.example/production"
PLAYBOOK = "evenkeel.release.ledger_checkpoint"


def play(*tasks):
    return [{"hosts": "localhost", "gather_facts": False, "tasks": list(tasks)}]


def records(count, start=0):
    return play(*({"evenkeel.release.record": {"kind": "gate", "subject": f"g{number}", "body": {"n": number}}} for number in range(start, start + count)))


@pytest.fixture
def setup(tmp_path, playbook):
    """Two witnesses beside the controller, and a ledger of three entries."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")], check=True)
    public = str(Signer.load(NAME, (tmp_path / "key").read_text()).key)
    hosts = {}
    for name in ("w1", "w2"):
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(tmp_path / f"{name}.pem")], check=True)
        hosts[name] = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "evenkeel_witness_name": f"witness.example/{name}",
            "evenkeel_witness_key": str(tmp_path / f"{name}.pem"),
            "evenkeel_witness_dir": str(tmp_path / f"state-{name}"),
            "evenkeel_witness_ledger": public,
        }
    inventory = tmp_path / "hosts.json"
    inventory.write_text(json.dumps({"all": {"children": {"evenkeel_witnesses": {"hosts": hosts}}}}))
    variables = {
        "evenkeel_state_dir": str(tmp_path / "state"),
        "evenkeel_ledger_name": NAME,
        "evenkeel_ledger_key": (tmp_path / "key").read_text(),
        "evenkeel_ledger_checkpoint": str(tmp_path / "kept.txt"),
    }
    run = playbook(records(3), extra_vars=variables)
    assert run.rc == 0, run.stdout
    return {"inventory": inventory, "variables": variables, "key": public, "kept": tmp_path / "kept.txt", "ledger": tmp_path / "state/ledger.sqlite"}


def checkpoint(playbook, setup, **options):
    return playbook(PLAYBOOK, inventory=setup["inventory"], extra_vars=setup["variables"], **options)


def audit(setup, *witnesses):
    words = [word for key in witnesses for word in ("--witness", key)]
    argv = [sys.executable, "-I", verifier.__file__, "ledger", str(setup["ledger"]), "--key", setup["key"], "--checkpoint", str(setup["kept"]), *words]
    return subprocess.run(argv, capture_output=True, text=True, check=False, cwd="/")


def test_signed_witnessed_kept_and_audited(playbook, setup, tmp_path):
    dry = checkpoint(playbook, setup, check=True)
    assert dry.rc == 0, dry.stdout
    assert not setup["kept"].exists()
    run = checkpoint(playbook, setup)
    assert run.rc == 0, run.stdout
    secret = setup["variables"]["evenkeel_ledger_key"].splitlines()[2]
    assert secret not in run.stdout + run.stderr
    keys = [run.result("Sign it", host=name)["verifier_key"] for name in ("w1", "w2")]
    assert audit(setup, *keys).stdout == f"verified: 3 entries in 1 streams are what {NAME} signed\n"
    assert audit(setup, *[keys[0], verifier.Key("witness.example/w2", 4, bytes(32)).__str__()]).returncode == 1

    assert playbook(records(2, start=3), extra_vars=setup["variables"]).rc == 0
    again = checkpoint(playbook, setup)
    assert again.rc == 0, again.stdout
    assert audit(setup, *keys).stdout.startswith("verified: 5 entries")
    verified = playbook(
        play(
            {"evenkeel.release.ledger_verify": {"key": setup["key"], "checkpoint": str(setup["kept"]), "witnesses": keys, "quorum": 2}, "register": "verified"}
        ),
        extra_vars=setup["variables"],
    )
    assert verified.rc == 0, verified.stdout

    entry = sqlite3.connect(setup["ledger"]).execute("SELECT id FROM evenkeel_entries WHERE seq = 4").fetchone()[0]
    proof = {"evenkeel.release.ledger_proof": {"entry": entry, "dest": str(tmp_path / "proofs")}}
    made = playbook(play(proof), extra_vars=setup["variables"])
    assert (made.rc, made.changed) == (0, 1), made.stdout
    argv = [sys.executable, "-I", verifier.__file__, "proof", str(tmp_path / f"proofs/{entry}.tlog-proof"), "--entry", str(tmp_path / f"proofs/{entry}.json")]
    told = subprocess.run([*argv, "--key", setup["key"]], capture_output=True, text=True, check=False, cwd="/")
    assert told.stdout == f"verified: the entry is number 3 of 5 that {NAME} signed\n"
    assert playbook(play(proof), extra_vars=setup["variables"]).changed == 0

    export = tmp_path / "export.jsonl"
    assert playbook(play({"evenkeel.release.ledger_export": {"format": "verifier", "dest": str(export)}}), extra_vars=setup["variables"]).rc == 0
    assert export.stat().st_mode & 0o777 == 0o600
    assert audit({**setup, "ledger": export}, *keys).stdout.startswith("verified: 5 entries")


def rewrite(setup, *statements):
    connection = sqlite3.connect(setup["ledger"], isolation_level=None)
    for (trigger,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {trigger}")
    for statement in statements:
        connection.execute(statement)
    connection.close()


def test_a_witness_does_not_sign_another_history(playbook, setup):
    assert checkpoint(playbook, setup).rc == 0
    # Who has the database and the ledger's key begins anew; nobody kept a checkpoint on the controller.
    rewrite(setup, "DELETE FROM evenkeel_checkpoints", "DELETE FROM evenkeel_entries WHERE seq > 1")
    setup["kept"].unlink()
    assert playbook(records(4, start=7), extra_vars=setup["variables"]).rc == 0
    run = checkpoint(playbook, setup)
    assert run.rc != 0
    said = run.result("Sign it", host="w1")["msg"]
    assert said.startswith("The witness witness.example/w1 did not sign: the newer tree does not begin with the older one")
    assert not setup["kept"].exists()


def test_a_checkpoint_that_was_kept_must_still_be_there(playbook, setup):
    assert checkpoint(playbook, setup).rc == 0
    rewrite(setup, "DELETE FROM evenkeel_checkpoints", "DELETE FROM evenkeel_entries WHERE seq > 1")
    run = checkpoint(playbook, setup)
    assert run.rc != 0
    assert "the checkpoint of 3 entries that was kept elsewhere is not in it" in run.result("Sign")["msg"]
    assert audit(setup).returncode == 1


def test_bad_input_is_one_line(playbook, setup, tmp_path):
    task = {"evenkeel.release.ledger_checkpoint": {"name": NAME, "key": "no key"}, "name": "Sign"}
    assert "can't be read. Allowed: an Ed25519 private key" in playbook(play(task), extra_vars=setup["variables"]).result("Sign")["msg"]
    witness = {"name": "w", "key": str(tmp_path / "none.pem"), "ledger": setup["key"], "state_dir": str(tmp_path / "none")}
    wrong = [
        ({}, "is no Ed25519 private key"),
        ({"name": "a b"}, "no spaces and no plus"),
        ({"key": str(tmp_path / "w1.pem"), "ledger": "x"}, "no verifier key"),
    ]
    for change, message in wrong:
        run = playbook(play({"name": "Witness", "evenkeel.release.ledger_witness": {**witness, **change}}), extra_vars=setup["variables"])
        assert message in run.result("Witness")["msg"], run.stdout
    assert not (Path(tmp_path) / "none").exists()


def test_tags_of_a_repository_are_a_witness(playbook, setup, tmp_path):
    """A real git remote that refuses to change a tag, as protected tags do."""
    remote = tmp_path / "audit.git"
    subprocess.run(["git", "init", "-q", "--bare", str(remote)], check=True)
    git = ["git", "--git-dir", str(remote)]
    setup["variables"] |= {"evenkeel_ledger_git": str(remote)}
    del setup["variables"]["evenkeel_ledger_checkpoint"]
    assert checkpoint(playbook, setup, check=True).rc == 0
    assert subprocess.run([*git, "tag"], capture_output=True, check=True, text=True).stdout == ""
    run = checkpoint(playbook, setup)
    assert run.rc == 0, run.stdout
    setup["kept"].write_bytes(subprocess.run([*git, "cat-file", "blob", "evenkeel-ledger/3"], capture_output=True, check=True).stdout)
    assert audit(setup).stdout.startswith("verified: 3 entries")
    assert checkpoint(playbook, setup).result("Keep it in the repository")["changed"] is False

    # Another ledger with the same key, and one that was cut off.
    for forged in ("other", "cut"):
        state = tmp_path / forged
        variables = {**setup["variables"], "evenkeel_state_dir": str(state)}
        assert playbook(records(5 if forged == "other" else 1), extra_vars=variables).rc == 0
        refused = playbook(PLAYBOOK, inventory=setup["inventory"], extra_vars=variables)
        assert refused.rc != 0
        assert "that was kept elsewhere is not in it" in refused.stdout
    assert subprocess.run([*git, "tag"], capture_output=True, check=True, text=True).stdout == "evenkeel-ledger/3\n"

    assert playbook(records(2, start=3), extra_vars=setup["variables"]).rc == 0
    (remote / "hooks/update").write_text("#!/bin/sh\necho no tags today >&2\nexit 1\n")
    (remote / "hooks/update").chmod(0o755)
    held = checkpoint(playbook, setup)
    assert held.rc != 0
    assert "no tags today" in held.stdout
    (remote / "hooks/update").unlink()
    assert checkpoint(playbook, setup).rc == 0
    assert subprocess.run([*git, "tag"], capture_output=True, check=True, text=True).stdout == "evenkeel-ledger/3\nevenkeel-ledger/5\n"


def test_a_tag_never_takes_the_place_of_another(playbook, tmp_path):
    """Somebody who moved a tag by hand is found, and a fork is."""
    signers = {name: Signer.load(NAME, key) for name, key in (("one", pem(tmp_path, "one")), ("two", pem(tmp_path, "two")))}
    note = {name: signer.note(verifier.body(NAME, 3, bytes([number]) * 32)) for number, (name, signer) in enumerate(signers.items())}
    older = signers["one"].note(verifier.body(NAME, 2, bytes(32)))
    options = {"repo": str(tmp_path / "tags.git")}

    def keep(text):
        return playbook(play({"evenkeel.release.ledger_tag": {**options, "note": text}}), extra_vars={"evenkeel_state_dir": str(tmp_path / "state")})

    assert keep(note["one"]).rc == 0
    for text, told in ((note["two"], "the history was forked"), (older, "is newer than this checkpoint"), ("nonsense", "a note is a text")):
        refused = keep(text)
        assert refused.rc != 0
        assert told in refused.stdout
    git = ["git", "--git-dir", options["repo"]]
    subprocess.run([*git, "update-ref", "refs/tags/evenkeel-ledger/9", "refs/tags/evenkeel-ledger/3"], check=True)
    moved = keep(note["one"])
    assert moved.rc != 0
    assert "somebody made or moved it by hand" in moved.stdout


def pem(folder, name):
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(folder / f"{name}.pem")], check=True)
    return (folder / f"{name}.pem").read_text()
