# SPDX-License-Identifier: GPL-3.0-or-later
"""What a bundle holds, what it says of what it lacks, and its limits."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
import threading

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._forensics import collect as collecting
from ansible_collections.evenkeel.release.plugins.module_utils._forensics import files, host
from ansible_collections.evenkeel.release.plugins.module_utils._forensics.bundle import Bundle, member
from ansible_collections.evenkeel.release.plugins.module_utils._forensics.collect import Wanted, collect
from ansible_collections.evenkeel.release.plugins.module_utils._forensics.mask import Mask
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.host import Host
from hypothesis import given, settings
from hypothesis import strategies as st

SAID = {
    "journalctl": (0, "2026-11-21T20:00:00+0000 web1 shop[7]: password=hunter22 refused\n"),
    "systemctl": (0, "LoadState=loaded\nActiveState=failed\nMainPID=0\nControlGroup=\nEnvironment=SHOP_TOKEN=hunter33\n"),
}


def answering(said):
    def run(argv, timeout):
        if argv[0] not in said:
            raise FileNotFoundError(argv[0])
        return said[argv[0]]

    return Host(run=run)


def taken(wanted, *, mask=None, said=SAID, **more):
    made = collect(wanted, mask or Mask(), reach=answering(said), **more)
    data, manifest = made.packed({"service": wanted.service}, time=1_800_000_000.0)
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        texts = {info.name: archive.extractfile(info).read().decode() for info in archive}
    return texts, {part["name"]: part for part in manifest["parts"]}, data


def test_every_part_is_there_or_says_why(tmp_path):
    (tmp_path / "releases" / "1.1.0").mkdir(parents=True)
    (tmp_path / "current").symlink_to("releases/1.1.0")
    (tmp_path / "shop.ini").write_text("[db]\npassword = hunter22\nport = 5432\n")
    (tmp_path / "shop.key").write_text("hunter22\n")
    (tmp_path / "a.log").write_text("first\nlogged in with hunter22 and hunter33\n")
    wanted = Wanted(
        service="shop",
        since=0,
        root=str(tmp_path),
        config=(str(tmp_path / "shop.*"), str(tmp_path / "none.ini")),
        logs=(str(tmp_path / "*.log"),),
        units=("shop.service",),
        programs=("shop-green",),
        supervisor_dir=str(tmp_path / "supervisor"),
        given={"probes": [{"name": "ready", "passed": False, "token": "hunter22"}]},
    )
    texts, parts, _data = taken(wanted)
    folder = str(tmp_path).strip("/")
    states = {name: part["state"] for name, part in parts.items()}
    assert states == {
        "host/resources.json": "taken",
        "host/processes.json": "taken",
        "host/ports.json": "taken",
        "release/pointers.json": "taken",
        "given/probes.json": "taken",
        "systemd/shop.service.json": "taken",
        "supervisor/shop-green.json": "missing",
        f"config/{folder}/shop.ini": "taken",
        f"config/{folder}/shop.key": "skipped",
        f"config/{folder}/none.ini": "missing",
        "supervisor/shop-green.log": "missing",
        "supervisor/supervisord.log": "missing",
        "journal/shop.service.txt": "taken",
        f"logs/{folder}/a.log": "taken",
        "journal/kernel.txt": "taken",
    }
    assert all(part.get("reason") for part in parts.values() if part["state"] in ("missing", "skipped"))
    assert texts[f"logs/{folder}/a.log"] == "first\nlogged in with [REDACTED] and [REDACTED]\n"
    assert json.loads(texts["release/pointers.json"])["links"]["current"]["to"] == "releases/1.1.0"
    for name, text in texts.items():
        assert "hunter" not in text, name
        if name != "manifest.json":
            assert hashlib.sha256(text.encode()).hexdigest() == parts[name]["sha256"]


def test_a_host_without_systemd_says_so():
    texts, parts, _data = taken(Wanted(service="shop", since=0, units=("shop.service",)), said={})
    assert (parts["journal/shop.service.txt"]["state"], parts["journal/shop.service.txt"]["reason"]) == ("missing", "journalctl is not installed")
    assert parts["systemd/shop.service.json"]["reason"] == "systemctl is not installed"
    assert "host/resources.json" in texts


def test_a_part_that_hangs_costs_its_time_and_no_more():
    stuck = threading.Event()
    found = collecting._within(lambda: stuck.wait(60), 0.05)
    stuck.set()
    assert (found.state, str(found)) == ("timed_out", "it took longer than 0.05 s")
    assert collecting._within(lambda: "text", 30) == "text"


def test_without_time_every_part_says_so():
    clock = iter([0.0, *[1000.0] * 100])
    _texts, parts, _data = taken(Wanted(service="shop", since=0, deadline=1.0), clock=lambda: next(clock))
    assert {part["state"] for part in parts.values()} == {"timed_out"}


def test_a_part_that_breaks_does_not_quote_what_it_read(monkeypatch):
    def broken(_root):
        raise ValueError("hunter22")

    monkeypatch.setattr(host, "pointers", broken)
    texts, parts, _data = taken(Wanted(service="shop", since=0, root="/srv/shop"))
    assert parts["release/pointers.json"]["reason"] == "reading it broke (ValueError)"
    assert not any("hunter22" in text for text in texts.values())


def test_the_room_is_shared_and_the_end_of_a_log_stays():
    made = Bundle(most=3000)
    made.add("a", "a", "x" * 1000 + "\n")
    made.add("b", "b", "\n".join(f"line {number}" for number in range(1000)))
    made.add("c", "c", "more\n")
    assert [part["state"] for part in made.parts] == ["taken", "cut", "skipped"]
    data, _manifest = made.packed({}, time=0)
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        kept = archive.extractfile("b").read().decode()
    assert kept.startswith("line ")
    assert kept.endswith("line 999")
    assert made.parts[2]["reason"] == "the bundle is full"


def test_the_same_parts_give_the_same_bytes_and_nobody_else_may_read_them():
    def packed():
        made = Bundle(most=1000)
        made.add("a", "a", "text\n")
        return made.packed({"service": "shop"}, time=1_800_000_000.0)[0]

    assert packed() == packed()
    with tarfile.open(fileobj=io.BytesIO(packed())) as archive:
        assert {info.mode for info in archive} == {0o600}
    assert packed()[:2] == b"\x1f\x8b"
    assert gzip.decompress(packed())


@pytest.mark.parametrize("path", ["/var/log/a b.log", "../../etc/passwd", "/", "logs//x", "..", "a\\b\n"])
def test_a_member_never_leaves_its_folder(path):
    name = member("logs", path)
    assert name == "logs" or name.startswith("logs/")
    assert ".." not in name.split("/")


def test_two_paths_of_one_name_are_both_kept():
    made = Bundle(most=1000)
    made.add(member("logs", "/a b"), "/a b", "1")
    made.add(member("logs", "/a_b"), "/a_b", "2")
    assert [part["name"] for part in made.parts] == ["logs/a_b", "logs/a_b.2"]


@settings(max_examples=100, deadline=None)
@given(
    rows=st.lists(st.text(st.characters(codec="ascii", exclude_characters="\n"), max_size=12), max_size=30), lines=st.integers(1, 12), size=st.integers(1, 120)
)
def test_a_tail_has_whole_lines_only_and_tells_when_it_is_cut(tmp_path_factory, rows, lines, size):
    path = tmp_path_factory.mktemp("tail") / "a.log"
    text = "".join(f"{row}\n" for row in rows)
    path.write_bytes(text.encode())
    found = files.tail(str(path), lines=lines, size=size)
    assert text.endswith(found.text)
    assert len(found.text.encode()) <= size
    assert found.text.count("\n") <= lines
    assert found.available == len(text.encode())
    assert found.cut == (found.text != text)
    before = text[: len(text) - len(found.text)]
    assert not before or before.endswith("\n") or not found.text


def test_a_link_that_somebody_else_planted_is_not_followed(tmp_path, monkeypatch):
    (tmp_path / "secret").write_text("root:$6$abc\n")
    (tmp_path / "a.log").symlink_to(tmp_path / "secret")
    assert files.tail(str(tmp_path / "a.log"), lines=5, size=100).text == "root:$6$abc\n"
    owner = os.lstat(tmp_path / "a.log").st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 7)
    if owner == 0:
        real = os.lstat
        monkeypatch.setattr(os, "lstat", lambda path: os.stat_result((real(path).st_mode, 0, 0, 1, 1234, 0, 0, 0, 0, 0)))
    with pytest.raises(files.Absent, match="is a link that belongs to user"):
        files.tail(str(tmp_path / "a.log"), lines=5, size=100)


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.log")
    with pytest.raises(files.Absent, match="is not a regular file"):
        files.tail(str(tmp_path / "a.log"), lines=5, size=100)


def test_a_binary_file_is_no_configuration(tmp_path):
    (tmp_path / "a.conf").write_bytes(b"a\0b")
    with pytest.raises(files.Absent, match="is no text"):
        files.whole(str(tmp_path / "a.conf"), size=100)


def test_of_a_glob_the_newest_files_are_taken(tmp_path):
    for number in range(4):
        path = tmp_path / f"{number}.log"
        path.touch()
        os.utime(path, (number, number))
    assert [os.path.basename(path) for path in files.matching([str(tmp_path / "*.log")], most=2)] == ["3.log", "2.log"]


def test_processes_show_their_command_without_secrets_and_no_environment():
    rows = Mask().data(host.processes([os.getpid(), 2**22 + 1]))
    assert [row["pid"] for row in rows] == [os.getpid()]
    assert rows[0]["rss_kb"] > 0
    assert "environment" not in rows[0]
