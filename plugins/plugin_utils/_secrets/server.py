# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets import wire
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.access import Access
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.answers import key_fault
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.faults import Fault, SecretsError
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.pins import Secret
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.run import Run
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.session import Outcome, Server, Session
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.terms import Ref

POLL = 0.5
Connect = Callable[[Access], Server]


class Broker:
    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._sessions: dict[Access, Session] = {}
        self._lock = threading.Lock()

    def answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        asked = [(Ref(mount, path, version), key) for mount, path, version, key in request["wants"]]
        refs = list(dict.fromkeys(ref for ref, _key in asked))
        try:
            session = self._session(Access.from_wire(request["access"]))
            found = dict(zip(refs, session.read(refs)))
        except SecretsError as exc:
            return {"faults": [asdict(fault) for fault in exc.faults]}
        return {"outcomes": [_select(ref, key, found[ref]) for ref, key in asked], "ttl": session.ttl()}

    def end(self) -> None:
        ends = [threading.Thread(target=session.end) for session in self._sessions.values()]
        for end in ends:
            end.start()
        for end in ends:
            end.join()

    def _session(self, access: Access) -> Session:
        with self._lock:
            if access not in self._sessions:
                self._sessions[access] = Session(self._connect(access))
            return self._sessions[access]


def _select(ref: Ref, key: str | None, outcome: Outcome) -> dict[str, Any]:
    if isinstance(outcome, Secret):
        if key is None:
            return {"value": outcome.data, "version": outcome.version}
        if key in outcome.data:
            return {"value": outcome.data[key], "version": outcome.version}
        outcome = key_fault(ref, key, list(outcome.data))
    return {"fault": asdict(outcome)}


def serve(run: Run, listener: socket.socket) -> None:
    """Answer until the run is gone, then give back what was borrowed."""
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    broker = Broker(_connect_hvac())
    with listener, _watch(run) as watch:
        waiting = [listener, *watch]
        while not over.is_set() and run.alive():
            ready = select.select(waiting, [], [], POLL)[0]
            if listener in ready:
                sock = listener.accept()[0]
                threading.Thread(target=_converse, args=(broker, sock), daemon=True).start()
    broker.end()
    os._exit(0)  # threads may still wait for a server that does not answer


@contextlib.contextmanager
def _watch(run: Run) -> Any:
    """A descriptor that wakes us the moment the run ends; where the kernel has none, the poll notices."""
    try:
        descriptor = os.pidfd_open(run.pid)
    except (OSError, AttributeError):
        yield ()
        return
    try:
        yield (descriptor,)
    finally:
        os.close(descriptor)


def _converse(broker: Broker, sock: socket.socket) -> None:
    with sock, contextlib.suppress(ConnectionError, OSError):
        if wire.same_user(sock):
            wire.send(sock, _guarded(broker, wire.receive(sock)))


def _guarded(broker: Broker, request: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return broker.answer(request)
    except Exception as exc:  # the asker must hear of it; the text of an unknown error might hold a value
        fault = Fault("broker", f"The secrets broker met an unexpected {type(exc).__name__}; please report it.")
        return {"faults": [asdict(fault)]}


def _connect_hvac() -> Connect:
    """Imported here, while askers already queue on the socket: it is the slowest step of the first answer."""
    try:
        from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.vault import Vault
    except ImportError as exc:
        text = f"The Python of ansible-core can't import {exc.name}. Install it there: pip install hvac"
        fault = SecretsError([Fault("install", text)])

        def refuse(_access: Access) -> Server:
            raise fault

        return refuse
    return Vault
