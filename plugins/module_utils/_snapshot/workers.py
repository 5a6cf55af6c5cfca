# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbered pieces of work in forked processes: threads would wait for each other at every small read."""

from __future__ import annotations

import gc
import os
import pickle
import select
import signal
import struct
import tempfile
from collections.abc import Callable, Iterator
from typing import IO, Any, NamedTuple, NoReturn, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.limits import Limits
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.pace import Pace

CHUNKS = 4096  # 4 bytes each: all of them fit into a pipe
NUMBER = struct.Struct("=I")
Work = Callable[[int], Any]


class Crew(NamedTuple):
    limits: Limits
    pace: Optional[Pace]
    parent: int
    source: int  # a pipe of chunk numbers, of which each worker takes the next
    chunks: int
    total: int


def run(count: int, work: Work, limits: Limits, pace: Optional[Pace], chunk: int = 1) -> dict[int, Any]:
    """{number: work(number)} for all numbers below `count`, in any order. Where a worker died its numbers are worked on here."""
    found: dict[int, Any] = {}
    if limits.processes() > 1 or limits.gentle():
        for number, result in _forked(count, work, limits, pace, chunk):
            found[number] = result
    for number in range(count):
        if number not in found:
            found[number] = work(number)
    return found


def _forked(count: int, work: Work, limits: Limits, pace: Optional[Pace], chunk: int) -> Iterator[tuple[int, Any]]:
    chunks = max(1, min(CHUNKS, count // chunk))
    source, sink = os.pipe()
    os.write(sink, b"".join(NUMBER.pack(number) for number in range(chunks)))
    os.close(sink)
    ends, end = os.pipe()  # closed by the last worker that ends, however it ends
    crew = Crew(limits, pace, os.getpid(), source, chunks, count)
    answers: list[IO[bytes]] = []
    children: list[int] = []
    try:
        for number in range(1, limits.processes() + 1):
            answers.append(_scratch())
            child = _fork()
            if child == 0:
                _child(crew, work, number, answers[-1])
            if child:
                children.append(child)
        os.close(end)
        end = -1
        while not select.select([ends], [], [], 1.0 if pace else None)[0]:
            if pace:
                pace.report()
        for answer in answers:
            yield from _answers(answer)
    finally:
        for descriptor in (source, ends, end):
            if descriptor >= 0:
                os.close(descriptor)
        for answer in answers:
            answer.close()
        _end(children)


def _child(crew: Crew, work: Work, number: int, answer: IO[bytes]) -> NoReturn:
    try:
        gc.disable()
        crew.limits.step_back()
        if crew.pace:
            crew.pace.become(number)
        while os.getppid() == crew.parent:
            taken = os.read(crew.source, NUMBER.size)
            if not taken:
                answer.flush()
                break
            for index in range(NUMBER.unpack(taken)[0], crew.total, crew.chunks):
                pickle.dump((index, work(index)), answer, pickle.HIGHEST_PROTOCOL)
    finally:
        os._exit(0)  # never back into the caller's own code, whatever happened


def _answers(answer: IO[bytes]) -> Iterator[tuple[int, Any]]:
    answer.seek(0)
    while True:
        try:
            number, result = pickle.load(answer)  # noqa: S301 - written by our own child, where nobody else can write
        except (EOFError, pickle.UnpicklingError):
            return
        yield number, result


def _end(children: list[int]) -> None:
    for child in children:
        os.kill(child, signal.SIGKILL)  # they have ended already, unless we were interrupted
        os.waitpid(child, 0)


def _fork() -> Optional[int]:
    try:
        return os.fork()
    except OSError:  # too many processes: the ones that are there do the work
        return None


def _scratch() -> IO[bytes]:
    """In memory, with no name that anybody could open."""
    if hasattr(os, "memfd_create"):
        return open(os.memfd_create("evenkeel"), "w+b")
    return tempfile.TemporaryFile()
