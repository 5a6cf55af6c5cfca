# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks as a graph: each starts when what it needs is done and nobody holds what it claims, the longest way to the end first."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, NamedTuple

ALONE, SHARED = True, False


class Task(NamedTuple):
    name: str
    act: Callable[[Any, threading.Event], None]  # (worker, stopped)
    after: tuple[str, ...] = ()
    cost: float = 0.0
    claims: Mapping[str, bool] = {}  # thing -> ALONE or SHARED: a lock that the server would make others wait for


def ways(tasks: Sequence[Task]) -> dict[str, float]:
    """Cost from the start of each task to the end of all that waits for it."""
    waiting: dict[str, list[Task]] = {}
    for task in tasks:
        for name in task.after:
            waiting.setdefault(name, []).append(task)
    found: dict[str, float] = {}
    for task in reversed(ordered(tasks)):
        found[task.name] = task.cost + max((found[one.name] for one in waiting.get(task.name, [])), default=0.0)
    return found


def ordered(tasks: Sequence[Task]) -> list[Task]:
    """Every task behind those it needs."""
    left = {task.name: task for task in tasks}
    found: list[Task] = []
    while left:
        ready = [task for task in left.values() if not any(name in left for name in task.after)]
        if not ready:
            raise ValueError(f"Tasks wait for each other: {', '.join(sorted(left))}")
        for task in ready:
            found.append(left.pop(task.name))
    return found


class Board:
    """What is to do, what runs, what is done. All of it under one condition."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        length = ways(tasks)
        self.left = sorted(tasks, key=lambda task: -length[task.name])
        self.running: list[Task] = []
        self.done: set[str] = set()
        self.changed = threading.Condition()
        self.stopped = threading.Event()

    def _free(self, task: Task) -> bool:
        for other in self.running:
            for thing, alone in task.claims.items():
                if thing in other.claims and (alone or other.claims[thing]):
                    return False
        return all(name in self.done for name in task.after)

    def take(self) -> Task | None:
        """The next task; None when nothing is left for this worker."""
        with self.changed:
            while not self.stopped.is_set() and self.left:
                for task in self.left:
                    if self._free(task):
                        self.left.remove(task)
                        self.running.append(task)
                        return task
                self.changed.wait()
            return None

    def finish(self, task: Task) -> None:
        with self.changed:
            self.running.remove(task)
            self.done.add(task.name)
            self.changed.notify_all()

    def stop(self) -> None:
        with self.changed:
            self.stopped.set()
            self.changed.notify_all()


def run(workers: Sequence[Any], tasks: Sequence[Task], *, cancel: Callable[[Any], None] = lambda _worker: None) -> list[BaseException]:
    """Runs all tasks; `cancel(worker)` wakes those that wait for a server when one has failed. The errors, the first one first."""
    board, errors = Board(tasks), list[BaseException]()

    def drain(worker: Any) -> None:
        try:
            while True:
                task = board.take()
                if task is None:
                    return
                task.act(worker, board.stopped)
                board.finish(task)
        except BaseException as exc:
            first = not board.stopped.is_set()
            errors.append(exc)
            board.stop()
            if first:
                for other in workers:
                    if other is not worker:
                        cancel(other)

    with ThreadPoolExecutor(max(1, len(workers))) as pool:
        for worker in workers:
            pool.submit(drain, worker)
    return errors
