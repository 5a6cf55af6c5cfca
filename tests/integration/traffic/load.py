# SPDX-License-Identifier: GPL-3.0-or-later
"""A load of many clients in a process of its own that counts every request; nothing is ever tried again.

As a program it takes one JSON argument and runs until its input ends; then it writes what it saw to `out`."""

from __future__ import annotations

import json
import selectors
import socket
import subprocess
import sys
import tempfile
import time
from array import array
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

FAILED = 0
SLOW_SECONDS = 10.0


@dataclass
class Seen:
    """One entry per request: when it began (monotonic), how long it took, status (0: failed), first letter of the body."""

    began: array = field(default_factory=lambda: array("d"))
    took: array = field(default_factory=lambda: array("f"))
    status: array = field(default_factory=lambda: array("H"))
    letter: array = field(default_factory=lambda: array("B"))
    reasons: Counter = field(default_factory=Counter)
    reconnects: int = 0

    @property
    def failed(self) -> int:
        return sum(status != 200 for status in self.status)

    def add(self, began: float, status: int, letter: int, reason: str = "") -> None:
        self.began.append(began)
        self.took.append(time.monotonic() - began)
        self.status.append(status)
        self.letter.append(letter)
        if status != 200:
            self.reasons[reason or str(status)] += 1

    def merge(self, other: Seen) -> None:
        for name in ("began", "took", "status", "letter"):
            getattr(self, name).extend(getattr(other, name))
        self.reasons += other.reasons
        self.reconnects += other.reconnects

    def dump(self, path: str) -> None:
        with open(path, "wb") as stream:
            head = {"count": len(self.began), "reasons": self.reasons, "reconnects": self.reconnects}
            stream.write(json.dumps(head).encode() + b"\n")
            for column in (self.began, self.took, self.status, self.letter):
                column.tofile(stream)

    @classmethod
    def load(cls, path: Path) -> Seen:
        seen = cls()
        with path.open("rb") as stream:
            head = json.loads(stream.readline())
            for column in (seen.began, seen.took, seen.status, seen.letter):
                column.fromfile(stream, head["count"])
        seen.reasons, seen.reconnects = Counter(head["reasons"]), head["reconnects"]
        return seen


