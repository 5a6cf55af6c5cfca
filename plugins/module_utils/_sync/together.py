# SPDX-License-Identifier: GPL-3.0-or-later
"""Several databases in one refresh: snapshots at one moment, and either all of them switch or none does."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, NamedTuple

from ansible_collections.evenkeel.release.plugins.module_utils._sync import engines
from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError

Params = Mapping[str, Any]
Tell = Callable[[dict[str, Any]], None]
Run = Callable[..., dict[str, Any]]


class Stopped(SyncError):
    """This database was fine; another one wasn't."""


class Failure(NamedTuple):
    name: str
    error: BaseException


class Rendezvous:
    """Lets nobody read before everybody's snapshot stands, so that the snapshots lie milliseconds apart."""

    def __init__(self, parties: int, seconds: float) -> None:
        self.barrier = threading.Barrier(parties)
        self.seconds = seconds
        self.times: list[float] = []

    def arrive(self) -> None:
        self.times.append(time.monotonic())
        try:
            self.barrier.wait(self.seconds)
        except threading.BrokenBarrierError:
            raise Stopped("Stopped, because another database of this refresh could not open its snapshot.") from None

    def give_up(self) -> None:
        self.barrier.abort()

    @property
    def apart(self) -> float:
        """Seconds between the first and the last snapshot."""
        return round(max(self.times) - min(self.times), 4) if self.times else 0.0


def synchronize(databases: Sequence[Params], *, check_mode: bool, tell: Tell, run: Run = engines.synchronize) -> dict[str, Any]:
    """`databases` have names of their own. One is synchronized by itself; of several all switch or none does."""
    if len(databases) == 1:
        return run(databases[0], check_mode=check_mode, tell=_named(databases[0], tell))
    if check_mode:
        # As they would be: what can't be prepared is refused, and no mode is chosen that can't be.
        found = {each["name"]: run({**each, "phase": "prepare"}, check_mode=True, tell=_named(each, tell)) for each in databases}
        return {"changed": any(one["changed"] for one in found.values()), "databases": found}
    return _all_or_none(databases, tell, run)


def _named(params: Params, tell: Tell) -> Tell:
    return lambda event: tell({**event, "name": params.get("name", "")})


def _all_or_none(databases: Sequence[Params], tell: Tell, run: Run) -> dict[str, Any]:
    meeting = Rendezvous(len(databases), max(float(each.get("lock_timeout") or 0) for each in databases) + 60)
    try:
        prepared = _prepare(databases, tell, run, meeting)
        _switch(databases, tell, run)
    except BaseException as exc:
        # An interrupt too: what was made ready is taken away, what was switched is switched back.
        left = _revert(databases, tell, run)
        if isinstance(exc, SyncError):
            raise SyncError(str(exc) + left) from None
        raise
    for each in databases:
        run({**each, "phase": "confirm"}, check_mode=False, tell=_named(each, tell))
    return {"changed": any(one["changed"] for one in prepared.values()), "databases": prepared, "snapshots_apart": meeting.apart}


def _prepare(databases: Sequence[Params], tell: Tell, run: Run, meeting: Rendezvous) -> dict[str, dict[str, Any]]:
    failures: list[Failure] = []
    done: dict[str, dict[str, Any]] = {}

    def prepare(each: Params) -> None:
        def hear(event: dict[str, Any]) -> None:
            if failures:
                raise Stopped("Stopped, because another database of this refresh failed.")
            if event.get("event") == "snapshot":
                meeting.arrive()
            tell({**event, "name": each["name"]})

        try:
            done[each["name"]] = run({**each, "phase": "prepare"}, check_mode=False, tell=hear)
        except BaseException as exc:
            failures.append(Failure(each["name"], exc))
            meeting.give_up()

    with ThreadPoolExecutor(len(databases)) as pool:
        list(pool.map(prepare, databases))
    if failures:
        raise _first(failures)
    return done


def _first(failures: Sequence[Failure]) -> BaseException:
    """The cause, not those who were stopped because of it."""
    cause = min(failures, key=lambda one: (isinstance(one.error, Stopped), not isinstance(one.error, SyncError)))
    if not isinstance(cause.error, SyncError):
        return cause.error
    return SyncError(f"{cause.name}: {cause.error} No database of this refresh was switched.")


def _switch(databases: Sequence[Params], tell: Tell, run: Run) -> None:
    for each in databases:
        try:
            run({**each, "phase": "swap"}, check_mode=False, tell=_named(each, tell))
        except SyncError as exc:
            raise SyncError(f"{each['name']}: {exc} Those that had been switched are switched back.") from None


def _revert(databases: Sequence[Params], tell: Tell, run: Run) -> str:
    """What could not be undone, as a sentence to add."""
    left = []
    for each in reversed(databases):
        try:
            run({**each, "phase": "revert"}, check_mode=False, tell=_named(each, tell))
        except SyncError as exc:
            left.append(f"{each['name']} ({exc})")
    return f" Not undone: {'; '.join(left)}. Run the refresh again, it begins by undoing." if left else ""
