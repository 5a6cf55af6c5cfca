# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.access import Access
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.faults import Fault, SecretsError, fail
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.grant import Grant
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.pins import Secret
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.server import Broker
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.session import Session
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.terms import Ref

ACCESS = Access("http://vault", "approle", (("role_id", "r"), ("secret_id", "hidden")))
DB = Ref("kv", "db")


class FakeServer:
    """A server in memory with the signature of the real one."""

    def __init__(self, access: Access = ACCESS, *, ttl: int | None = 60, own: bool = True) -> None:
        self.access = access
        self.version = 1
        self.left = 60
        self.ttl, self.own = ttl, own
        self.faults: list[SecretsError] = []
        self.calls: list[str] = []
        self.gate = threading.Event()
        self.gate.set()

    def _log(self, call: str) -> None:
        self.calls.append(call)
        if self.faults:
            raise self.faults.pop(0)

    def login(self) -> Grant:
        self._log("login")
        return Grant(f"t{self.calls.count('login')}", self.ttl, self.ttl is not None, own=self.own)

    def read(self, ref: Ref) -> Secret:
        self._log(f"read {ref}")
        self.gate.wait(5)
        return Secret({"v": ref.version or self.version}, ref.version or self.version)

    def renew(self) -> int:
        self._log("renew")
        return self.left

    def revoke(self, token: str) -> None:
        self._log(f"revoke {token}")

    def close(self) -> None:
        pass


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


@pytest.fixture
def session(server: FakeServer) -> Iterator[Session]:
    session = Session(server)
    yield session
    session.end(attempts=1)


def test_many_at_once_share_one_login_and_one_read(server: FakeServer, session: Session) -> None:
    server.gate.clear()
    with ThreadPoolExecutor(20) as pool:
        asks = [pool.submit(session.read, [DB]) for _host in range(20)]
        server.gate.set()
        assert {ask.result()[0].version for ask in asks} == {1}  # type: ignore[union-attr]
    assert server.calls == ["login", "read kv/db"]


def test_the_first_version_stays(server: FakeServer, session: Session) -> None:
    session.read([DB])
    server.version = 2
    assert session.read([DB]) == [Secret({"v": 1}, 1)]
    assert session.read([Ref("kv", "db", 1)]) == [Secret({"v": 1}, 1)]
    assert session.read([Ref("kv", "db", 2)]) == [Secret({"v": 2}, 2)]
    assert server.calls == ["login", "read kv/db", "read kv/db version 2"]


def test_a_failed_read_is_tried_again_when_asked_again(server: FakeServer, session: Session) -> None:
    session.read([])
    server.faults = [fail("absent", "not there")]
    assert session.read([DB]) == [Fault("absent", "not there")]
    assert session.read([DB]) == [Secret({"v": 1}, 1)]


def test_a_refused_login_is_final_and_a_lost_connection_is_not(server: FakeServer, session: Session) -> None:
    server.faults = [fail("unreachable", "x"), fail("login", "no")]
    for kind in ("unreachable", "login", "login"):
        with pytest.raises(SecretsError) as caught:
            session.read([DB])
        assert caught.value.faults[0].kind == kind
    assert server.calls == ["login", "login"]


def test_a_server_in_trouble_is_asked_once_a_second() -> None:
    now = [0.0]
    server = FakeServer(Access("http://vault", "token", (), concurrency=1))
    session = Session(server, clock=lambda: now[0])
    session.read([])
    server.faults = [fail("sealed", "sealed")]
    refs = [Ref("kv", str(number)) for number in range(50)]
    assert set(session.read(refs)) == {Fault("sealed", "sealed")}
    assert server.calls == ["login", "read kv/0"]
    now[0] = 2.0
    assert session.read([DB]) == [Secret({"v": 1}, 1)]
    session.end(attempts=1)


def test_the_end_revokes_only_what_was_got_by_login() -> None:
    for own, calls in ((True, ["login", "revoke t1"]), (False, ["login"])):
        server = FakeServer(own=own)
        session = Session(server)
        session.read([])
        session.end(attempts=1)
        assert server.calls == calls
        with pytest.raises(SecretsError):
            session.read([DB])


def test_revocation_is_repeated_while_the_server_is_away(server: FakeServer) -> None:
    session = Session(server)
    session.read([])
    server.faults = [fail("unreachable", "x"), fail("sealed", "x")]
    session.end(attempts=3, pause=0)
    assert server.calls == ["login"] + ["revoke t1"] * 3


def test_renewal_near_the_maximum_life_becomes_a_new_login(server: FakeServer, session: Session) -> None:
    session.read([])
    assert session.refresh() == 40
    server.left = 10
    assert session.refresh() == 40
    assert server.calls == ["login", "renew", "renew", "login", "revoke t1"]


def test_a_users_token_that_cannot_be_renewed_is_left_alone() -> None:
    server = FakeServer(own=False)
    session = Session(server)
    session.read([])
    server.faults = [fail("token", "refused")]
    assert session.refresh() is None
    assert server.calls == ["login", "renew"]
    session.end(attempts=1)


def test_the_broker_keeps_logins_of_different_accesses_apart() -> None:
    servers: list[FakeServer] = []

    def connect(access: Access) -> FakeServer:
        servers.append(FakeServer(access))
        return servers[-1]

    broker = Broker(connect)
    wire: dict[str, Any] = ACCESS.to_wire()
    other = {**wire, "namespace": "team"}
    for access in (wire, other, wire):
        reply = broker.answer({"access": access, "wants": [["kv", "db", None, "v"], ["kv", "db", None, "x"]]})
        assert reply["outcomes"][0] == {"value": 1, "version": 1}
        assert "no key 'x'" in reply["outcomes"][1]["fault"]["text"]
    assert [server.calls for server in servers] == [["login", "read kv/db"]] * 2
    broker.end()


def test_nothing_secret_shows_in_a_repr() -> None:
    assert "hidden" not in repr(ACCESS)
    assert "tok" not in repr(Grant("tok", 1, True, own=True))
    assert "pw" not in repr(Secret({"password": "pw"}, 1))
