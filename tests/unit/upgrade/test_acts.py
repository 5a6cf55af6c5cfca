# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of what is done on a host, and the ways back, on a stand-in for PostgreSQL's programs."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._pgnode import acts, backup, observe
from ansible_collections.evenkeel.release.plugins.module_utils._pgnode.errors import NodeError, PromotionError
from ansible_collections.evenkeel.release.plugins.module_utils._pgnode.server import Server

SECRET = "it's a \\ secret"


class Programs:
    """What the programs would answer. The version is that of the folder which `bin` points at."""

    def __init__(self, place: Path, role: str = "primary") -> None:
        self.place, self.role, self.up = place, role, True
        self.running = "18.4"
        self.done: list[str] = []
        self.broken: set[str] = set()  # versions that do not start
        self.replayed, self.paused, self.promotion = "0/4000000", False, ""
        for version in ("18.4", "18.6"):
            (place / version).mkdir()
        (place / "data/pg_wal").mkdir(parents=True)
        (place / "data/postgresql.auto.conf").write_text("work_mem = '4MB'\nprimary_conninfo = 'host=old'\n")
        (place / "bin").symlink_to(place / "18.4")

    def version(self, program: str) -> str:
        return Path(program).parent.resolve().name

    def run(self, argv: list[str], **more: Any) -> tuple[int, str, str]:
        name = Path(argv[0]).name
        if name == "pg_ctl":
            name = f"pg_ctl {argv[1]}"
        assert SECRET not in " ".join(argv)
        return getattr(self, name.replace(" ", "_"))(argv, more.get("data"))  # type: ignore[no-any-return]

    def postgres(self, argv: list[str], _data: str | None) -> tuple[int, str, str]:
        return 0, f"postgres (PostgreSQL) {self.version(argv[0])}\n", ""

    def pg_controldata(self, _argv: list[str], _data: str | None) -> tuple[int, str, str]:
        state = "in production" if self.up else "shut down" if self.role == "primary" else "shut down in recovery"
        where = "Latest checkpoint location: 0/3000148\nLatest checkpoint's TimeLineID: 1\n"
        return 0, f"Database cluster state: {state}\nDatabase system identifier: 75\n{where}", ""

    def pg_ctl_status(self, _argv: list[str], _data: str | None) -> tuple[int, str, str]:
        return (0 if self.up else 3), "", ""

    def pg_ctl_stop(self, _argv: list[str], _data: str | None) -> tuple[int, str, str]:
        self.up = False
        self.done.append("stop")
        return 0, "", ""

    def pg_ctl_start(self, argv: list[str], _data: str | None) -> tuple[int, str, str]:
        version = self.version(argv[0])
        self.done.append(f"start {version}")
        if version in self.broken:
            return 1, "", "could not start server"
        self.up, self.running = True, version
        if (self.place / "data/standby.signal").exists():
            self.role = "replica"
        return 0, "", ""

    def pg_rewind(self, argv: list[str], _data: str | None) -> tuple[int, str, str]:
        self.done.append("rewind")
        for name in ("postgresql.conf", "other.conf"):  # as everything else, that of the other server
            (self.place / "data" / name).write_text("port = 2\n")
        return 0, "", ""

    def psql(self, _argv: list[str], data: str | None) -> tuple[int, str, str]:
        assert data is not None
        if not self.up:
            return 2, "", "no server"
        if data == observe.STATE:
            return 0, json.dumps(self.state()), ""
        self.done.append(data)
        if data.startswith("select pg_promote"):
            if self.promotion == "cancelled":
                return 1, "", "ERROR:  canceling statement due to user request"
            if self.promotion == "late":
                return 0, "f", ""
            self.role = "primary"
        if "has_function_privilege" in data and self.promotion == "forbidden":
            return 0, "f", ""
        return 0, {"select pg_last_wal_replay_lsn()": self.replayed}.get(data, "t"), ""

    def state(self) -> dict[str, Any]:
        replica = self.role == "replica"
        return {
            "version": 180000 + int(self.running.split(".")[1]),
            "replica": replica,
            "system_identifier": "75",
            "timeline": 1,
            "lsn": self.replayed,
            "segment": None if replica else "000000010000000000000004",
            "paused": self.paused,
            "receiver": {"status": "streaming", "timeline": 1, "lag_bytes": 0} if replica else None,
            "conninfo": f"host=db9 port=5433 password='{SECRET}'",
            "slot": "",
            "synchronous": "",
            "tablespaces": 0,
            "senders": [],
            "size": 1,
            "slots": [{"name": "s1", "kind": "physical", "active": False}, {"name": "cdc", "kind": "logical", "active": False}],
        }


