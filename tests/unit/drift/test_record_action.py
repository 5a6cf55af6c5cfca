# SPDX-License-Identifier: GPL-3.0-or-later
"""The action against a host that is late, forgetful, or lies."""

from __future__ import annotations

import base64
import hashlib
import json
import time
import zlib
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.action import drift_snapshot
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.record import Record, build, delta, dump
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.store import open_objects

READ = {"packages": {"state": "read"}}
BASE = build(READ, {"package:a": {"version": "1"}, "package:b": {"version": "1"}})
NOW = build(READ, {"package:a": {"version": "2"}})
VARIABLES = {"inventory_hostname": "web"}


class Shell:
    tmpdir = "/remote/tmp"

    def remove(self, path: str, recurse: bool = False) -> str:
        return f"rm -f {path}"

    def join_path(self, *parts: str) -> str:
        return "/".join(parts)


class Connection:
    def __init__(self, files: dict[str, bytes], become: object) -> None:
        self._shell, self.files, self.become = Shell(), files, become

    def fetch_file(self, remote: str, local: str) -> None:
        Path(local).write_bytes(self.files[remote])


class Task:
    def __init__(self, args: dict[str, Any], check_mode: bool) -> None:
        self.args, self.check_mode, self.async_val = args, check_mode, 0


class Action(drift_snapshot.ActionModule):
    """Answers come from a list; all else is noted."""

    def __init__(self, args: dict[str, Any], replies: list[dict[str, Any]], *, files: dict[str, bytes] | None = None, become: object = None) -> None:
        self._task: Any = Task(args, check_mode=False)
        self._connection: Any = Connection(files or {}, become)
        self.replies, self.asked, self.commands, self.sent = replies, [], [], {}  # type: ignore[var-annotated]

    def _execute_module(self, module_name: str = "", module_args: Any = None, task_vars: Any = None, **_more: Any) -> dict[str, Any]:
        self.asked.append((module_name, dict(module_args)))
        if module_name.endswith("slurp"):
            return {"content": base64.b64encode(self._connection.files[module_args["src"]]).decode()}
        return dict(self.replies.pop(0))

    def _low_level_execute_command(self, cmd: str, **_more: Any) -> dict[str, Any]:
        self.commands.append(cmd)
        return {"rc": 0}

    def _transfer_file(self, local_path: str, remote_path: str) -> str:
        self.sent[remote_path] = Path(local_path).read_bytes()
        return remote_path

    def _fixup_perms2(self, remote_paths: Any, **_more: Any) -> None:
        pass

    def _remove_tmp_path(self, tmp_path: str, force: bool = False) -> None:
        self.commands.append(f"rm -r {tmp_path}")


@pytest.fixture(autouse=True)
def no_base_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drift_snapshot.ActionBase, "run", lambda self, tmp=None, task_vars=None: {})


@pytest.fixture
def store(tmp_path: Path) -> str:
    open_objects(str(tmp_path / "store")).put_record(BASE)
    return str(tmp_path / "store")


def wire(data: bytes) -> dict[str, Any]:
    return {"packed": base64.b64encode(data).decode(), "sha256": hashlib.sha256(data).hexdigest()}


def differs(now: Record = NOW, **lie: Any) -> dict[str, Any]:
    change = {**delta(BASE, now), "unknown": [], **lie}
    return {"root": now.root, "same": False, **wire(zlib.compress(json.dumps(change).encode()))}


def ran(store: str, *replies: dict[str, Any], **more: Any) -> tuple[dict[str, Any], Action]:
    files, become = more.pop("files", None), more.pop("become", None)
    action = Action({"store": store, "baseline": BASE.root, **more}, list(replies), files=files, become=become)
    return action.run(task_vars=VARIABLES), action


@pytest.mark.parametrize(("ahead", "busy"), [(0.0, 0.0), (120.0, 0.0), (-3600.5, 50.0)])
def test_how_long_it_took_is_no_clock_skew(store: str, monkeypatch: pytest.MonkeyPatch, ahead: float, busy: float) -> None:
    clock = iter([1000.0, 1000.4 + busy])
    monkeypatch.setattr(time, "time", lambda: next(clock))
    result, _action = ran(store, {"same": True, "root": BASE.root, "host_started": 1000.2 + ahead, "host_time": 1000.2 + busy + ahead})
    assert result["clock_skew"] == pytest.approx(ahead, abs=0.001)
    assert "host_started" not in result


