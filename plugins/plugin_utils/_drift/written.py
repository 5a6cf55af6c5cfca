# SPDX-License-Identifier: GPL-3.0-or-later
"""What a deployment writes on a host, as globs over item paths. Pure.

Only this is expected to differ afterwards. A list that is too long hides what somebody else did, so every entry names a thing that the
roles deploy, configure and runtime really write.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import printable
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.patterns import literal, matches

COLOURS = ("blue", "green")
# The old release that ran anew beside a canary for a while.
BASELINE = "baseline"
UNITS = "/etc/systemd/system"


class Written(NamedTuple):
    """Whatever matches `patterns`; what matches `added` only when it was not there before.

    `trees` are folders that never change once they are there: each is expected to be new as a whole. `removed` are such folders that
    the deployment took away as a whole. `reread` was compared key by key and is now a file like any other: its content may be new.
    """

    patterns: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    trees: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    reread: tuple[str, ...] = ()


def together(parts: Sequence[Written]) -> Written:
    return Written(*(tuple(dict.fromkeys(entry for part in parts for entry in part[field])) for field in range(len(Written._fields))))


def by_service(
    item: Mapping[str, Any], *, host: str, service: Mapping[str, Any], config: Sequence[str], supervisor: str = "", removed: Sequence[str] = ()
) -> Written:
    """On a host of the service. item: of the plan's settled services; config: configuration files that its snapshots parse to keys;
    removed: versions that retention took away."""
    root, idle = str(item["hosts"][host]["root"]), str(item["idle"])
    forward = item["keep"] == idle
    folders = [f"{root}/config/{idle}", *([f"{root}/config/live"] if forward else [])]
    names = [str(each["name"]) for each in service.get("config") or []]
    files = [f"{folder}/{name}" for folder in folders for name in names]
    release = f"{root}/releases/{item['release']}"
    return Written(
        patterns=(
            *(_file(path) for path in (f"{root}/current", f"{root}/config/live", *files)),
            *_keys(files, config),
            *_program(item, host=host, runtime=str(service.get("runtime") or "process"), supervisor=supervisor),
            *_ports(item["hosts"][host]),
        ),
        added=tuple(_file(path) for path in (root, f"{root}/releases", f"{root}/config", f"{root}/config/{idle}")),
        trees=(printable(release),),
        removed=tuple(printable(f"{root}/releases/{version}") for version in removed),
        reread=tuple(_file(f"{root}/config/{item['live']}/{name}") for name in names if forward),
    )


def by_balancer(item: Mapping[str, Any], *, host: str) -> Written:
    """A switch is kept in the balancer's map file as well."""
    return Written(patterns=tuple(_file(str(each["map"])) for each in item.get("balancer") or [] if each["host"] == host and each.get("map")))


def _file(path: str) -> str:
    return "file:" + literal(printable(path))


def _keys(files: Sequence[str], config: Sequence[str]) -> list[str]:
    """`config:<name>:` where one parsed file has that name, `config:<path>:` where several share it."""
    found = []
    for path in files:
        name = path.rpartition("/")[2]
        alike = [entry for entry in config if matches(entry, path) or entry.rpartition("/")[2] == name]
        if any(matches(entry, path) for entry in alike):
            found.append(f"config:{literal(printable(path))}:**")
            if alike == [path]:
                found.append(f"config:{literal(printable(name))}:**")
    return found


def _program(item: Mapping[str, Any], *, host: str, runtime: str, supervisor: str) -> list[str]:
    """Both colours: one is started, the other stopped."""
    names = [f"{item['service']}-{colour}" for colour in (*COLOURS, *([BASELINE] if item.get(BASELINE) else []))]
    if runtime == "systemd":
        files = [path for name in names for path in (f"{UNITS}/{name}.service", f"{UNITS}/{name}.env", f"{UNITS}/multi-user.target.wants/{name}.service")]
        return [*map(_file, files), *(f"service:{literal(name)}.service" for name in names)]
    if not supervisor:
        return []
    files = [f"{supervisor}/{folder}/{name}-{host}.{end}" for name in names for folder, end in (("conf.d", "conf"), ("launch", "sh"))]
    return [_file(path) for path in files]


def _ports(at: Mapping[str, Any]) -> list[str]:
    address = str(at.get("address") or "")
    shown = f"[{address}]" if ":" in address else address
    return [f"port:tcp:{literal(shown)}:{port}" for colour, port in sorted((at.get("ports") or {}).items()) if colour in COLOURS]
