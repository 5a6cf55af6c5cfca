# SPDX-License-Identifier: GPL-3.0-or-later
"""An emergency without the ledger's database: a real PostgreSQL that is stopped and comes back."""

from __future__ import annotations

import sqlite3
import subprocess

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import NewEntry
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.signer import Signer
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import open_store
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.verify import verify

NAME = "ledger.example/production"


def play(*tasks):
    return [{"hosts": "localhost", "gather_facts": False, "tasks": list(tasks)}]


def spool(state, **options):
    return {"name": state, "evenkeel.release.ledger_spool": {"state": state, **options}}


def deployed(environment, release):
    """An act as a playbook records it."""
    begun = {"kind": "deployment", "phase": "intent", "environment": environment, "release": release}
    ended = {**begun, "phase": "outcome", "intent": "{{ begun.entry.id }}", "verdict": "passed", "body": {"services": {"shop": release}}}
    return [{"evenkeel.release.record": begun, "register": "begun"}, {"evenkeel.release.record": ended}]


class Scene:
    def __init__(self, playbook, pg, folder):
        self.playbook, self.pg, self.folder = playbook, pg, folder
        self.database = pg.create_db()
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "key")], check=True)
        self.key = (folder / "key").read_text()
        self.public = str(Signer.load(NAME, self.key).key)
        self.url = pg.url(self.database)
        # Refused at once, as a server that is down does.
        self.down = self.url.replace(f":{pg.port}/", ":1/")
        self.path, self.copy = folder / "spool.sqlite", folder / "copy.jsonl"
        self.opening = {"path": str(self.path), "reason": "INC-1", "name": NAME, "key": self.key, "copy": str(self.copy)}

    def run(self, *tasks, url):
        return self.playbook(play(*tasks), extra_vars={"evenkeel_ledger_url": url})

    def must(self, *tasks, url):
        run = self.run(*tasks, url=url)
        assert run.rc == 0, run.stdout
        assert self.key.splitlines()[2] not in run.stdout
        return run

    def copied(self):
        sign = {"evenkeel.release.ledger_checkpoint": {"name": NAME, "key": self.key}}
        self.must(*deployed("production", "1.0.0"), sign, {"evenkeel.release.ledger_export": {"format": "verifier", "dest": str(self.copy)}}, url=self.url)

    @property
    def spooled(self):
        return f"sqlite:///{self.path}"


@pytest.fixture
def scene(playbook, pg, tmp_path):
    made = Scene(playbook, pg, tmp_path)
    made.copied()
    return made


def test_an_emergency(scene):
    refused = scene.run(*deployed("production", "1.1.0"), url=scene.down)
    assert refused.rc != 0
    assert "Nothing is done without a ledger" in refused.stdout
    there = scene.run(spool("opened", **scene.opening), url=scene.url)
    assert there.rc != 0
    assert "can be reached" in there.stdout
    assert not scene.path.exists()

    opened = scene.must(spool("opened", **scene.opening), url=scene.down).result("opened")
    assert (opened["ledger_url"], opened["copied"]) == (scene.spooled, 2)
    assert scene.path.stat().st_mode & 0o777 == 0o600
    again = scene.must(spool("opened", **scene.opening), url=scene.down)
    assert again.changed == 0
    # It knows what ran, and takes what is done now.
    ask = "{{ lookup('evenkeel.release.ledger', 'deployed', environment='production') }}"
    known = scene.must({"name": "known", "ansible.builtin.debug": {"msg": ask}}, *deployed("production", "1.1.0"), url=scene.spooled)
    assert "1.0.0" in known.stdout

    merging = spool("merged", path=str(scene.path), verifier_key=scene.public)
    unsigned = scene.run(merging, url=scene.url)
    assert unsigned.rc != 0
    assert "not all of its entries are signed" in unsigned.stdout
    scene.must(spool("closed", path=str(scene.path), name=NAME, key=scene.key), url=scene.down)
    merged = scene.must(merging, url=scene.url).result("merged")
    assert (merged["merged"], merged["conflicts"]) == (3, [])
    twice = scene.must(merging, url=scene.url)
    assert twice.changed == 0

    with open_store(scene.url) as store, open_store(scene.spooled) as waiting:
        assert verify(store).ok
        assert [entry.release for entry in store.entries(kind="deployment", phase="outcome")] == ["1.0.0", "1.1.0"]
        marked = [entry for entry in store.entries() if entry.stream.startswith("spool.")]
        own = [entry for entry in waiting.entries() if entry.stream.startswith("spool.")]
        assert [entry.hash for entry in marked] == [entry.hash for entry in own]
        facts = store.entries(kind="spool")
    assert [(fact.body["state"], fact.body.get("reason")) for fact in facts] == [("opened", "INC-1"), ("merged", None)]
    scene.must(
        {"evenkeel.release.ledger_checkpoint": {"name": NAME, "key": scene.key}}, {"evenkeel.release.ledger_verify": {"key": scene.public}}, url=scene.url
    )


def test_what_happened_twice_is_told(scene):
    scene.must(spool("opened", **scene.opening), url=scene.down)
    scene.must(*deployed("production", "1.1.0"), url=scene.spooled)
    with open_store(scene.url) as store:
        there = store.append([NewEntry("deployment", "intent", environment=name) for name in ("production", "staging")])
    scene.must(spool("closed", path=str(scene.path), name=NAME, key=scene.key), url=scene.down)
    merged = scene.must(spool("merged", path=str(scene.path), verifier_key=scene.public), url=scene.url).result("merged")
    assert merged["conflicts"] == [there[0].id]
    with open_store(scene.url) as store:
        assert store.entries(kind="spool")[-1].body["conflicts"] == [there[0].id]


def test_a_spool_that_was_changed_is_not_merged(scene):
    scene.must(spool("opened", **scene.opening), url=scene.down)
    scene.must(*deployed("production", "1.1.0"), spool("closed", path=str(scene.path), name=NAME, key=scene.key), url=scene.spooled)
    with sqlite3.connect(scene.path) as ledger:
        ledger.executescript(
            "DROP TRIGGER evenkeel_entries_no_update;"
            "UPDATE evenkeel_entries SET bytes = CAST(replace(CAST(bytes AS TEXT), '1.1.0', '1.0.9') AS BLOB) WHERE stream LIKE 'spool.%'"
        )
    run = scene.run(spool("merged", path=str(scene.path), verifier_key=scene.public), url=scene.url)
    assert run.rc != 0
    assert "was not merged" in run.stdout
    with open_store(scene.url) as store:
        assert len(store.entries()) == 2


def test_another_key_signs_nothing(scene, tmp_path):
    scene.must(spool("opened", **scene.opening), url=scene.down)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "other")], check=True)
    other = str(Signer.load(NAME, (tmp_path / "other").read_text()).key)
    run = scene.run(spool("merged", path=str(scene.path), verifier_key=other), url=scene.url)
    assert run.rc != 0
    assert "not signed" in run.stdout


@pytest.mark.parametrize("copy", ["changed", "missing"])
def test_a_bad_copy_leaves_no_spool(scene, copy):
    if copy == "changed":
        scene.copy.write_text(scene.copy.read_text().replace("1.0.0", "9.9.9"))
    else:
        scene.copy.unlink()
    run = scene.run(spool("opened", **scene.opening), url=scene.down)
    assert run.rc != 0
    assert list(scene.folder.glob("spool.sqlite*")) == []