def test_what_was_before_is_the_stores_word(store: str) -> None:
    result, action = ran(store, differs())
    assert result["changes"] == {
        "package:a": {"before": {"version": "1"}, "after": {"version": "2"}},
        "package:b": {"before": {"version": "1"}, "after": None},
    }
    assert len(action.asked) == 1
    assert "store" not in action.asked[0][1]
    assert not open_objects(store).has_record(NOW.root)


def test_what_is_kept_comes_back(store: str) -> None:
    result, _action = ran(store, differs(), keep=True)
    assert result["stored"]
    assert open_objects(store).record(NOW.root).all_items() == NOW.all_items()


def test_a_host_without_its_copy_is_sent_the_record_once(store: str) -> None:
    result, action = ran(store, {"root": NOW.root, "missing": True}, differs())
    assert len(result["changes"]) == 2
    assert action.sent == {"/remote/tmp/baseline": dump(BASE)}
    assert action.asked[1][1]["baseline_file"] == "/remote/tmp/baseline"
    assert action.commands == ["rm -r /remote/tmp"]
    result, _action = ran(store, {"root": NOW.root, "missing": True}, {"root": NOW.root, "missing": True})
    assert "could not read the record" in result["msg"]


def test_a_path_of_the_user_is_no_baseline(store: str) -> None:
    _result, action = ran(store, differs(), baseline_file="/etc/shadow")
    assert "baseline_file" not in action.asked[0][1]


@pytest.mark.parametrize("become", [None, object()])
def test_a_file_with_the_answer_is_fetched_and_removed(store: str, become: object) -> None:
    reply = differs()
    data = base64.b64decode(reply.pop("packed"))
    result, action = ran(store, {**reply, "spilled": "/tmp/answer"}, files={"/tmp/answer": data}, become=become)
    assert len(result["changes"]) == 2
    assert action.commands == ["rm -f /tmp/answer"]
    assert ("slurp" in str(action.asked)) == (become is not None)


@pytest.mark.parametrize("fault", ["damaged", "vanished", "no baseline"])
def test_the_file_is_removed_even_when_it_is_of_no_use(store: str, fault: str) -> None:
    reply = {**differs(), "spilled": "/tmp/answer"}
    files = {} if fault == "vanished" else {"/tmp/answer": b"damaged"}
    options = {"baseline": "ab" * 32} if fault == "no baseline" else {}
    action = Action({"store": store, "baseline": BASE.root, **options}, [reply], files=files)
    if fault == "vanished":
        with pytest.raises(KeyError):
            action.run(task_vars=VARIABLES)
    else:
        result = action.run(task_vars=VARIABLES)
        assert result["failed"]
        assert ("damaged on the way" if fault == "damaged" else "is not in the store") in result["msg"]
    assert action.commands == ["rm -f /tmp/answer"]


@pytest.mark.parametrize(
    "reply",
    [
        differs(items={}),
        differs(gone=[]),
        differs(root=BASE.root),
        differs(base="0" * 64),
        {**differs(), "root": BASE.root},
        {**differs(), "sha256": "0" * 64},
        {**differs(), **wire(b"no delta")},
        {**differs(), **wire(zlib.compress(b"[1]"))},
        {**differs(), **wire(zlib.compress(b"{}"))},
        {**differs(), "root": BASE.root, **wire(zlib.compress(json.dumps({"base": BASE.root, "root": BASE.root, "unknown": []}).encode()))},
        {**differs(), **wire(zlib.compress(json.dumps({"unknown": [], "items": {}, "gone": []}).encode()))},
        {**differs(), **wire(zlib.compress(json.dumps({**delta(BASE, NOW), "unknown": [], "gone": [[1]]}).encode()))},
        {"root": NOW.root, "same": False},
    ],
)
def test_an_answer_that_does_not_fit_is_refused(store: str, reply: dict[str, Any]) -> None:
    result, _action = ran(store, reply, keep=True)
    assert result["failed"]
    assert result["msg"].startswith("The answer of web was refused: ")
    assert "changes" not in result
    assert not open_objects(store).has_record(NOW.root)


def test_a_whole_record_under_another_root_is_refused(store: str) -> None:
    result, _action = ran(store, {"root": NOW.root, **wire(dump(BASE))}, baseline=None)
    assert "was refused" in result["msg"]
    result, _action = ran(store, {"root": NOW.root, **wire(dump(NOW))}, baseline=None)
    assert result["snapshot"]["items"] == NOW.all_items()
    assert result["stored"] is False


def test_nothing_is_opened_when_nothing_changed(tmp_path: Path) -> None:
    result, _action = ran(str(tmp_path / "none"), {"same": True, "root": BASE.root})
    assert result["same"]
    assert not (tmp_path / "none").exists()
