# SPDX-License-Identifier: GPL-3.0-or-later
"""Forked workers: the same answer whatever happens to them, gently, within a budget, telling how far they are."""

from __future__ import annotations

import json
import os
import signal
import time

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot import limits, pace, walk, workers
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.limits import Limits

from .files_support import look, plainly, scan


@pytest.fixture
def tree(tmp_path):
    top = tmp_path / "tree"
    for number in range(1200):
        (top / str(number % 40)).mkdir(parents=True, exist_ok=True)
        (top / str(number % 40) / f"{number:04}").write_bytes(bytes(number))
    for number in range(4):
        (top / f"large{number}").write_bytes(os.urandom(5 << 20))
    return top


def test_forked_workers_say_what_one_process_says(tree):
    assert look(tree, workers=3) == look(tree, workers=1) == plainly(tree)
    assert scan(tree, workers=3).stats["hashed"] == 1204


def test_a_worker_that_cannot_be_made_or_dies_is_stood_in_for(tree, monkeypatch):
    expected = plainly(tree)
    real, home = walk.look, os.getpid()

    def deadly(path, *more):
        if path.endswith(b"/7") and os.getpid() != home:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(path, *more)

    with monkeypatch.context() as patch:
        patch.setattr(walk, "look", deadly)
        assert look(tree, workers=2) == expected
    monkeypatch.setattr(os, "fork", lambda: (_ for _ in ()).throw(BlockingIOError()))
    assert look(tree, workers=2) == expected


def test_what_fails_in_a_worker_fails_here():
    def work(number):
        if number == 3:
            raise ValueError("three")
        return number

    with pytest.raises(ValueError, match="three"):
        workers.run(8, work, Limits(workers=2), None)


def test_no_worker_outlives_a_scan_that_is_interrupted(monkeypatch):
    def interrupted(*_all):
        raise KeyboardInterrupt

    monkeypatch.setattr(workers.select, "select", interrupted)
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        workers.run(2, lambda _number: time.sleep(30), Limits(workers=2), None)
    assert time.monotonic() - began < 10
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_workers_step_back_and_the_caller_does_not():
    def work(_number):
        with open("/proc/self/stat", encoding="ascii") as stream:
            return os.nice(0), os.getpid(), stream.read() != ""

    found = workers.run(4, work, Limits(workers=1, nice=7, io_class="idle"), None)
    assert {nice - os.nice(0) for nice, _pid, _read in found.values()} == {7}
    assert os.getpid() not in {pid for _nice, pid, _read in found.values()}


@pytest.mark.skipif(os.uname().machine not in limits.SYSCALL, reason="the number of ioprio_get is known for few processors")
def test_the_io_class_reaches_the_kernel():
    import ctypes

    def work(_number):
        return ctypes.CDLL(None).syscall(limits.SYSCALL[os.uname().machine] + 1, 1, 0)

    assert set(workers.run(2, work, Limits(workers=1, io_class="idle"), None).values()) == {limits.CLASSES["idle"]}


@pytest.mark.parametrize("processes", [1, 2])
def test_all_workers_together_keep_to_the_budget(tree, processes):
    began = time.monotonic()
    found = scan(tree, workers=processes, io_mib_per_s=40)
    seconds = time.monotonic() - began
    assert 0.9 * found.stats["bytes"] / 40 / 2**20 - 0.05 < seconds < 5


@pytest.mark.parametrize("processes", [1, 2])
def test_progress_is_told_while_it_is_made(tree, tmp_path, monkeypatch, processes):
    monkeypatch.setattr(pace, "REPORT_SECONDS", 0.0)
    written = []
    real = pace._write
    monkeypatch.setattr(pace, "_write", lambda place, value: written.append(value) or real(place, value))
    place = tmp_path / "progress"
    scan(tree, workers=processes, progress=str(place), io_mib_per_s=8 if processes > 1 else None)
    last = json.loads(place.read_text())
    size = sum(path.stat().st_size for path in tree.rglob("*") if path.is_file())
    assert (last["done"], last["total"], last["bytes"], place.stat().st_mode & 0o777) == (1204, 1204, size, 0o600)
    assert [one["done"] for one in written] == sorted(one["done"] for one in written)
    assert written[0]["done"] < 1204
    assert {one["total"] for one in written[1:]} == {1204}


def test_a_progress_file_that_cannot_be_written_harms_nothing(tree, tmp_path):
    assert look(tree, progress=str(tmp_path / "absent" / "progress")) == plainly(tree)


def test_workers_of_a_killed_scan_stop(tmp_path):
    counted = tmp_path / "counted"

    def work(number):
        time.sleep(0.05)
        with counted.open("ab") as stream:
            stream.write(b".")
        return number

    child = os.fork()
    if child == 0:
        try:
            workers.run(400, work, Limits(workers=2), None)
        finally:
            os._exit(0)
    while not counted.exists():
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    time.sleep(0.3)
    done = counted.stat().st_size
    time.sleep(0.3)
    assert counted.stat().st_size == done < 400
