# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stop, start, swap the programs, promote, follow. Each act leaves a server that runs, or says what was left."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._pgnode import facts
from ansible_collections.evenkeel.release.plugins.module_utils._pgnode.errors import NodeError, PromotionError
from ansible_collections.evenkeel.release.plugins.module_utils._pgnode.observe import caught_up, expect, look
from ansible_collections.evenkeel.release.plugins.module_utils._pgnode.rewind import rewind
from ansible_collections.evenkeel.release.plugins.module_utils._pgnode.server import Server, told

STARTUP_LOG = "evenkeel-startup.log"


# --- stop and start -------------------------------------------------------------------------------------------------
def stop(server: Server) -> dict[str, Any]:
    """A clean shutdown; the control data afterwards. Replicas get all of the log before it ends."""
    halt(server)
    control = facts.control(server.tool("pg_controldata", "-D", server.data))
    if control["state"] not in ("shut down", "shut down in recovery"):
        raise NodeError(f"{server.name} is stopped, but its state is {control['state']!r}, not a clean shutdown. Start it, look into its log, run again.")
    return control


def halt(server: Server) -> None:
    seconds = int(server.settings["wait"])
    if not server.running():
        return
    if server.settings["stop"]:
        _service(server, "stop")
    else:
        server.tool("pg_ctl", "stop", "-D", server.data, "-m", "fast", "-w", "-t", str(seconds), "-s")
    if not server.wait(seconds, lambda: not server.running()):
        raise NodeError(f"{server.name} still runs {seconds} s after its stop. Look into its log; nothing else was done.")


def start(server: Server) -> None:
    """Running and answering. A package that starts the server by itself has done the first half."""
    seconds = int(server.settings["wait"])
    if not server.running():
        if server.settings["start"]:
            _service(server, "start")
        else:
            _start(server, server.path(STARTUP_LOG), seconds)
    why = [""]

    def answers() -> bool:
        try:
            server.sql("select 1")
        except NodeError as exc:
            why[0] = str(exc)
            return False
        return True

    if not server.wait(seconds, answers):
        raise NodeError(f"{server.name} does not answer {seconds} s after its start. {why[0]}")


def _start(server: Server, log: str, seconds: int) -> None:
    """pg_ctl only says that it failed; why is in what the server wrote since."""
    before = os.path.getsize(log) if os.path.exists(log) else 0
    try:
        server.tool("pg_ctl", "start", "-D", server.data, "-w", "-t", str(seconds), "-s", "-l", log)
    except NodeError as exc:
        written = ""
        if os.path.exists(log):
            with open(log, "rb") as file:
                file.seek(before)
                written = file.read().decode(errors="replace")
        raise NodeError(f"{exc} Its log says: {told(written)}" if written.strip() else str(exc)) from exc


def _service(server: Server, act: str) -> None:
    argv = [str(word) for word in server.settings[act]]
    code, out, error = server.plain(argv)
    if code:
        raise NodeError(f"{server.name}: {argv[0]} (option {act}) ended with {code}: {told(error or out)}")


# --- programs -------------------------------------------------------------------------------------------------------
def swap(server: Server, folder: str) -> None:
    """Point the link at another folder of programs, in one step."""
    link = server.bindir.rstrip("/")
    if not os.path.islink(link):
        raise NodeError(
            f"{server.name}: bindir {link} is no symbolic link, so it can't be pointed at {folder}. Make it one, that the server's start uses,"
            " or give install, the command that brings the new programs."
        )
    partial = f"{link}.evenkeel"
    if os.path.islink(partial):
        os.unlink(partial)
    os.symlink(folder, partial)
    os.replace(partial, link)


def _link(server: Server) -> str:
    """What the link points at, for the way back."""
    link = server.bindir.rstrip("/")
    return os.readlink(link) if os.path.islink(link) else ""


