# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to the host, and what holds all collectors together."""

from __future__ import annotations

import hashlib
import hmac
import os
import subprocess
import types

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot import registry
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.host import Host
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import Unknown
from ansible_collections.evenkeel.release.tests.unit.drift.hosts import make


def test_what_is_not_there_is_not_unknown(tmp_path):
    host = make(tmp_path, {"/a/b": "text"})
    assert host.text("/a/b") == "text"
    for path in ("/a/c", "/a/b/c", "/x/y"):
        with pytest.raises(FileNotFoundError):
            host.data(path)
        with pytest.raises(FileNotFoundError):
            host.names(path)


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Unknown, match=r"^/pipe is not a regular file$"):
        make(tmp_path, {}).data("/pipe")


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(Unknown, match="/folder is not a regular file"):
        make(tmp_path, {"/folder": None}).text("/folder")


def test_what_is_not_utf8_is_read_all_the_same(tmp_path):
    assert make(tmp_path, {"/a": b"caf\xe9"}).text("/a") == "caf\\xe9"


def test_a_root_with_glob_signs_is_a_plain_root(tmp_path):
    root = tmp_path / "r[1]*"
    root.mkdir()
    assert make(root, {"/etc/a.conf": "", "/etc/b.conf": "", "/etc/c": ""}).glob("/etc/*.conf") == ["/etc/a.conf", "/etc/b.conf"]


def test_tools_are_found_where_only_root_looks(tmp_path):
    host = make(tmp_path, {"/usr/sbin/tool": "", "/bin/other": ""})
    os.chmod(tmp_path / "usr/sbin/tool", 0o755)
    assert (host.which("tool"), host.which("other")) == ("/usr/sbin/tool", None)


def _raises(error):
    def run(argv, timeout):
        raise error

    return run


@pytest.mark.parametrize(
    ("run", "reason"),
    [
        (lambda argv, timeout: (3, "half"), "tool failed with code 3"),
        (_raises(FileNotFoundError("tool")), "tool is not installed"),
        (_raises(PermissionError(13, "Permission denied")), "tool cannot be run (permission denied)"),
        (_raises(subprocess.TimeoutExpired("tool", 5)), "tool took longer than 5 s"),
    ],
)
def test_a_tool_that_does_not_answer_is_a_reason(run, reason):
    with pytest.raises(Unknown) as caught:
        Host(run=run).lines(["tool", "-x"], timeout=5)
    assert str(caught.value) == reason


def test_tools_of_this_host_are_not_asked_about_another_root(tmp_path):
    with pytest.raises(Unknown, match="echo is not run for another root"):
        Host(str(tmp_path)).lines(["echo"])


def test_a_real_tool(monkeypatch):
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    assert Host().lines(["sh", "-c", "echo $LC_ALL; cat"]) == ["C"]
    with pytest.raises(Unknown, match="sh took longer than"):
        Host().lines(["sh", "-c", "sleep 9"], timeout=0.05)
    with pytest.raises(Unknown, match="no-such-tool is not installed"):
        Host().lines(["no-such-tool"])


def test_a_secret_is_told_by_its_fingerprint_alone():
    assert Host(fingerprint_key=b"key").secret("hunter2") == {
        "secret": True,
        "fingerprint": hmac.new(b"key", b"hunter2", hashlib.sha256).hexdigest()[:32],
        "key": hashlib.sha256(b"key").hexdigest()[:8],
    }
    with pytest.raises(Unknown, match="there is no fingerprint key"):
        Host().secret("hunter2")


def test_every_kind_has_one_collector():
    kinds = [kind for module in registry.COLLECTORS.values() for kind in module.KINDS]
    assert len(kinds) == len(set(kinds))
    assert registry.KIND_OF["file"] == "files"
    assert {registry.KIND_OF[kind] for kind in kinds} == set(registry.COLLECTORS)


def _collector(monkeypatch, name, collect):
    monkeypatch.setitem(registry.COLLECTORS, name, types.SimpleNamespace(NAME=name, KINDS=(name,), collect=collect))


def _unknown(options, host):
    raise Unknown("no permission")


def _broken(options, host):
    raise ZeroDivisionError("the password is hunter2")


def test_what_one_cannot_tell_does_not_stop_the_others(monkeypatch):
    _collector(monkeypatch, "good", lambda options, host: {"good:a": {"value": options["x"]}})
    _collector(monkeypatch, "blind", _unknown)
    _collector(monkeypatch, "broken", _broken)
    states, items = registry.gather({"collectors": ["good", "files", "blind", "broken", "none", "good"], "x": "1"}, Host())
    assert items == {"good:a": {"value": "1"}}
    assert states == {
        "good": {"state": "read"},
        "blind": {"state": "unknown", "reason": "no permission"},
        "broken": {"state": "unknown", "reason": "the collector broke (ZeroDivisionError)"},
        "none": {"state": "unknown", "reason": "there is no collector none"},
    }


def test_a_host_without_anything_is_told_by_every_collector(tmp_path):
    """Nothing is read from the machine that the tests run on."""
    host = make(tmp_path, {})
    names = ["packages", "packaged", "services", "users", "sysctl", "mounts", "ports"]
    states, items = registry.gather({"collectors": [*names, "cron"]}, host)
    assert items == {}
    assert {name: states[name].get("reason") for name in names} == {
        "packages": "neither dpkg nor rpm keeps a database here",
        "packaged": "neither dpkg nor rpm keeps a database here",
        "services": "systemd does not run here",
        "users": "/etc/passwd is not there",
        "sysctl": "/proc/sys is not there",
        "mounts": "/proc/self/mountinfo is not there",
        "ports": "/proc/net/tcp is not there",
    }
    assert states["cron"] == {"state": "read"}
