# SPDX-License-Identifier: GPL-3.0-or-later
"""A deployment signs the ledger at its end, and says so when the ledger is not what was signed."""

from __future__ import annotations

import sqlite3
import subprocess
import sys

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._ledger import verifier
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.signer import Signer

from .light import Light

NAME = "ledger.example/production"


@pytest.fixture
def lab():
    made = Light()
    yield made
    made.close()


def test_each_deployment_signs_what_it_wrote(lab):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(lab.state / "key")], check=True)
    text, ledger = (lab.state / "key").read_text(), lab.state / "ledger.sqlite"
    public, signing = str(Signer.load(NAME, text).key), {"evenkeel_ledger_name": NAME, "evenkeel_ledger_key": text}
    lab.must("provision")
    run = lab.must("deploy", evenkeel_version="1.0.0", **signing)
    assert text.splitlines()[2] not in run.stdout
    argv = [sys.executable, "-I", verifier.__file__, "ledger", str(ledger), "--key", public]
    assert subprocess.run(argv, capture_output=True, text=True, check=True, cwd="/").stdout.startswith("verified: ")
    with sqlite3.connect(ledger) as read:
        signed = read.execute("SELECT max(size) FROM evenkeel_checkpoints").fetchone()[0]
        outcome = read.execute("SELECT max(seq) FROM evenkeel_entries WHERE kind = 'deployment' AND phase = 'outcome'").fetchone()[0]
    assert signed >= outcome

    with sqlite3.connect(ledger) as forged:
        forged.executescript(f"DROP TRIGGER evenkeel_entries_no_delete; DELETE FROM evenkeel_entries WHERE seq >= {signed}")
    told = lab.play("deploy", evenkeel_version="1.1.0", **signing)
    assert told.rc != 0
    assert "is out on production, but the ledger was not signed" in told.stdout