def bring(server: Server) -> None:
    """The new programs in place of the old."""
    settings = server.settings
    if server.installed() == settings["version"]:
        return
    if settings["new_bindir"]:
        swap(server, settings["new_bindir"])
    elif settings["install"]:
        _service(server, "install")
    else:
        raise NodeError(f"{server.name} has {server.installed()} and neither new_bindir nor install to get {settings['version']} with.")
    found = server.installed()
    if found != settings["version"]:
        raise NodeError(f"{server.name}: the new programs are {found}, wanted is {settings['version']}.")


def put_back(server: Server, before: str) -> None:
    folder = server.settings["old_bindir"] or before
    if server.settings["new_bindir"] and folder:
        swap(server, folder)
    elif server.settings["revert"]:
        _service(server, "revert")


# --- the acts of an upgrade -----------------------------------------------------------------------------------------
def upgrade(server: Server, *, role: str) -> dict[str, Any]:
    """A replica, a lone primary, or a stopped server that becomes a replica. When the new programs don't serve, the old ones do again."""
    settings = server.settings
    found = look(server)
    if found["state"] == "running":
        found = expect(server, role)
        if found["version"] == found["installed"] == settings["version"] and not settings["upstream"]:
            return {"changed": False, **reached(server, role)}
        if role == "primary":
            server.sql("checkpoint")
    _prepare(server)
    if found["state"] == "running":
        stop(server)
    if settings["upstream"]:
        reattach(server)
    before = _link(server)
    try:
        bring(server)
        start(server)
        return {"changed": True, **reached(server, role)}
    except NodeError as exc:
        raise NodeError(f"{exc} {_way_back(server, before)}") from exc


def _prepare(server: Server) -> None:
    """What takes long is done while the server still serves."""
    if server.settings["prepare"]:
        _service(server, "prepare")


def _way_back(server: Server, before: str) -> str:
    try:
        put_back(server, before)  # first, since the new programs may not even stop a server
        halt(server)
        start(server)
        return f"The way back was taken: {server.name} runs {look(server)['version']}."
    except NodeError as exc:
        return f"The way back failed too: {exc} {server.name} is down; install the old programs and start it by hand, data in {server.data}."


def reached(server: Server, role: str) -> dict[str, Any]:
    """The server after the act, which must have come to where it should."""
    seconds = server.settings["wait"]
    if role == "replica" and not server.wait(seconds, lambda: caught_up(look(server), server.settings["max_lag"])):
        found = look(server)
        raise NodeError(
            f"{server.name} has not caught up within {seconds:g} s: streaming {found['streaming']}, lag {found['lag_bytes']} bytes, allowed"
            f" {server.settings['max_lag']}."
        )
    found = expect(server, role)
    if found["version"] != server.settings["version"]:
        raise NodeError(f"{server.name} runs {found['version']} after the start, wanted is {server.settings['version']}.")
    return {"node": found}


def step_down(server: Server) -> dict[str, Any]:
    """Stop the primary for good: from here on, whatever starts it gets a replica of the new one, never a second primary."""
    found = look(server)
    if found["state"] == "running":
        expect(server, "primary")
        server.sql("checkpoint")  # the shutdown's own has little left to write
    control = stop(server)
    fence(server)
    return {"changed": True, "after": control["checkpoint"], "timeline": control["timeline"]}


def fence(server: Server) -> None:
    """standby.signal makes a start read-only, primary_conninfo tells whom to follow."""
    point(server)
    # Its slot is on the server that it followed before, and the new primary has none for it.
    _set(server, "primary_slot_name", "")
    server.write(server.path("standby.signal"), "")


def point(server: Server) -> None:
    """Written as `alter system` would, but without a statement, which the server might log with its password."""
    where = {key: server.settings["upstream"].get(key) for key in ("host", "port", "user", "password", "passfile", "sslmode")}
    _set(server, "primary_conninfo", facts.conninfo({**where, "application_name": server.name}))