class Load:
    """`with Load(port) as load: ...`; afterwards `load.seen`."""

    def __init__(self, port: int, *, clients: int = 16, keep_alive: bool = True, processes: int = 1, pause: float = 0.0) -> None:
        self.seen = Seen()
        self._folder = tempfile.TemporaryDirectory(prefix="evenkeel-load-")
        self._outs = [Path(self._folder.name) / str(number) for number in range(processes)]
        wish = {"port": port, "clients": max(1, clients // processes), "keep_alive": keep_alive, "pause": pause}
        self._arguments = [json.dumps({**wish, "out": str(out)}) for out in self._outs]
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Load:
        argv = [[sys.executable, __file__, argument] for argument in self._arguments]
        self._processes = [subprocess.Popen(one, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for one in argv]
        for process in self._processes:
            assert process.stdout is not None
            process.stdout.readline()  # the first answer has come
        return self

    def __exit__(self, *_exc: object) -> None:
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.close()
        for process, out in zip(self._processes, self._outs):
            process.wait(30)
            self.seen.merge(Seen.load(out))
        self._folder.cleanup()


class Client:
    def __init__(self, wish: dict, seen: Seen) -> None:
        self.address, self.pause, self.keep_alive, self.seen = ("127.0.0.1", wish["port"]), wish["pause"], wish["keep_alive"], seen
        close = "" if self.keep_alive else "Connection: close\r\n"
        # GET and POST in turn: a balancer may try the one again, never the other.
        self.requests = [f"{verb} / HTTP/1.1\r\nHost: load\r\n{close}{more}\r\n".encode() for verb, more in (("GET", ""), ("POST", "Content-Length: 0\r\n"))]
        self.connection: socket.socket | None = None
        self.buffer, self.turn, self.next = b"", 0, 0.0

    def ask(self, selector: selectors.BaseSelector) -> None:
        self.began, self.buffer = time.monotonic(), b""
        self.turn += 1
        try:
            if self.connection is None:
                self.connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
                self.connection.connect(self.address)
                self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.connection.setblocking(False)
                selector.register(self.connection, selectors.EVENT_READ, self)
            self.connection.send(self.requests[self.turn % 2])
        except OSError as exc:
            self.done(selector, FAILED, 0, f"ask: {type(exc).__name__}", close=True)

    def hear(self, selector: selectors.BaseSelector) -> None:
        assert self.connection is not None
        if not self.began:
            # Between two requests: the other side closed an idle connection in time.
            self.drop(selector)
            self.seen.reconnects += 1
            return
        try:
            heard = self.connection.recv(65536)
        except OSError as exc:
            self.done(selector, FAILED, 0, f"hear: {type(exc).__name__}", close=True)
            return
        self.buffer += heard
        head, found, body = self.buffer.partition(b"\r\n\r\n")
        if not found:
            if not heard:
                self.done(selector, FAILED, 0, "closed before the answer", close=True)
            return
        lower = head.lower()
        length = int(lower.partition(b"content-length:")[2].split(b"\r\n", 1)[0] or 0)
        if len(body) < length:
            if not heard:
                self.done(selector, FAILED, 0, "cut answer", close=True)
            return
        closes = b"connection: close" in lower
        self.seen.reconnects += closes and self.keep_alive
        self.done(selector, int(head[9:12]), body[0] if body else 0, close=closes or not self.keep_alive)

    def done(self, selector: selectors.BaseSelector, status: int, letter: int, reason: str = "", *, close: bool) -> None:
        self.seen.add(self.began, status, letter, reason)
        self.began, self.next = 0.0, time.monotonic() + self.pause
        if close:
            self.drop(selector)

    def drop(self, selector: selectors.BaseSelector) -> None:
        if self.connection is not None:
            if self.connection.fileno() in selector.get_map():
                selector.unregister(self.connection)
            self.connection.close()
            self.connection = None


def main(wish: dict) -> None:
    seen, selector, told = Seen(), selectors.DefaultSelector(), False
    selector.register(sys.stdin.fileno(), selectors.EVENT_READ)
    clients = [Client(wish, seen) for _number in range(wish["clients"])]
    for client in clients:
        client.began = 0.0
    stop, ends = False, 0.0
    while not stop or (any(client.began for client in clients) and time.monotonic() < ends):
        now = time.monotonic()
        if not stop:
            for client in clients:
                if not client.began and client.next <= now:
                    client.ask(selector)
        for client in clients:
            if client.began and now - client.began > SLOW_SECONDS:
                client.done(selector, FAILED, 0, "no answer", close=True)
        for key, _events in selector.select(0.001):
            if key.data is None:
                selector.unregister(sys.stdin.fileno())
                stop, ends = True, now + SLOW_SECONDS
            else:
                key.data.hear(selector)
        if seen.began and not told:
            told = True
            print("ready", flush=True)
    seen.dump(wish["out"])


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def wrong_letters(seen: Seen, flips: list[tuple[float, float, str]], end: float) -> tuple[int, int]:
    """Of the requests that began after an acknowledgement and ended before the next switch was asked for: (wrong ones, all).

    flips: (acknowledged, asked for, letter of the colour)
    """
    wrong = checked = at = 0
    ends = [*(began for _acknowledged, began, _letter in flips[1:]), end]
    order = sorted(range(len(seen.began)), key=seen.began.__getitem__)  # they come in order of their ends
    for (acknowledged, _began, letter), until in zip(flips, ends):
        while at < len(order) and seen.began[order[at]] < until:
            began, took = seen.began[order[at]], seen.took[order[at]]
            if began > acknowledged and began + took < until:
                checked += 1
                wrong += seen.letter[order[at]] != ord(letter)
            at += 1
    return wrong, checked


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
