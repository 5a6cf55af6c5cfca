# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets import wire
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.access import Access
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.client import ask, read_values
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.faults import SecretsError
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.run import Run, run_of, start_time
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.terms import Ref, Want

ACCESS = Access("http://vault", "token", (("token", "t"),))
WANTS = [Want("a", Ref("kv", "a"), "k")]


@pytest.fixture
def run() -> Iterator[Run]:
    """A process of its own for each test, so that names on the socket differ."""
    sleeper = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield run_of(sleeper.pid)
    sleeper.communicate(b"\n")


class Starter:
    """Answers on the elected socket from a thread of this process; hangs up on the first `rude` callers."""

    def __init__(self, reply: dict[str, Any], *, rude: int = 0) -> None:
        self.reply, self.rude = reply, rude
        self.elections = 0

    def __call__(self, run: Run, listener: socket.socket) -> None:
        self.elections += 1
        mine = listener.dup()
        threading.Thread(target=self._serve, args=(mine,), daemon=True).start()

    def _serve(self, listener: socket.socket) -> None:
        with listener:
            if self.rude:
                self.rude -= 1
                return
            while True:
                sock = listener.accept()[0]
                with sock, contextlib.suppress(ConnectionError):
                    wire.receive(sock)
                    wire.send(sock, self.reply)


def test_many_askers_elect_one_broker(run: Run) -> None:
    starter = Starter({"outcomes": [], "ttl": 1})
    with ThreadPoolExecutor(20) as pool:
        replies = list(pool.map(lambda _: ask(run, ACCESS, WANTS, start=starter), range(60)))
    assert replies == [{"outcomes": [], "ttl": 1}] * 60
    assert starter.elections == 1


def test_a_broker_that_dies_is_replaced(run: Run) -> None:
    starter = Starter({"outcomes": [], "ttl": None}, rude=2)
    assert ask(run, ACCESS, WANTS, start=starter)["outcomes"] == []
    assert starter.elections == 3


def test_a_broker_that_always_dies_is_a_fault(run: Run) -> None:
    starter = Starter({}, rude=99)
    with pytest.raises(SecretsError, match="ended 3 times"):
        ask(run, ACCESS, WANTS, start=starter)
    assert starter.elections == 3


def test_a_broker_that_dies_before_it_is_dialled_is_counted(run: Run) -> None:
    """Its listener is closed by the time that the election is over, so nobody can be dialled."""
    elections = []
    with pytest.raises(SecretsError, match="ended 3 times"):
        ask(run, ACCESS, WANTS, start=lambda _run, listener: elections.append(listener.close()))
    assert len(elections) == 3


def test_faults_of_the_broker_are_raised(run: Run) -> None:
    starter = Starter({"faults": [{"kind": "login", "text": "no"}]})
    with pytest.raises(SecretsError, match="no"):
        ask(run, ACCESS, WANTS, start=starter)
    starter.reply = {"outcomes": [{"fault": {"kind": "absent", "text": "not there"}}], "ttl": None}
    with pytest.raises(SecretsError, match="not there"):
        read_values(run, ACCESS, WANTS)


def test_a_name_that_another_user_took_gets_nothing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    starter = Starter({"outcomes": [], "ttl": None})
    monkeypatch.setattr(wire, "same_user", lambda _sock: False)
    with pytest.raises(SecretsError, match="Another user listens"):
        ask(run, ACCESS, WANTS, start=starter)


def test_the_kernel_says_who_the_other_is() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert wire.same_user(ours)


def test_a_message_of_any_size_arrives_whole() -> None:
    ours, theirs = socket.socketpair()
    document = {"text": "ä" * 3_000_000}
    with ours, theirs, ThreadPoolExecutor(1) as pool:
        sent = pool.submit(wire.send, ours, document)
        assert wire.receive(theirs) == document
        sent.result()
        ours.close()
        with pytest.raises(ConnectionError):
            wire.receive(theirs)


def test_a_process_is_known_by_its_start() -> None:
    mine = run_of(os.getpid())
    assert mine.alive()
    assert not Run(mine.pid, "1").alive()
    assert start_time(2**22 + 1) is None
    with pytest.raises(ProcessLookupError):
        run_of(2**22 + 1)


def test_a_process_that_only_waits_to_be_reaped_is_gone() -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    assert start_time(child) is None
    os.waitpid(child, 0)