def _set(server: Server, name: str, value: str) -> None:
    path = server.path("postgresql.auto.conf")
    with open(path, encoding="utf-8") as file:
        kept = facts.without(file.read(), (name,))
    server.write(path, kept + facts.setting(name, value))


def resume(server: Server) -> dict[str, Any]:
    """The way back before a promotion: the old primary serves again."""
    if os.path.exists(server.path("standby.signal")):
        os.unlink(server.path("standby.signal"))
    start(server)
    return {"changed": True, "node": expect(server, "primary")}


def promote(server: Server) -> dict[str, Any]:
    """Only when it has replayed the last record of the old primary; otherwise it stays a replica."""
    settings = server.settings
    found = look(server)
    if found["role"] == "replica" and found["state"] == "running":
        last = facts.lsn(settings["after"])
        if not server.wait(settings["wait"], lambda: facts.lsn(server.sql("select pg_last_wal_replay_lsn()")) > last):
            raise NodeError(
                f"{server.name} has replayed to {look(server)['lsn']} and not past {settings['after']}, where the old primary ended, within"
                f" {settings['wait']:g} s. It was not promoted, because rows would be lost."
            )
        _promote(server)
    slots(server, settings["slots"])
    server.sql("checkpoint")  # so that pg_rewind of another server sees the new timeline
    return {"changed": found["role"] == "replica", "node": expect(server, "primary")}


def _promote(server: Server) -> None:
    """pg_promote does not withdraw its request when it gives up or is cancelled."""
    if server.sql("select has_function_privilege('pg_promote(boolean, integer)', 'execute')") != "t":
        raise NodeError(f"{server.name}: {server.settings['user']} may not call pg_promote. Nothing was promoted; grant it, then run again.")
    seconds = int(server.settings["wait"])
    try:
        done = server.sql(f"select pg_promote(true, {seconds})") == "t"
    except NodeError as exc:
        raise PromotionError(f"{exc} The promotion of {server.name} was asked for and may still happen. Look into its log, then run again.") from exc
    if not done:
        raise PromotionError(f"{server.name} did not finish its promotion within {seconds} s, and may still. Look into its log, then run again.")


def slots(server: Server, wanted: Sequence[str]) -> None:
    """The replicas keep what is theirs on the new primary as they had on the old one."""
    have = {slot["name"] for slot in look(server)["slots"]}
    for name in sorted(set(wanted) - have):
        server.sql(f"select pg_create_physical_replication_slot({quoted(name)}, true)")


def drop_slots(server: Server, names: Sequence[str]) -> list[str]:
    """Slots that nobody reads any more would keep the log until the disk is full."""
    idle = sorted({slot["name"] for slot in look(server)["slots"] if slot["kind"] == "physical" and not slot["active"]} & set(names))
    for name in idle:
        server.sql(f"select pg_drop_replication_slot({quoted(name)})")
    return idle


def reattach(server: Server) -> None:
    """A stopped server that was a primary becomes a replica; what only it has is rewound when that was allowed."""
    settings = server.settings
    upstream: Mapping[str, Any] = settings["upstream"]
    if settings["rewind"]:
        source = facts.conninfo({"host": upstream["host"], "port": upstream["port"], "user": settings["user"], "dbname": settings["database"]})
        rewind(server, source)
    fence(server)


def repoint(server: Server) -> dict[str, Any]:
    """A running replica of the old primary follows the new one, without a restart."""
    expect(server, "replica")
    point(server)
    server.sql("select pg_reload_conf()")
    if not server.wait(server.settings["wait"], lambda: caught_up(look(server), server.settings["max_lag"])):
        raise NodeError(f"{server.name} was pointed at the new primary, but does not stream from it. Look into its log, then run again.")
    return {"changed": True, "node": look(server)}


def quoted(text: str) -> str:
    return "'{}'".format(text.replace("'", "''")) if "\\" not in text else "E'{}'".format(text.replace("\\", "\\\\").replace("'", "''"))
