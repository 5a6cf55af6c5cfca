# SPDX-License-Identifier: GPL-3.0-or-later
"""drift_snapshot as a task: what travels, what is kept where, and what is refused."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.grouping import canonical
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.record import build
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.store import open_objects

KEY = "a-key-for-this-test"
SECRET = "correct-horse-battery"
SNAPSHOT = "evenkeel.release.drift_snapshot"
FILES = 400
# Runs the module as the interpreter would, and notes each run and how long its answer is.
SPY = """#!{python}
import os, subprocess, sys
done = subprocess.run([{python!r}, *sys.argv[1:]], stdin=sys.stdin, stdout=subprocess.PIPE)
if b'"host_started"' in done.stdout:
    with open({log!r}, "a") as log:
        log.write(f"{{len(done.stdout)}}\\n")
sys.stdout.buffer.write(done.stdout)
sys.exit(done.returncode)
"""


class Place:
    def __init__(self, folder: Path, playbook: Any) -> None:
        self.playbook, self.folder = playbook, folder
        self.tree, self.cache, self.store, self.log = folder / "tree", folder / "cache", folder / "store", folder / "log"
        for number in range(FILES):
            path = self.tree / str(number % 20) / f"file{number}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{number}\n")
        (self.tree / "shop.ini").write_text(f"[database]\npassword = {SECRET}\nport = 1\n")
        spy = folder / "python"
        spy.write_text(SPY.format(python=sys.executable, log=str(self.log)))
        spy.chmod(0o755)
        self.inventory = {"all": {"hosts": {"web": {"ansible_connection": "local", "ansible_python_interpreter": str(spy)}}}}

    def task(self, register: str, **options: Any) -> dict[str, Any]:
        common = {
            "paths": [str(self.tree)],
            "config": [str(self.tree / "shop.ini")],
            "fingerprint_key": KEY,
            "store": str(self.store),
            "cache_dir": str(self.cache),
        }
        return {"name": register, SNAPSHOT: {**common, **options}, "register": register}

    def __call__(self, *tasks: dict[str, Any], **more: Any) -> Any:
        self.log.unlink(missing_ok=True)
        return self.playbook([{"hosts": "all", "gather_facts": False, "tasks": list(tasks)}], inventory=self.inventory, **more)

    def answers(self) -> list[int]:
        return [int(line) for line in self.log.read_text().split()]

    def leftovers(self) -> list[str]:
        where = [self.cache, Path(os.environ.get("TMPDIR", "/tmp"))]
        return [str(path) for folder in where if folder.exists() for path in folder.glob("evenkeel-drift-*")]


@pytest.fixture
def place(tmp_path: Path, playbook: Any) -> Place:
    return Place(tmp_path / "place", playbook)


def shell(command: str) -> dict[str, Any]:
    return {"name": "edit", "ansible.builtin.shell": command}


def test_from_the_first_look_to_a_change(place: Place) -> None:
    tree = place.tree
    run = place(
        place.task("first", keep=True),
        place.task("again", baseline="{{ first.root }}"),
        shell(f"echo x >> {tree}/3/file3; rm {tree}/4/file4; echo n > {tree}/new; chmod 600 {tree}/5/file5; sed -i 's/port = 1/port = 2/' {tree}/shop.ini"),
        place.task("changed", baseline="{{ first.root }}", keep=True),
        place.task("next", baseline="{{ changed.root }}"),
    )
    assert run.rc == 0, run.stdout + run.stderr
    first, again, changed, after = (run.result(name) for name in ("first", "again", "changed", "next"))
    assert first["stored"]
    assert abs(first["clock_skew"]) < 5
    assert again["same"] is True
    assert "changes" not in again
    assert again["root"] == first["root"]
    assert after["same"] is True

    edited = {f"file:{tree}/3/file3", f"file:{tree}/4/file4", f"file:{tree}/new", f"file:{tree}/5/file5", "config:shop.ini:database.port"}
    assert set(changed["changes"]) == edited
    third = changed["changes"][f"file:{tree}/3/file3"]
    assert third["before"]["sha256"] == hashlib.sha256(b"3\n").hexdigest()
    assert third["after"]["sha256"] == hashlib.sha256(b"3\nx\n").hexdigest()
    assert changed["changes"][f"file:{tree}/4/file4"]["after"] is None
    assert changed["changes"][f"file:{tree}/new"]["before"] is None
    assert changed["collectors"]["files"]["state"] == "read"

    record = open_objects(str(place.store)).record(changed["root"])
    assert {key for key in record.all_items() if key.startswith(f"file:{tree}/")} == {f"file:{path}" for path in tree.rglob("*")}
    first_answer, same_answer, changed_answer, _next = place.answers()
    assert same_answer <= 1024
    assert changed_answer <= 4096
    assert first_answer <= 65536
    assert place.leftovers() == []
    kept = b"".join(path.read_bytes() for folder in (place.store, place.cache) for path in folder.rglob("*") if path.is_file())
    assert SECRET.encode() not in kept
    assert SECRET not in run.stdout + json.dumps(run.json)
    assert run.changed == 1


def test_a_large_answer_travels_as_a_file_and_nothing_of_it_stays(place: Place) -> None:
    run = place(
        place.task("first", inline_limit=2000),
        shell(f"for number in $(seq 0 20 399); do echo x >> {place.tree}/0/file$number; done"),
        place.task("changed", baseline="{{ first.root }}", inline_limit=500),
        # A host that lost its copy, and cannot be told apart from one that never had it.
        shell(f"rm -r {place.cache}"),
        place.task("lost", baseline="{{ first.root }}"),
    )
    assert run.rc == 0, run.stdout + run.stderr
    first, changed, lost = (run.result(name) for name in ("first", "changed", "lost"))
    assert first["stored"]
    assert "snapshot" not in first
    told = json.loads(open_objects(str(place.store)).get(changed["changes_object"]))
    assert len(told) == 20
    assert "changes" not in changed
    assert lost["changes"] == told
    assert place.leftovers() == []
    assert len(place.answers()) == 4, "only the host without its copy is asked twice"
    assert not {"packed", "spilled", "sha256", "missing", "host_started"} & {*first, *changed, *lost}


def test_check_mode_tells_all_and_keeps_nothing(place: Place) -> None:
    run = place(place.task("first", keep=True, inline_limit=10), check=True)
    assert run.rc == 0, run.stdout + run.stderr
    first = run.result("first")
    assert len(first["snapshot"]["items"]) > FILES
    assert first["stored"] is False
    assert build(first["collectors"], first["snapshot"]["items"]).root == first["root"]
    assert not place.store.exists()
    assert not place.cache.exists()
    assert place.leftovers() == []


def test_what_does_not_fit_is_refused_in_one_line(place: Place, tmp_path: Path) -> None:
    absent, objects = "ab" * 32, open_objects(str(place.store))
    base = build({"files": {"state": "read"}}, {"file:/x": {"mode": "1"}})
    objects.put_record(base)
    blocked, damaged = tmp_path / "blocked", tmp_path / "damaged"
    blocked.write_text("")
    shutil.copytree(place.store, damaged)
    for path in damaged.glob("[0-9a-f][0-9a-f]/*"):
        path.write_bytes(b"zdamaged")
    alike = place.cache / "records" / base.root
    alike.parent.mkdir(parents=True)
    # What lies on the host is a record, but another one: it must not become the word about what was before.
    alike.write_bytes(b"forged")
    alike.chmod(0o600)
    refused = {
        "absent": ({"baseline": absent}, f"The record {absent} is not in the store {place.store}"),
        "no key": ({"fingerprint_key": ""}, "fingerprint_key is missing"),
        "damaged": ({"baseline": base.root, "store": str(damaged)}, f"in the store {damaged} is damaged"),
        "no store": ({"store": f"{blocked}/x", "keep": True}, f"Writing {blocked}/x"),
    }
    tasks = [{**place.task(name.replace(" ", "_"), **options), "ignore_errors": True} for name, (options, _message) in refused.items()]
    run = place(*tasks, place.task("forged", baseline=base.root, paths=[]))
    for name, (_options, message) in refused.items():
        told = run.result(name.replace(" ", "_"))["msg"]
        assert message in told
        assert "\n" not in told
        assert KEY not in told
    assert run.result("forged")["changes"]["file:/x"] == {"before": {"mode": "1"}, "after": None}
    assert place.leftovers() == []


def test_one_that_is_killed_leaves_nothing_readable_and_two_at_once_agree(place: Place, tmp_path: Path) -> None:
    options = {"paths": [str(place.tree)], "cache_dir": str(place.cache), "inline_limit": 10}
    module = [sys.executable, "-m", "ansible_collections.evenkeel.release.plugins.modules.drift_snapshot"]
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": str(temporary)}

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen([*module, json.dumps({"ANSIBLE_MODULE_ARGS": options})], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment)

    for delay in (0.25, 0.3, 0.35):
        killed = start()
        time.sleep(delay)
        killed.send_signal(signal.SIGKILL)
        killed.communicate()
    for path in [place.cache, *place.cache.rglob("*")] if place.cache.exists() else []:
        assert path.stat().st_mode & 0o077 == 0, path
    both = [start(), start()]
    replies = [json.loads(one.communicate()[0]) for one in both]
    assert replies[0]["root"] == replies[1]["root"]
    for reply in replies:
        data = Path(reply["spilled"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == reply["sha256"]
    assert len(canonical(replies[0])) < 1024