def server(programs: Programs, **changed: Any) -> Server:
    place = programs.place
    settings = {
        **dict.fromkeys(("old_bindir", "password", "upstream", "replication_user", "replication_password", "after")),
        **{key: [] for key in ("prepare", "install", "revert", "start", "stop", "slots")},
        "name": "db1",
        "data": str(place / "data"),
        "bindir": str(place / "bin"),
        "new_bindir": str(place / "18.6"),
        "version": "18.6",
        "socket": "/s",
        "port": 5432,
        "user": "postgres",
        "database": "postgres",
        "rewind": False,
        "max_lag": 10,
        "wait": 0.3,
        **changed,
    }
    return Server(settings, programs.run)


UPSTREAM = {"host": "db2", "port": 5432, "user": "repl", "password": SECRET, "passfile": None, "sslmode": "prefer"}


def test_a_replica_gets_the_new_programs_once(tmp_path: Path) -> None:
    programs = Programs(tmp_path, role="replica")
    found = acts.upgrade(server(programs), role="replica")
    assert (found["changed"], found["node"]["version"], found["node"]["upstream"]) == (True, "18.6", {"host": "db9", "port": 5433})
    assert [word for word in programs.done if "select" not in word] == ["stop", "start 18.6"]
    assert SECRET not in json.dumps(found)
    again = acts.upgrade(server(programs), role="replica")
    assert (again["changed"], programs.done.count("stop")) == (False, 1)


def test_a_server_that_changed_its_role_meanwhile_is_left_alone(tmp_path: Path) -> None:
    programs = Programs(tmp_path, role="primary")
    with pytest.raises(NodeError, match="db1 is a running primary by now, not a running replica"):
        acts.upgrade(server(programs), role="replica")
    assert programs.done == []


def test_new_programs_that_do_not_start_give_way_to_the_old(tmp_path: Path) -> None:
    programs = Programs(tmp_path)
    programs.broken = {"18.6"}
    with pytest.raises(NodeError, match=r"could not start server.*The way back was taken: db1 runs 18\.4"):
        acts.upgrade(server(programs), role="primary")
    assert [word for word in programs.done if "select" not in word] == ["checkpoint", "stop", "start 18.6", "start 18.4"]
    assert os.readlink(tmp_path / "bin") == str(tmp_path / "18.4")


def test_when_neither_starts_the_message_says_what_to_do(tmp_path: Path) -> None:
    programs = Programs(tmp_path)
    programs.broken = {"18.4", "18.6"}
    with pytest.raises(NodeError, match=r"The way back failed too: .* start it by hand, data in"):
        acts.upgrade(server(programs), role="primary")


def test_wrong_programs_are_put_back(tmp_path: Path) -> None:
    programs = Programs(tmp_path)
    with pytest.raises(NodeError, match=r"the new programs are 18\.6, wanted is 18\.7\. The way back was taken"):
        acts.upgrade(server(programs, version="18.7"), role="primary")
    assert (programs.up, programs.running) == (True, "18.4")


def test_a_folder_that_is_no_link_is_not_replaced(tmp_path: Path) -> None:
    programs = Programs(tmp_path)
    with pytest.raises(NodeError, match="is no symbolic link"):
        acts.upgrade(server(programs, bindir=str(tmp_path / "18.4")), role="primary")
    assert (programs.up, programs.running) == (True, "18.4")


def test_who_steps_down_starts_as_a_replica(tmp_path: Path) -> None:
    programs = Programs(tmp_path)
    found = acts.step_down(server(programs, upstream=UPSTREAM))
    assert (found["after"], programs.up) == ("0/3000148", False)
    written = (tmp_path / "data/postgresql.auto.conf").read_text()
    assert written.startswith("work_mem = '4MB'\nprimary_conninfo = 'host=''db2''")
    assert "old" not in written
    assert (tmp_path / "data/postgresql.auto.conf").stat().st_mode & 0o777 == 0o600
    found = observe.look(server(programs))
    assert found["fenced"]
    assert found["upstream"] == {"host": UPSTREAM["host"], "port": UPSTREAM["port"]}  # the next run reads whom it stepped down for
    assert acts.resume(server(programs))["node"]["role"] == "primary"
    assert not (tmp_path / "data/standby.signal").exists()


def test_promoted_only_with_all_of_the_log(tmp_path: Path) -> None:
    programs = Programs(tmp_path, role="replica")
    programs.replayed = "0/3000148"  # the last record begins there
    with pytest.raises(NodeError, match="It was not promoted, because rows would be lost"):
        acts.promote(server(programs, after="0/3000148"))
    assert programs.role == "replica"
    programs.replayed = "0/30001C0"
    found = acts.promote(server(programs, after="0/3000148", slots=["s1", "s2"]))
    assert (found["changed"], found["node"]["role"]) == (True, "primary")
    assert [word for word in programs.done if "slot" in word] == ["select pg_create_physical_replication_slot('s2', true)"]
    assert acts.promote(server(programs, after="0/3000148"))["changed"] is False


