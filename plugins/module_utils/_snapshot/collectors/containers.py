# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`containers`: what podman and docker have, images by digest. Nothing that moves by itself: no id of a container, no age, no exit code."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot import texts
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.host import Host
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import Items, Unknown, printable

NAME = "containers"
KINDS = ("container", "image")
STATES = {"stopped": "exited", "configured": "created", "initialized": "created", "stopping": "running"}
NONE = "<none>"
SYSTEM_STORAGE = "/var/lib/containers"
USER_STORAGE = "/.local/share/containers/storage"


def collect(options: Mapping[str, Any], host: Host) -> Items:  # noqa: ARG001  all collectors are called alike
    engines = {name: read for name, read in (("podman", _podman), ("docker", _docker)) if host.which(name)}
    if not engines:
        raise Unknown("neither podman nor docker is installed")
    items: Items = {}
    for name, read in engines.items():
        try:
            items.update(read(host))
        except Unknown as exc:
            items[f"container:{name}"] = {"unknown": f"{exc}{', asked by another than root' if os.geteuid() else ''}"}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as exc:
            items[f"container:{name}"] = {"unknown": f"{name} wrote what is not its JSON ({type(exc).__name__})"}
    return {**items, **(_others(host) if "podman" in engines else {})}


def _podman(host: Host) -> Items:
    items: Items = {}
    for one in json.loads("\n".join(host.lines(["podman", "ps", "--all", "--no-trunc", "--format", "json"])) or "[]"):
        ports = [_podman_port(port) for port in one.get("Ports") or ()]
        found = _container(image=one["Image"], image_id=one["ImageID"], command=one.get("Command") or (), state=one["State"], ports=ports, host=host)
        items[f"container:podman/{printable(one['Names'][0])}"] = found
    for one in json.loads("\n".join(host.lines(["podman", "images", "--digests", "--format", "json"])) or "[]"):
        for name in one.get("Names") or [one["Id"][:12]]:
            items[f"image:podman/{printable(name)}"] = {"id": _bare(one["Id"]), "digest": one.get("Digest") or ""}
    return items


def _podman_port(port: Mapping[str, Any]) -> str:
    count = int(port.get("range") or 1)
    first, inner = int(port["host_port"]), int(port["container_port"])
    outer, within = (f"{one}-{one + count - 1}" if count > 1 else str(one) for one in (first, inner))
    return f"{port.get('host_ip') or '*'}:{outer}->{within}/{port.get('protocol') or 'tcp'}"


def _docker(host: Host) -> Items:
    items: Items = {}
    ids = host.lines(["docker", "ps", "--all", "--quiet", "--no-trunc"])
    # One that is gone by now makes the code 1; the others are told all the same.
    text = "\n".join(host.lines(["docker", "container", "inspect", *ids], codes=(0, 1))) if ids else "[]"
    for one in json.loads(text):
        settings, command = one["Config"], [one.get("Path") or "", *(one.get("Args") or ())]
        bound = (one.get("HostConfig") or {}).get("PortBindings") or {}
        ports = [f"{outer.get('HostIp') or '*'}:{outer.get('HostPort')}->{inner}" for inner, outers in bound.items() for outer in outers or ()]
        found = _container(image=settings["Image"], image_id=one["Image"], command=command, state=one["State"]["Status"], ports=ports, host=host)
        items[f"container:docker/{printable(one['Name'].lstrip('/'))}"] = found
    for line in host.lines(["docker", "images", "--digests", "--no-trunc", "--format", "{{json .}}"]):
        one = json.loads(line)
        name = _bare(one["ID"])[:12] if NONE in (one["Repository"], one["Tag"]) else f"{one['Repository']}:{one['Tag']}"
        digest = "" if one["Digest"] == NONE else one["Digest"]
        items[f"image:docker/{printable(name)}"] = {"id": _bare(one["ID"]), "digest": digest}
    return items


def _container(*, image: str, image_id: str, command: Sequence[str], state: str, ports: Sequence[str], host: Host) -> dict[str, Any]:
    shown, hidden = texts.shown(" ".join(map(shlex.quote, command)), host)
    lower = state.lower()
    return {"image": image, "image_id": _bare(image_id), "command": shown, "state": STATES.get(lower, lower), "ports": sorted(ports), **hidden}


def _bare(digest: str) -> str:
    return digest.partition(":")[2] or digest


def _others(host: Host) -> Items:
    """Each user has containers of their own, which podman shows to that user alone."""
    items: Items = {}
    own = os.path.expanduser("~")
    for home in [home for home in host.glob("/home/*") if home != own]:
        # A home that we may not enter may hold some.
        if os.path.isdir(host.path(home + USER_STORAGE)) or not os.access(host.path(home), os.X_OK):
            name = printable(os.path.basename(home))
            items[f"container:podman/~{name}"] = {"unknown": f"containers of the user {name} are shown to that user alone"}
    if os.geteuid() and os.path.isdir(host.path(SYSTEM_STORAGE)):
        items["container:podman/~root"] = {"unknown": "containers of root are shown to root alone"}
    return items
