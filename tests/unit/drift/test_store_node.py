# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import errno
import json
import os
import tempfile
import zlib
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.nodestore import COPIES, UNFINISHED, Full, NodeStore, spill, sweep
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.observe import answer
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.record import Record, build, delta, dump, load
from ansible_collections.evenkeel.release.plugins.modules.drift_snapshot import refusal

READ = {"packages": {"state": "read"}}
NAMES = [f"{number:064x}" for number in range(COPIES + 3)]


def state(**versions: str) -> Record:
    return build(READ, {f"package:{name}": {"version": version} for name, version in versions.items()})


@pytest.fixture
def store(tmp_path: Path) -> NodeStore:
    return NodeStore(str(tmp_path / "cache"))


@pytest.fixture
def records(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "records"


def asked(record: Record, store: NodeStore, *, keep: bool = True, places: Any = (), **params: Any) -> dict[str, Any]:
    defaults = {"baseline": None, "baseline_file": None, "inline_limit": 65536}
    return answer(record, {**defaults, **params}, store, keep=keep, places=list(places))


def opened(reply: dict[str, Any]) -> bytes:
    return base64.b64decode(reply["packed"])


def test_a_copy_comes_back_and_only_we_can_read_it(store: NodeStore, records: Path) -> None:
    assert store.put(NAMES[0], b"data")
    assert store.get(NAMES[0]) == b"data"
    assert os.listdir(records) == [NAMES[0]]
    assert (records / NAMES[0]).stat().st_mode & 0o777 == 0o600
    assert records.stat().st_mode & 0o777 == 0o700


def test_the_copies_used_last_are_kept(store: NodeStore, records: Path) -> None:
    for number, name in enumerate(NAMES[:COPIES]):
        store.put(name, b"")
        os.utime(records / name, (number, number))
    store.get(NAMES[0])
    for name in NAMES[COPIES:]:
        store.put(name, b"")
    assert sorted(os.listdir(records)) == sorted([NAMES[0], *NAMES[4:]])


@pytest.mark.parametrize("damage", ["link", "mode", "folder", "fifo", "open folder"])
def test_what_others_could_have_written_is_no_copy(store: NodeStore, records: Path, damage: str) -> None:
    store.put(NAMES[0], b"data")
    path = records / NAMES[0]
    if damage == "open folder":
        records.chmod(0o777)
    elif damage == "mode":
        path.chmod(0o644)
    else:
        path.unlink()
        {"link": lambda: path.symlink_to("/etc/passwd"), "folder": path.mkdir, "fifo": lambda: os.mkfifo(path)}[damage]()
    assert store.get(NAMES[0]) is None
    if damage == "open folder":
        assert not store.put(NAMES[1], b"data")


def test_a_name_is_no_path(store: NodeStore, records: Path) -> None:
    store.put(NAMES[0], b"data")
    (records.parent / "secret").write_bytes(b"x")
    assert store.get("../secret") is None


def test_only_old_files_of_our_own_are_swept(tmp_path: Path) -> None:
    for name in (f"{UNFINISHED}old", f"{UNFINISHED}new", "other", NAMES[0]):
        (tmp_path / name).write_bytes(b"")
        if not name.endswith("new"):
            os.utime(tmp_path / name, (1, 1))
    (tmp_path / f"{UNFINISHED}link").symlink_to("other")
    sweep(str(tmp_path), UNFINISHED)
    assert sorted(os.listdir(tmp_path)) == sorted([f"{UNFINISHED}new", f"{UNFINISHED}link", "other", NAMES[0]])
    if os.geteuid() == 0:
        path = tmp_path / f"{UNFINISHED}theirs"
        path.write_bytes(b"")
        os.chown(path, 12345, 12345)
        os.utime(path, (1, 1))
        sweep(str(tmp_path), UNFINISHED)
        assert path.exists()


def full(*args: Any, **more: Any) -> Any:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_costs_a_copy_and_no_answer(store: NodeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "mkstemp", full)
    assert asked(state(a="1"), store)["root"] == state(a="1").root
    monkeypatch.setattr(os, "makedirs", full)
    assert load(opened(asked(state(a="1"), store))).root == state(a="1").root


def test_a_full_disk_and_a_large_answer_is_one_clear_error(store: NodeStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "mkstemp", full)
    with pytest.raises(Full) as found:
        spill(b"data", [None, "/one", str(tmp_path)])
    message = str(found.value)
    assert message.startswith("The answer of 4 bytes is too large to travel inline, and it could not be written to /one (no space left on device)")
    assert "Free space there" in message


def test_a_large_answer_lies_where_there_is_space(store: NodeStore, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    reply = asked(state(a="1"), store, inline_limit=10, places=[str(blocked), str(tmp_path)])
    path = Path(reply["spilled"])
    assert path.parent == tmp_path
    assert path.stat().st_mode & 0o777 == 0o600
    assert load(path.read_bytes()).root == reply["root"]


def test_the_same_is_short_and_heals_the_copy(store: NodeStore) -> None:
    record = state(a="1")
    reply = asked(record, store, baseline=record.root)
    assert reply == {"root": record.root, "same": True, "collectors": READ}
    assert load(store.get(record.root) or b"").root == record.root


def test_check_mode_leaves_nothing(store: NodeStore, records: Path, tmp_path: Path) -> None:
    record = state(a="1")
    (tmp_path / "pushed").write_bytes(dump(record))
    asked(record, store, keep=False)
    asked(record, store, keep=False, baseline=record.root)
    assert asked(state(a="2"), store, keep=False, baseline=record.root, baseline_file=str(tmp_path / "pushed"))["same"] is False
    assert not records.exists()


def test_without_a_copy_the_baseline_is_asked_for_and_then_kept(store: NodeStore, tmp_path: Path) -> None:
    base, now = state(a="1", b="1"), state(a="1", b="2")
    assert asked(now, store, baseline=base.root) == {"root": now.root, "missing": True}
    (tmp_path / "pushed").write_bytes(dump(base))
    reply = asked(now, store, baseline=base.root, baseline_file=str(tmp_path / "pushed"))
    expected = {**delta(base, now), "unknown": []}
    assert json.loads(zlib.decompress(opened(reply))) == expected
    (tmp_path / "pushed").unlink()
    assert json.loads(zlib.decompress(opened(asked(now, store, baseline=base.root)))) == expected


@pytest.mark.parametrize("pushed", [b"", b"broken", dump(state(a="9"))])
def test_a_copy_or_a_file_that_is_another_record_is_not_used(store: NodeStore, tmp_path: Path, pushed: bytes) -> None:
    base, now = state(a="1"), state(a="2")
    store.put(base.root, pushed)
    (tmp_path / "pushed").write_bytes(pushed)
    assert "missing" in asked(now, store, baseline=base.root, baseline_file=str(tmp_path / "pushed"))
    (tmp_path / "pushed").write_bytes(dump(base))
    assert asked(now, store, baseline=base.root, baseline_file=str(tmp_path / "pushed"))["same"] is False


@pytest.mark.parametrize("blind", ["item", "collector"])
def test_what_cannot_be_read_is_never_the_same(store: NodeStore, blind: str) -> None:
    items = {"package:a": {"unknown": "why"}} if blind == "item" else {}
    record = build(READ if blind == "item" else {"packages": {"state": "unknown", "reason": "no dpkg"}}, items)
    reply = asked(record, store, baseline=record.root)
    assert reply["same"] is False
    assert json.loads(zlib.decompress(opened(reply)))["unknown"] == list(items)


def write_often(folder: str, seed: int) -> bool:
    store = NodeStore(folder)
    data = [dump(state(a=str(number))) for number in range(4)]
    for number in range(60):
        which = (number + seed) % 4
        store.put(NAMES[which], data[which])
        found = store.get(NAMES[which])
        if found is not None and found != data[which]:
            return False
    return True


def test_two_snapshots_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    with ProcessPoolExecutor(3) as pool:
        assert all(pool.map(write_often, [str(tmp_path)] * 3, range(3)))
    assert sorted(os.listdir(tmp_path / "records")) == NAMES[:4]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, ""),
        ({"config": ["/etc/a.ini"], "fingerprint_key": "long enough"}, ""),
        ({"config": [{"path": "/etc/a", "format": "ini"}], "fingerprint_key": "long enough"}, ""),
        ({"baseline": "ab" * 32}, ""),
        ({"config": ["/etc/a.ini"]}, "fingerprint_key is missing"),
        ({"fingerprint_key": "short"}, "fingerprint_key has 5 characters, at least 8"),
        ({"baseline": "v1"}, "baseline is 'v1', allowed are 64 hexadecimal digits"),
        ({"config": [{"format": "ini"}], "fingerprint_key": "long enough"}, "config has {'format': 'ini'}, allowed are a path"),
        ({"config": [7], "fingerprint_key": "long enough"}, "config has 7, allowed are a path"),
    ],
)
def test_options_that_cannot_be_used_are_refused_with_their_value(options: dict[str, Any], message: str) -> None:
    told = refusal({"config": [], "fingerprint_key": None, "baseline": None, **options})
    assert told.startswith(message)
    assert bool(told) == bool(message)
    assert "short" not in told