@pytest.mark.parametrize(("promotion", "pending"), [("late", True), ("cancelled", True), ("forbidden", False)])
def test_a_promotion_that_may_still_happen_is_told_apart(tmp_path: Path, promotion: str, pending: bool) -> None:
    programs = Programs(tmp_path, role="replica")
    programs.promotion = promotion
    with pytest.raises(NodeError) as caught:
        acts.promote(server(programs, after="0/3000148"))
    assert isinstance(caught.value, PromotionError) is pending


def test_an_old_primary_does_not_ask_the_new_one_for_the_slot_it_had(tmp_path: Path) -> None:
    programs = Programs(tmp_path)
    (tmp_path / "data/postgresql.auto.conf").write_text("primary_slot_name = 'db1'\n")
    acts.step_down(server(programs, upstream=UPSTREAM))
    written = (tmp_path / "data/postgresql.auto.conf").read_text()
    assert "primary_slot_name = ''\n" in written
    assert written.count("primary_slot_name") == 1


def test_what_a_killed_backup_of_this_server_left_is_swept(tmp_path: Path) -> None:
    programs = Programs(tmp_path)
    own = str(tmp_path / "data")
    for name, text, proved in (("killed", own, False), ("other", "/another", False), ("proved", own, True)):
        (tmp_path / "backups" / name).mkdir(parents=True)
        (tmp_path / "backups" / name / backup.UNFINISHED).write_text(text)
        if proved:
            (tmp_path / "backups" / name / observe.BACKUP_NOTE).write_text("{}")
    (tmp_path / "backups/by-hand").mkdir()
    backup.sweep(server(programs, backup_dir=str(tmp_path / "backups")))
    assert sorted(path.name for path in (tmp_path / "backups").iterdir()) == ["by-hand", "other", "proved"]


def test_an_old_primary_comes_back_as_a_replica(tmp_path: Path) -> None:
    programs = Programs(tmp_path)
    programs.up = False
    (tmp_path / "data/conf.d").mkdir()
    for name in ("postgresql.conf", "conf.d/tls.key"):
        (tmp_path / "data" / name).write_text("port = 1\n")
    (tmp_path / "data/conf.d/tls.key").chmod(0o600)
    found = acts.upgrade(server(programs, upstream=UPSTREAM, rewind=True), role="replica")
    assert [word for word in programs.done if "select" not in word] == ["rewind", "start 18.6"]
    assert found["node"]["role"] == "replica"
    assert (tmp_path / "data/postgresql.conf").read_text() == "port = 1\n"
    assert (tmp_path / "data/conf.d/tls.key").stat().st_mode & 0o777 == 0o600
    assert not (tmp_path / "data/other.conf").exists()
    assert not (tmp_path / "data.evenkeel-own").exists()


def test_what_a_killed_rewind_kept_is_put_back(tmp_path: Path) -> None:
    programs = Programs(tmp_path)
    programs.up = False
    (tmp_path / "data/postgresql.conf").write_text("port = 2\n")
    (tmp_path / "data.evenkeel-own").mkdir()
    for name, text in (("postgresql.conf", "port = 1\n"), ("postgresql.auto.conf", "")):
        (tmp_path / "data.evenkeel-own" / name).write_text(text)
    acts.upgrade(server(programs, upstream=UPSTREAM, rewind=True), role="replica")
    assert (tmp_path / "data/postgresql.conf").read_text() == "port = 1\n"


def test_only_idle_physical_slots_are_dropped(tmp_path: Path) -> None:
    programs = Programs(tmp_path)
    assert acts.drop_slots(server(programs), ["s1", "cdc", "s9"]) == ["s1"]


def test_a_replica_is_pointed_at_the_new_primary_without_a_statement(tmp_path: Path) -> None:
    programs = Programs(tmp_path, role="replica")
    acts.repoint(server(programs, upstream=UPSTREAM))
    assert programs.done == ["select pg_reload_conf()"]
    assert "host=''db2''" in (tmp_path / "data/postgresql.auto.conf").read_text()
    assert not (tmp_path / "data/standby.signal").exists()


def test_one_act_at_a_time(tmp_path: Path) -> None:
    programs = Programs(tmp_path)
    with server(programs).alone(), pytest.raises(NodeError, match="another act holds"), server(programs).alone():
        pytest.fail("both held it")
    with server(programs).alone():
        pass


def test_a_proved_backup_is_found_and_half_of_one_is_not(tmp_path: Path) -> None:
    for name, note in (("a", {"verified": True, "system_identifier": "75", "finished": 0}), ("b", {"verified": True}), ("c", {"verified": False})):
        (tmp_path / name).mkdir()
        (tmp_path / name / observe.BACKUP_NOTE).write_text(json.dumps(note))
    (tmp_path / "d").mkdir()
    found = observe.latest_backup(str(tmp_path), "75")
    assert found is not None
    assert found["age_seconds"] > 10**9
    assert observe.latest_backup(str(tmp_path), "76") is None
