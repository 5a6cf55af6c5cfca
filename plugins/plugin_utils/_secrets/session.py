# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol, Union

from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.access import Access
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.faults import Fault, SecretsError, fail
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.grant import Grant
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.pins import Pins, Secret
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.terms import Ref

# After these the rest of a batch would fail the same way: say it once instead of hammering a server in trouble.
SHARED = {"sealed", "server", "tls", "unreachable", "busy"}
HOLD = 1.0


class Server(Protocol):
    access: Access

    def login(self) -> Grant: ...
    def read(self, ref: Ref) -> Secret: ...
    def renew(self) -> int: ...
    def revoke(self, token: str) -> None: ...
    def close(self) -> None: ...


Outcome = Union[Secret, Fault]


class Session:
    """One login for the run, its token kept alive, and what was read with it."""

    def __init__(self, server: Server, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._server = server
        self._clock = clock
        self._lock = threading.Lock()
        self._grant: Grant | None = None
        self._ends: float | None = None
        self._owned: list[str] = []
        self._refused: SecretsError | None = None
        self._trouble: tuple[float, SecretsError | None] = (0.0, None)
        self._over = threading.Event()
        self._pool = ThreadPoolExecutor(server.access.concurrency, thread_name_prefix="read")
        self._pins = Pins(self._start_read)

    def read(self, refs: Sequence[Ref]) -> list[Outcome]:
        self._ensure_login()
        futures = [self._pins.get(ref) for ref in refs]
        return [_outcome(future) for future in futures]

    def ttl(self) -> int | None:
        """Seconds left of the token, None when it does not end or that is not known."""
        return None if self._ends is None else max(0, int(self._ends - self._clock()))

    def end(self, *, attempts: int = 6, pause: float = 2.0) -> None:
        """Revoke what we got by logging in; a server that is away for a moment gets some seconds to come back."""
        self._over.set()
        self._pool.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            waiting, self._owned = self._owned, []
        for attempt in range(attempts):
            waiting = [token for token in waiting if not self._revoked(token)]
            if not waiting:
                break
            if attempt + 1 < attempts:
                time.sleep(pause)
        self._server.close()

    def _revoked(self, token: str) -> bool:
        try:
            self._server.revoke(token)
        except SecretsError as exc:
            return exc.faults[0].kind == "token"  # refused: it is dead already
        return True

    def _ensure_login(self) -> None:
        with self._lock:
            if self._over.is_set():
                raise fail("over", "The run this login belonged to is over.")
            if self._refused is not None:
                raise self._refused
            if self._grant is None:
                self._login()
                threading.Thread(target=self._keep_alive, name="renew", daemon=True).start()

    def _login(self) -> None:
        try:
            grant = self._server.login()
        except SecretsError as exc:
            # A definite no stays no for the same credentials: repeating it per host would lock the role out.
            if exc.faults[0].kind == "login":
                self._refused = exc
            raise
        self._grant = grant
        self._ends = None if grant.ttl is None else self._clock() + grant.ttl
        if grant.own and not grant.batch:
            self._owned.append(grant.token)

    def _start_read(self, ref: Ref) -> Future[Secret]:
        return self._pool.submit(self._read_one, ref)

    def _read_one(self, ref: Ref) -> Secret:
        until, trouble = self._trouble
        if trouble is not None and self._clock() < until:
            raise trouble
        try:
            return self._server.read(ref)
        except SecretsError as exc:
            if exc.faults[0].kind in SHARED:
                self._trouble = (self._clock() + HOLD, exc)
            raise

    def _keep_alive(self) -> None:
        wait = self._grant.ttl * 2 / 3 if self._grant and self._grant.ttl else None
        while wait is not None and not self._over.wait(wait):
            try:
                wait = self.refresh()
            except SecretsError as exc:
                # A server away for a moment is asked again; meanwhile reads say what is wrong.
                wait = 5.0 if exc.faults[0].kind in SHARED else None

    def refresh(self) -> float | None:
        """Renew, or log in anew when the maximum life is near. Seconds until the next time, None when that is all."""
        with self._lock:
            grant = self._grant
            if grant is None or grant.ttl is None or self._over.is_set():
                return None
            left = self._renewed() if grant.renewable and not grant.batch else 0
            if grant.own and left * 2 < grant.ttl:
                self._login()
                left = (self._grant.ttl if self._grant else None) or 0
                if not grant.batch and self._revoked(grant.token):
                    self._owned.remove(grant.token)
            return max(1.0, left * 2 / 3) if left else None

    def _renewed(self) -> int:
        try:
            left = self._server.renew()
        except SecretsError as exc:
            if exc.faults[0].kind in SHARED:
                raise
            return 0
        self._ends = self._clock() + left
        return left


def _outcome(future: Future[Secret]) -> Outcome:
    try:
        return future.result()
    except SecretsError as exc:
        return exc.faults[0]
