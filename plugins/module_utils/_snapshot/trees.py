# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages of pip, npm and gem below a folder, by the files in which they describe themselves; nothing of them is run."""

from __future__ import annotations

import json
import os
import re
from typing import Any, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.host import Host
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import Items, Unknown, printable
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.texts import add, shown

FIELD = re.compile(r"^(Name|Version):[ \t]*(\S+)", re.MULTILINE)
PIP = re.compile(r"(.+)\.(?:dist-info|egg-info)")
GEM = re.compile(r"(.+?)-(\d[^/]*)\.gemspec")
# Where a tree keeps its packages: the folder itself, a virtual environment, an application, a gem home.
PLACES = {
    "pip": ("", "/lib/python3*/site-packages", "/lib64/python3*/site-packages", "/lib/python3*/dist-packages", "/lib/python3/dist-packages"),
    "npm": ("", "/node_modules", "/lib/node_modules"),
    "gem": ("/specifications", "/specifications/default"),
}


def collect(tree: str, host: Host) -> Items:
    """A tree without packages is empty; one that is not there is unknown, or a misspelt path would be a host without drift."""
    if not os.path.isdir(host.path(tree)):
        return {f"package:tree{printable(tree)}": {"unknown": f"there is no folder {tree}"}}
    items: Items = {}
    seen: set[str] = set()
    for kind, places in PLACES.items():
        for pattern in places:
            if kind == "npm" and not pattern and os.path.basename(tree) != "node_modules":
                continue
            for folder in host.glob(tree + pattern) if pattern else [tree]:
                # lib64 is often a link to lib
                real = f"{kind} {os.path.realpath(host.path(folder))}"
                if real not in seen:
                    seen.add(real)
                    _folder(kind, folder, host, items)
    return items


def _folder(kind: str, folder: str, host: Host, items: Items) -> None:
    try:
        names = host.names(folder)
    except FileNotFoundError:
        return
    except Unknown as exc:
        items[f"package:{kind}{printable(folder)}"] = {"unknown": str(exc)}
        return
    for name in names:
        if kind == "pip" and PIP.fullmatch(name):
            _put(items, kind, folder, _pip(f"{folder}/{name}", name, host))
        elif kind == "gem" and GEM.fullmatch(name):
            _put(items, kind, folder, _gem(name))
        elif kind == "npm" and name.startswith("@"):
            _folder_of_scope(folder, name, host, items)
        elif kind == "npm" and not name.startswith("."):
            _put(items, kind, folder, _npm(f"{folder}/{name}", name, host))


def _folder_of_scope(folder: str, scope: str, host: Host, items: Items) -> None:
    try:
        for name in host.names(f"{folder}/{scope}"):
            _put(items, "npm", folder, _npm(f"{folder}/{scope}/{name}", f"{scope}/{name}", host))
    except (FileNotFoundError, Unknown):
        return


def _put(items: Items, kind: str, folder: str, found: Optional[tuple[str, dict[str, Any]]]) -> None:
    if found:
        add(items, f"package:{kind}{printable(folder)}/{printable(found[0])}", found[1])


def _pip(path: str, name: str, host: Host) -> Optional[tuple[str, dict[str, Any]]]:
    plain = PIP.sub(r"\1", name).partition("-")[0]
    for file in (f"{path}/METADATA", f"{path}/PKG-INFO", path):
        try:
            fields = dict(reversed(FIELD.findall(host.text(file)[:4096])))
            break
        except FileNotFoundError:
            continue
        except Unknown as exc:
            if file != path or not os.path.isdir(host.path(path)):
                return _pip_name(plain), {"unknown": str(exc)}
    else:
        return None
    return _pip_name(fields.get("Name", plain)), {"version": fields.get("Version", ""), **_source(path, host)}


def _pip_name(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _source(path: str, host: Host) -> dict[str, Any]:
    """Where it came from when that is not the index: a folder that is worked in, a repository."""
    try:
        url = json.loads(host.text(f"{path}/direct_url.json"))["url"]
        safe, mark = shown(str(url), host)
    except (FileNotFoundError, Unknown, ValueError, TypeError, KeyError, RecursionError):
        return {}
    return {"source": safe, **mark}


def _npm(path: str, name: str, host: Host) -> Optional[tuple[str, dict[str, Any]]]:
    try:
        found = json.loads(host.text(f"{path}/package.json"))
    except FileNotFoundError:
        return None
    except Unknown as exc:
        return name, {"unknown": str(exc)}
    except (ValueError, RecursionError):
        return name, {"unknown": f"{path}/package.json is not JSON"}
    version = found.get("version", "") if isinstance(found, dict) else ""
    return name, {"version": str(version)}


def _gem(name: str) -> Optional[tuple[str, dict[str, Any]]]:
    found = GEM.fullmatch(name)
    return (found.group(1), {"version": found.group(2)}) if found else None
