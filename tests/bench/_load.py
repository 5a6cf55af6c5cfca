# SPDX-License-Identifier: GPL-3.0-or-later
"""The load of the integration tests, made by a program in C where there is a compiler: ten times as many requests for the same processor."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from ..integration.traffic.load import Load, Seen

if TYPE_CHECKING:
    from ._runner import Bench

SOURCE = Path(__file__).with_name("load.c")


def built(bench: Bench) -> Path | None:
    """None: without a compiler the load is Python's."""
    binary = bench.tmp / "load"
    compiler = None if binary.exists() else bench.need("cc")
    if compiler:
        subprocess.run([compiler, "-O2", "-Wall", "-Wextra", str(SOURCE), "-o", str(binary)], check=True)
    return binary if binary.exists() else None


class Native:
    """As `Load`; moreover a body that is none of `bodies` is a failed request."""

    def __init__(self, binary: Path, port: int, *, clients: int = 16, keep_alive: bool = True, pause: float = 0.0, bodies: tuple[str, ...] = ()) -> None:
        self.seen = Seen()
        self._folder = tempfile.TemporaryDirectory(prefix="evenkeel-load-")
        self._out = Path(self._folder.name) / "seen"
        self._argv = [str(binary), str(port), str(clients), str(int(keep_alive)), str(pause), str(self._out), *bodies]

    def __enter__(self) -> Native:
        self._process = subprocess.Popen(self._argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        if not self._process.stdout.readline():  # the first answer has come
            raise RuntimeError(f"{self._argv[0]} ended with {self._process.wait()}")
        return self

    def __exit__(self, *_exc: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        if self._process.wait(60):
            raise RuntimeError(f"{self._argv[0]} ended with {self._process.returncode}")
        self.seen = Seen.load(self._out)
        self._folder.cleanup()


def load(
    bench: Bench, port: int, *, clients: int = 16, keep_alive: bool = True, pause: float = 0.0, bodies: tuple[str, ...] = ("blue", "green")
) -> Native | Load:
    binary = built(bench)
    if binary is None:
        return Load(port, clients=clients, keep_alive=keep_alive, pause=pause)
    return Native(binary, port, clients=clients, keep_alive=keep_alive, pause=pause, bodies=bodies)
